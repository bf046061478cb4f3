"""How much memory a stage of a training takes, added up on the meta device before it starts, and whether it fits."""

import logging
from typing import Any, cast

import torch
from torch import Tensor, nn

from srbench.core import hardware
from srbench.core.errors import UserError, first_line_with_type
from srbench.metrics.memory import LiveBytes
from srbench.metrics.network_copy import copy_to
from srbench.models.traits import image_channels_of, traits_of
from srbench.recipes.losses import WeightedSum
from srbench.recipes.recipe import Recipe

log = logging.getLogger(__name__)

# On a CPU a process grows by more than its tensors: convolutions copy their images into orders of their own, the
# allocator keeps pieces, and the first steps load code. Measured by benchmarks/training_memory.py.
OF_TENSORS, OF_CODE = 1.3, 40 * 2**20
HALF = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}  # by Lightning's name
UNCERTAIN = 0.3  # of the prediction


def check_memory(trained: nn.Module, recipe: Recipe, precision: str, device: str, key: str) -> None:
    """Raises UserError, naming `key` and budget.batch_size, for a stage that takes more than the device has, however
    much the prediction is off; tells on the log of one that takes more than is free now. What does not run without
    values is not predicted."""
    try:
        needed = training_memory(trained, recipe, precision, device)
    except Exception as error:  # whatever a network, a loss or an optimizer of the user's does on the meta device
        log.info("%s: its memory is not predicted (%s)", key, first_line_with_type(error))
        return
    log.info("%s: takes about %.2g GB of memory", key, needed / 1e9)
    memory = hardware.memory(device)
    if memory is None or needed <= memory.free:
        return
    length = recipe.length
    told = (
        f"budget.batch_size={length.batch_size}: {key} takes about {needed / 1e9:.2g} GB with patches of "
        f"{length.hr_patch}, and {device} has {memory.total / 1e9:.2g} GB, {memory.free / 1e9:.2g} of them free; "
        "lower budget.batch_size or budget.hr_patch"
    )
    if needed * (1 - UNCERTAIN) > memory.total:
        raise UserError(told)
    log.warning("%s", told)


def training_memory(trained: nn.Module, recipe: Recipe, precision: str, device: str) -> int:
    """The bytes by which a process grows in the training of `trained` by `recipe`: its and the recipe's weights,
    gradients, the optimizers' moments, and what the passes of one batch keep. On a CPU, of 0.3 GB and more, within 30 %
    of what was measured; on a GPU, where nothing was measured, the tensors alone. What a recipe computes beside the
    network and its loss, a critic's pass or a teacher's, is not in it.

    Raises whatever the network, the loss or the optimizer does on the meta device.
    """
    copied = copy_to(nn.ModuleList([trained, recipe]), "meta")
    model, alike = copied.children()
    assert isinstance(alike, Recipe)
    weights = set[Tensor]([*copied.parameters(), *copied.buffers()])
    tensors = _bytes(weights) + _of_moments(alike) + _of_passes(model, alike, precision)
    return tensors if device.startswith("cuda") else round(OF_TENSORS * tensors) + OF_CODE


def _bytes(tensors: set[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _of_moments(recipe: Recipe) -> int:
    """What the optimizers keep of each weight, after a step."""
    made: Any = recipe.configure_optimizers()
    state = set[Tensor]()
    for one in made if isinstance(made, list) else [made]:
        optimizer = one["optimizer"]
        for group in optimizer.param_groups:
            for weight in group["params"]:
                weight.grad = torch.zeros_like(weight)
        optimizer.step()
        optimizer.zero_grad()
        state |= {value for kept in optimizer.state.values() for value in kept.values() if isinstance(value, Tensor)}
    return _bytes(state)


def _of_passes(model: nn.Module, recipe: Recipe, precision: str) -> int:
    """At most at once, in a pass forward and back: the batch, what is kept of it, and gradients."""
    length, half = recipe.length, HALF.get(precision)
    loss, thumbnail = getattr(recipe, "loss", None), traits_of(model).thumbnail
    batch, scale = length.batch_size // recipe.ranks.count, cast(int, model.scale)
    patch = length.hr_patch // scale
    sides = [patch, patch * scale, *([thumbnail] if thumbnail else [])]
    channels = image_channels_of(model)
    lr, hr, *others = (torch.empty(batch, channels, side, side, device="meta") for side in sides)
    # Autocast knows no meta device; a network in half precision keeps what it keeps under autocast.
    kind = half or torch.float32
    model = model.train().to(kind)
    with LiveBytes([lr, hr, *others]) as live:
        sr = model(*(image.to(kind) for image in (lr, *others))).float()
        value = loss(sr, hr)[0] if isinstance(loss, WeightedSum) else (sr - hr).abs().mean()
        value.backward()
    peak: int = live.peak
    return peak
