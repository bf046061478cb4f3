"""A recipe made once before any run, on a model without memory: what is wrong with its words is told in one line."""

from collections.abc import Callable, Collection
from math import lcm
from typing import Any

import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from srbench.core.errors import UserError, first_line_with_type
from srbench.models.traits import image_channels_of
from srbench.recipes.gan import GAN
from srbench.recipes.length import Length
from srbench.recipes.losses import WeightedSum
from srbench.recipes.recipe import Recipe

LARGEST = 64  # pixels a side that a loss is tried on


def rehearse(
    build: Callable[[], Any], key: str, length: Length, precision: str = "auto", scales: Collection[int] = ()
) -> None:
    """Raises UserError, naming `key`, for a recipe that cannot be built, whose optimizers or schedules are none, or
    whose loss gives no number, or whose discriminator none. `build`: makes it, of a model on the meta device.
    `precision`: as the run names it. `scales`: of the batches, where they are of several."""
    recipe = build()
    if not isinstance(recipe, Recipe):
        raise UserError(f"{key}._target_: {type(recipe).__name__} is no Recipe (srbench.recipes.recipe)")
    try:
        made: Any = recipe.configure_optimizers()
    except Exception as error:
        raise UserError(f"{key}: its optimizer or schedule cannot be made: {first_line_with_type(error)}") from error
    kinds = ["", *(f"{critic}_" for critic in recipe.critics)]
    for kind, one in zip(kinds, made if isinstance(made, list | tuple) else [made], strict=False):
        _check_optimizer(one, f"{key}.{kind}")
    if precision == "16" and recipe.critics and recipe.accumulate > 1:
        # Lightning has one scale for all losses, which one optimizer's step may change amid the batches of another's.
        raise UserError(
            f"{key}.accumulate={recipe.accumulate}: precision=16 cannot accumulate for several optimizers; "
            "set it to 1, or precision=bf16 or 32"
        )
    loss, channels = getattr(recipe, "loss", None), image_channels_of(getattr(recipe, "model", None))
    if isinstance(loss, WeightedSum):
        for name, one in loss.losses.items():
            place = f"{key}.loss" + (f".{name}" if loss.parts else "")
            _check_loss(one, place, min(length.hr_patch, LARGEST), channels)
    if isinstance(recipe, GAN):
        _check_discriminator(recipe.discriminator, f"{key}.discriminator", recipe.patch, channels)
        for side in sorted({length.hr_patch // scale * scale for scale in scales} - {recipe.patch}):
            try:
                _check_discriminator(recipe.discriminator, f"{key}.discriminator", side, channels)
            except UserError as error:
                raise UserError(
                    f"{error}; with multi_scale=true, budget.hr_patch must be a multiple of {lcm(*scales)}"
                ) from error


def _check_optimizer(made: OptimizerLRSchedulerConfig, before: str) -> None:
    optimizer, schedule = made["optimizer"], made["lr_scheduler"]
    if not isinstance(optimizer, Optimizer):
        raise UserError(
            f"{before}optimizer: {type(optimizer).__name__} is no optimizer of torch's; see conf/recipe/optimizer"
        )
    if not isinstance(schedule, LRScheduler):
        raise UserError(
            f"{before}schedule: {type(schedule).__name__} is no schedule of torch's; see conf/recipe/schedule"
        )


def _check_loss(loss: nn.Module, key: str, side: int, channels: int) -> None:
    images = torch.rand(2, 2, channels, side, side, generator=torch.Generator().manual_seed(0))
    sr, hr = images[0].requires_grad_(), images[1]
    try:
        value = loss(sr, hr)
    except Exception as error:
        told = first_line_with_type(error)
        raise UserError(f"{key}: {type(loss).__name__} fails on SR and HR: {told}") from error
    if not (isinstance(value, Tensor) and value.numel() == 1 and value.isfinite().all() and value.requires_grad):
        raise UserError(f"{key}: {type(loss).__name__} gives no single finite number with a gradient for SR and HR")


def _check_discriminator(discriminator: nn.Module, key: str, side: int, channels: int) -> None:
    images = torch.rand(2, channels, side, side, generator=torch.Generator().manual_seed(0))
    try:
        answers = discriminator(images)
    except Exception as error:
        told = first_line_with_type(error)
        raise UserError(f"{key}: {type(discriminator).__name__} fails on patches of {side}: {told}") from error
    if not (isinstance(answers, Tensor) and answers.shape[:2] == (2, 1) and answers.requires_grad):
        raise UserError(
            f"{key}: {type(discriminator).__name__} does not give logits (N, 1) with a gradient for patches"
        )
