"""By how much a network enlarges, as it says itself, or as what it makes shows."""

import torch
from torch import nn

from srbench.metrics.cost import explained
from srbench.metrics.network_copy import copy_to
from srbench.models.traits import traits_of

SIDE = 32  # pixels of LR


def own_scale(model: nn.Module) -> int:
    """The model's `scale`, else how much larger than LR its output is. ValueError where neither is a whole number."""
    told = getattr(model, "scale", None)
    if type(told) is int and told > 0:
        return told
    name = type(model).__name__
    height, width = traits_of(model).size_for(SIDE, SIDE)
    device = next((tensor.device for tensor in [*model.parameters(), *model.buffers()]), "cpu")
    with explained(f"{name} has no scale, and does not run on {width}×{height} pixels"), torch.no_grad():
        sr = copy_to(model, device).eval()(torch.rand(1, 3, height, width, device=device))
        times, rest = divmod(int(sr.shape[-1]), width)
    if rest or not times:
        raise ValueError(f"{name} has no scale, and makes {sr.shape[-1]} pixels of {width}: give scale=N")
    return times
