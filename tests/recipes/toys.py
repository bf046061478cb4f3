"""Trainings of a second or less, for the tests of recipes."""

from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from srbench.data.images import write_image
from srbench.data.patches import Patches
from srbench.data.supply import Batch, Supply
from srbench.models.carn import CARN
from srbench.recipes.average import Average
from srbench.recipes.fit import Session
from srbench.recipes.length import Length
from srbench.recipes.recipe import Recipe
from srbench.recipes.schedules import constant, cosine, multistep
from srbench.recipes.stages import Stage
from srbench.recipes.supervised import Supervised, as_images


def write_images(folder: Path, height: int = 48) -> list[Path]:
    """Two images of 64×`height` with waves."""
    y, x = np.mgrid[:height, :64]
    for i in range(2):
        image = 127 + 120 * np.sin(np.stack([x / (3 + i), y / 4, (x + y) / 5], axis=2))
        write_image(folder / f"{i}.png", image.astype(np.uint8))
    return sorted(folder.glob("*.png"))


def small_carn() -> CARN:
    torch.manual_seed(0)
    return CARN(width=4, blocks=1, units=1, atrous=[1])


def patches(files: list[Path], length: Length, stage: int = 0, seed: int = 0) -> Patches:
    return Patches(Supply(files, 2, None, length.batch_size, length.hr_patch, seed, stage))


def supervised(**changes) -> partial[Supervised]:
    settings = {
        "loss": nn.L1Loss(),
        "optimizer": partial(torch.optim.Adam, lr=1e-3),
        "schedule": cosine,
        "gradient_clip": 1.0,
    }
    return partial(Supervised, **(settings | changes))


def a_stage(files, steps=12, val_every=4, recipe=None, name="pixel", **changes) -> Stage:
    """A stage of a recipe, else of `supervised`, in batches of two patches of 16."""
    length = Length(steps, 2, 16, val_every)
    settings = {"batches": lambda: patches(files, length), "epoch_steps": 5}
    return Stage(name, recipe or supervised(), length=length, **(settings | changes))


def a_session(validate=lambda model: 30.0, tell=lambda *_: None, precision="bf16-mixed", **changes) -> Session:
    return Session(0, "cpu", precision, validate, tell, **changes)


def weights(model: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def two_stages(files: list[Path]) -> list[Stage]:
    """Which differ in batch, patch, loss, learning rate, schedule, clipping and averaging."""
    pixel, detail = Length(12, 2, 16, 4), Length(10, 3, 24, 4)
    first = supervised(ema=0.9, optimizer=partial(torch.optim.AdamW, lr=4e-3))
    falling = partial(multistep, milestones=[6], gamma=0.5)
    second = supervised(loss=nn.MSELoss(), schedule=falling, gradient_clip=None)
    return [
        Stage("pixel", first, lambda: patches(files, pixel), pixel, 5),
        Stage("detail", second, lambda: patches(files, detail, stage=1), detail, 4),
    ]


class Adversarial(Recipe):
    """A generator with an average, a schedule and clipping, and a critic that draws: RReLU and dropout."""

    parts = ("pixel", "adversarial", "critic")
    critics = ("critic",)

    def __init__(self, model: nn.Module, length: Length, accumulate: int = 1) -> None:
        super().__init__(length, accumulate)
        self.model = model
        self.critic = nn.Sequential(nn.Conv2d(3, 4, 3), nn.RReLU(), nn.Dropout(0.3), nn.Conv2d(4, 1, 3))
        self.average = Average(model, 0.8)

    @property
    def result(self) -> nn.Module:
        return self.average.module

    def training_step(self, batch: Batch, index: int) -> dict[str, Tensor]:
        generator, critic = self.all_optimizers
        losses = self.losses_of_generator(batch)
        self.update(generator, losses["pixel"] + 0.1 * losses["adversarial"], clip=0.1)
        losses["critic"] = self.loss_of_critic(batch)
        self.update(critic, losses["critic"])
        losses = {name: loss.detach() for name, loss in losses.items()}
        return {"loss": losses["pixel"] + 0.1 * losses["adversarial"], **losses}

    def losses_of_generator(self, batch: Batch) -> dict[str, Tensor]:
        self.critic.requires_grad_(False)
        sr = self.model(as_images(batch.lr))
        adversarial = functional.softplus(-self.critic(sr)).mean()
        return {"pixel": functional.l1_loss(sr, as_images(batch.hr)), "adversarial": adversarial}

    def loss_of_critic(self, batch: Batch) -> Tensor:
        self.critic.requires_grad_(True)
        with torch.no_grad():
            sr = self.model(as_images(batch.lr))
        real, fake = self.critic(as_images(batch.hr)), self.critic(sr)
        return (functional.softplus(-real) + functional.softplus(fake)).mean()

    def configure_optimizers(self):
        generator = torch.optim.Adam(self.model.parameters(), lr=2e-3)
        critic = torch.optim.Adam(self.critic.parameters(), lr=1e-2, betas=(0.5, 0.9))
        return [self.with_schedule(generator, cosine), self.with_schedule(critic, constant)]
