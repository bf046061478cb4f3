"""How much memory a stage of a training takes, from its recipe on the meta device, where it takes none."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from srbench.metrics.memory import LiveBytes
from srbench.models.traits import traits_of, use_scale
from srbench.recipes.recipe import Recipe


def memory_of_training(recipe: Recipe, scale: int, precision: str) -> int:
    """Bytes of two steps of a supervised training of the recipe's result, weights, gradients, the optimizers' moments
    and what the backward pass keeps of a batch included; and the weights of whatever else the recipe holds.

    `recipe`: on the meta device. `precision`: as Lightning names it. Not counted: what a recipe computes beside (a
    critic's pass, a teacher's), and what torch itself and its kernels take. ValueError for a network that does not run
    without values.
    """
    model, length = recipe.result, recipe.length
    half = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(precision)
