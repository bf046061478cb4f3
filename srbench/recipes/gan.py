"""Adversarial training: a generator by losses against HR and against a discriminator, which is trained beside it."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from srbench.data.supply import Batch
from srbench.models.layers.full_precision import in_full_precision
from srbench.recipes.adversarial import AdversarialLoss
from srbench.recipes.length import Length
from srbench.recipes.recipe import MakeOptimizer, MakeSchedule, check_makers
from srbench.recipes.supervised import Supervised

OWN_PARTS = ("adversarial", "discriminator", "r1")

MakeDiscriminator = Callable[[int], nn.Module]


class GAN(Supervised):
    """Trains `model` by `loss`, as Supervised does, plus `adversarial`; after each of its steps follows one of the
    discriminator, on the same batch and the SR from before the step.

    `discriminator`: side of a patch → network, (N, 3, H, W) in [0, 1] → logits; it has an optimizer and a schedule of
    its own. `r1`: weight γ of the penalty γ/2 · |∇D(hr)|² of Mescheder et al., "Which Training Methods for GANs do
    actually Converge?", ICML 2018, §4.1, None for none; it is taken every `r1_every` steps, times that number (Karras
    et al., CVPR 2020, §3.1). `ema`: of the generator's weights.

    Parts: each loss without its weight, "adversarial" likewise, "discriminator", and "r1", the penalty with its weight.
    """

    critics = ("discriminator",)
    capturable = True

    def __init__(
        self,
        model: nn.Module,
        length: Length,
        loss: nn.Module | Mapping[str, nn.Module],
        adversarial: AdversarialLoss,
        discriminator: MakeDiscriminator,
        optimizer: MakeOptimizer,
        schedule: MakeSchedule,
        discriminator_optimizer: MakeOptimizer,
        discriminator_schedule: MakeSchedule,
        r1: float | None = None,
        r1_every: int = 16,
        gradient_clip: float | None = None,
        ema: float | None = None,
        accumulate: int = 1,
    ) -> None:
        super().__init__(model, length, loss, optimizer, schedule, gradient_clip, ema, accumulate)
        check_makers("discriminator_", discriminator_optimizer, discriminator_schedule)
        if not isinstance(adversarial, AdversarialLoss):
            raise ValueError(f"adversarial is {adversarial}, where a loss of srbench.recipes.adversarial is needed.")
        if r1 is not None and not (isinstance(r1, int | float) and r1 > 0):
            raise ValueError(f"r1 is {r1}; it must be a number above 0, or null.")
        if type(r1_every) is not int or r1_every < 1:
            raise ValueError(f"r1_every is {r1_every}; it must be a whole number from 1 on.")
        for name in self.loss.weights:
            if name in OWN_PARTS:
                raise ValueError(f"loss.{name}: a term is called by a word, and not {', '.join(OWN_PARTS)}.")
        self.adversarial, self.r1, self.r1_every = adversarial, r1, r1_every
        scale = getattr(model, "scale", 1)
        self.patch = length.hr_patch // scale * scale  # of a crop
        self.discriminator = _made(discriminator, self.patch)
        self.make_discriminator_optimizer = discriminator_optimizer
        self.make_discriminator_schedule = discriminator_schedule
        self.parts = (*self.loss.parts, *(OWN_PARTS if r1 else OWN_PARTS[:2]))

    @property
    def variant(self) -> bool:
        """Whether R1 is taken."""
        return self.r1 is not None and (self.step - 1) % self.r1_every == 0

    def training_step(self, batch: Batch, index: int) -> dict[str, Tensor]:
        """The losses of one batch, after both updates."""
        of_generator, of_discriminator = self.all_optimizers
        sr, hr = self.images(batch)
        self.discriminator.requires_grad_(False)
        loss, parts = self.loss(sr, hr)
        with torch.no_grad():
            real = self.discriminator(hr).float() if self.adversarial.needs_real else None
        parts["adversarial"] = self.adversarial.of_generator(real, self.discriminator(sr).float())
        loss = loss + self.adversarial.weight * parts["adversarial"]
        self.update(of_generator, loss, self.gradient_clip)
        self.discriminator.requires_grad_(True)
        parts |= self._of_discriminator(sr.detach(), hr)
        self.update(of_discriminator, parts["discriminator"] + parts.get("r1", 0))
        return {"loss": loss.detach()} | {name: part.detach() for name, part in parts.items()}

    def _of_discriminator(self, sr: Tensor, hr: Tensor) -> dict[str, Tensor]:
        real, fake = self.discriminator(hr).float(), self.discriminator(sr).float()
        parts = {"discriminator": self.adversarial.of_discriminator(real, fake)}
        if self.r1:
            parts["r1"] = self.r1 / 2 * self.r1_every * self._penalty(hr) if self.variant else hr.new_zeros(())
        return parts

    def _penalty(self, hr: Tensor) -> Tensor:
        """|∇D(hr)|², the mean over the images; in float32, as it is differentiated twice."""
        images = hr.detach().requires_grad_()
        with in_full_precision(hr.device):
            (gradient,) = torch.autograd.grad(self.discriminator(images).sum(), images, create_graph=True)
        return gradient.square().sum((1, 2, 3)).mean()

    def configure_optimizers(self) -> Any:
        """Lightning's hook: the generator's optimizer, then the discriminator's."""
        optimizer = self.make_discriminator_optimizer(self.discriminator.parameters())
        return [super().configure_optimizers(), self.with_schedule(optimizer, self.make_discriminator_schedule)]


def _made(discriminator: MakeDiscriminator, patch: int) -> nn.Module:
    """Of the stage's patch. ValueError where it cannot be, or gives probabilities, of which no loss here is."""
    if isinstance(discriminator, nn.Module) or not callable(discriminator):
        raise ValueError(f"discriminator is {type(discriminator).__name__}; write its class with _partial_: true.")
    told = discriminator.keywords.get("patch", patch) if isinstance(discriminator, partial) else patch
    if told != patch:
        raise ValueError(f"discriminator.patch is {told}, and the stage's patches are {patch} pixels; leave it out.")
    try:
        made = discriminator(patch)
    except (TypeError, ValueError) as error:
        raise ValueError(f"discriminator for patches of {patch} (budget.hr_patch): {error}") from error
    if isinstance(getattr(made, "answer", None), nn.Sigmoid):
        raise ValueError("discriminator.sigmoid is true; the losses take logits, and hold the sigmoid themselves.")
    return made
