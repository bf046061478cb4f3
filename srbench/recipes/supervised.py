"""Supervised training: LR in, SR out, a loss against HR."""

from collections.abc import Callable
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from srbench.data.patches import Batch


class Supervised(L.LightningModule):
    """Trains `model` on batches of patches.

    `loss`: (sr, hr), both (N, 3, H, W) in float32, to a scalar. `optimizer`: parameters → optimizer. `schedule`:
    optimizer → schedule of the learning rate, stepped after each step. `ema`: decay of an exponential moving average
    of the weights, which is then what `trained` returns; None for none.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: nn.Module,
        optimizer: Callable[..., torch.optim.Optimizer],
        schedule: Callable[..., torch.optim.lr_scheduler.LRScheduler],
        ema: float | None,
    ) -> None:
        super().__init__()
        self.model, self.loss = model, loss
        self.make_optimizer, self.make_schedule = optimizer, schedule
        self.average = None if ema is None else AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(ema))

    @property
    def trained(self) -> nn.Module:
        """The model with the weights to evaluate."""
        return self.model if self.average is None else self.average.module

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss of one batch."""
        if getattr(self.model, "scales", None):
            self.model.scale = batch.scale  # type: ignore[assignment]
        lr, hr = as_images(batch.lr), as_images(batch.hr)
        sr = self.model(lr) if batch.thumbnail is None else self.model(lr, batch.thumbnail.permute(0, 3, 1, 2))
        return self.loss(sr.float(), hr)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Moves the average, where there is one, with every step: a checkpoint written after it holds both."""
        super().optimizer_step(*args, **kwargs)
        if self.average is not None:
            self.average.update_parameters(self.model)

    def configure_optimizers(self) -> Any:
        """Lightning's hook: the trainable parameters' optimizer, and its schedule by steps."""
        optimizer = self.make_optimizer([p for p in self.model.parameters() if p.requires_grad])
        schedule = {"scheduler": self.make_schedule(optimizer), "interval": "step"}
        return {"optimizer": optimizer, "lr_scheduler": schedule}


def as_images(pixels: Tensor) -> Tensor:
    """uint8 (N, H, W, 3) → float32 (N, 3, H, W) in [0, 1]; the memory stays in the order that is channels_last."""
    return pixels.permute(0, 3, 1, 2).float() / 255
