"""Supervised training: LR in, SR out, a loss against HR."""

from collections.abc import Mapping

from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn

from srbench.core.pixel_format import white_of
from srbench.data.supply import Batch
from srbench.models.traits import traits_of, use_scale
from srbench.recipes.average import Average
from srbench.recipes.length import Length
from srbench.recipes.losses import as_sum
from srbench.recipes.recipe import MakeOptimizer, MakeSchedule, Recipe, check_makers


class Supervised(Recipe):
    """Trains `model` on batches of patches.

    `loss`: (sr, hr), both (N, 3, H, W) in float32, to a scalar; or several by name, of which the weighted sum is
    trained. `optimizer`: parameters → optimizer. `schedule`: (optimizer, updates) → schedule of the learning rate.
    `gradient_clip`: the largest norm of the gradient. `ema`: decay of an exponential moving average of the weights,
    which is then the result; None for none.
    """

    capturable = True

    def __init__(
        self,
        model: nn.Module,
        length: Length,
        loss: nn.Module | Mapping[str, nn.Module],
        optimizer: MakeOptimizer,
        schedule: MakeSchedule,
        gradient_clip: float | None = None,
        ema: float | None = None,
        accumulate: int = 1,
    ) -> None:
        super().__init__(length, accumulate)
        check_makers("", optimizer, schedule)
        if gradient_clip is not None and not (isinstance(gradient_clip, int | float) and gradient_clip > 0):
            raise ValueError(f"gradient_clip is {gradient_clip}; it must be a number above 0, or null.")
        self.model, self.loss = model, as_sum(loss)
        self.parts, self.frozen = self.loss.parts, (self.loss,)
        self.make_optimizer, self.make_schedule, self.gradient_clip = optimizer, schedule, gradient_clip
        self.average = None if ema is None else Average(model, ema)

    @property
    def result(self) -> nn.Module:
        """The model with the weights to evaluate."""
        return self.average.module if self.average else self.model

    def training_step(self, batch: Batch, index: int) -> dict[str, Tensor]:
        """The loss of one batch, after its update."""
        loss, parts = self.losses(batch)
        (optimizer,) = self.all_optimizers
        self.update(optimizer, loss, self.gradient_clip)
        return {"loss": loss.detach(), **parts}

    def losses(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a batch, and its `parts`, detached."""
        return self.loss(*self.images(batch))  # type: ignore[no-any-return]

    def images(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """SR of a batch, and its HR, both float32 (N, 3, H, W)."""
        return sr_of(self.model, batch), as_images(batch.hr)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Lightning's hook: the trainable parameters' optimizer, and its schedule."""
        optimizer = self.make_optimizer([p for p in self.model.parameters() if p.requires_grad])
        return self.with_schedule(optimizer, self.make_schedule)


def sr_of(model: nn.Module, batch: Batch) -> Tensor:
    """What a network makes of a batch at its scale, float32 (N, 3, H, W); it is given the picture of the whole LR image
    if it looks at one."""
    use_scale(model, batch.scale)
    lr, looks = as_images(batch.lr), traits_of(model).thumbnail
    sr: Tensor = model(lr, as_thumbnails(batch.thumbnail)) if looks and batch.thumbnail is not None else model(lr)
    return sr.float()


def as_images(pixels: Tensor) -> Tensor:
    """uint8 or uint16 (N, H, W, C), or floats on 0–255 → float32 (N, C, H, W) in [0, 1]; the memory stays in the order
    that is channels_last."""
    return pixels.permute(0, 3, 1, 2).float() / white_of(pixels.dtype)


def as_thumbnails(pictures: Tensor) -> Tensor:
    """(N, t, t, C) → (N, C, t, t)."""
    return pictures.permute(0, 3, 1, 2)
