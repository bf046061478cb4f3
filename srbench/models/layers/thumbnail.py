"""A small square picture of the whole LR image, for networks that look at it beside a part of the image."""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor


def make_thumbnail(lr: Tensor, size: int) -> Tensor:
    """(N, C, H, W), floating point → (N, C, size, size): bilinear with antialias; the aspect ratio is not kept.

    Computed in float32 at least, and given in `lr`'s type.
    """
    precise = lr.to(torch.promote_types(lr.dtype, torch.float32))
    thumbnail = F.interpolate(precise, size=(size, size), mode="bilinear", align_corners=False, antialias=True)
    return thumbnail.to(lr.dtype)


def thumbnail_maker(size: int | None) -> Callable[[Tensor], Tensor] | None:
    """`make_thumbnail` for a network that takes pictures of `size`; None for one that takes none."""
    return partial(make_thumbnail, size=size) if size else None


def second_inputs(lr: Tensor, size: int | None) -> list[Tensor]:
    """What a network whose trait `thumbnail` is `size` takes beside `lr`: the picture, or nothing."""
    return [make_thumbnail(lr, size)] if size else []
