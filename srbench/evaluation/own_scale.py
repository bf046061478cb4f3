"""By how much a network enlarges, as it says itself, or as what it makes shows."""

from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn

from srbench.metrics.cost import explained, float_type
from srbench.metrics.network_copy import copy_to
from srbench.models.traits import bare_network, image_channels_of, traits_of, use_scale, whole_scale

SIDE = 32  # pixels of LR


def own_scale(model: nn.Module) -> int:
    """The model's `scale`, else how much larger than LR its output is. ValueError where neither is a whole number."""
    return _told(model) or _shown(model, None)


def agreed_scale(model: nn.Module, asked: int | None) -> int:
    """What is `asked`, else `own_scale`. ValueError, too, where the model enlarges by another whole number; UserError
    for what is no scale."""
    told = _told(model) if asked is None else whole_scale(asked)
    if told is None:
        return _shown(model, None)
    try:
        shown = _shown(model, told)
    except ValueError:  # what is too small for it, say
        return told
    if shown != told:
        name = type(model).__name__
        raise ValueError(f"{name} makes {SIDE * shown} pixels of {SIDE}, which is scale={shown}, not scale={told}")
    return told


def _told(model: nn.Module) -> int | None:
    told: Any = getattr(bare_network(model), "scale", None)
    whole = isinstance(told, Integral) and not isinstance(told, bool)
    return int(told) if whole and int(told) > 0 else None


def _shown(model: nn.Module, scale: int | None) -> int:
    """By what it makes of an image; a model of several scales is one of `scale`."""
    name = type(model).__name__
    height, width = traits_of(model).size_for(SIDE, SIDE)
    device = next((tensor.device for tensor in [*model.parameters(), *model.buffers()]), "cpu")
    with explained(f"{name} has no scale, and does not run on {width}×{height} pixels"), torch.no_grad():
        copied = copy_to(model, device).eval()
        if scale:
            use_scale(copied, scale)
        sr = copied(torch.zeros(1, image_channels_of(model), height, width, device=device, dtype=float_type(model)))
        if not isinstance(sr, Tensor):
            raise TypeError(f"it gives a {type(sr).__name__}, not SR alone")
        times, rest = divmod(int(sr.shape[-1]), width)
    if rest or not times or sr.shape[-2] != times * height:
        made = f"{sr.shape[-1]}×{sr.shape[-2]} pixels of {width}×{height}"
        raise ValueError(f"{name} has no scale, and makes {made}: give scale=N")
    return times
