"""What ClassSR's sub-images (`tiles.split`) cover, and how they are put together again: Kong et al., CVPR 2021, §3.

Nothing here knows a scale: sub-images at s·step merge into an image s times as large.
"""

import torch
from torch import Tensor

from srbench.models.layers.tiles import positions


def covered(length: int, patch: int, step: int) -> int:
    """How much of an axis full windows reach. The published test drops the rest, which is less than `step`."""
    return length - (length - patch) % step


def merge_mean(sub_images: Tensor, height: int, width: int, step: int) -> Tensor:
    """(N, T, C, patch, patch), row by row → (N, C, height, width): each pixel the mean of all that cover it.

    The last window of an axis is flush with its end and may overlap its neighbour by more than the others do.
    """
    patch = sub_images.shape[-1]
    columns = len(positions(width, patch, patch - step))
    grid = sub_images.unflatten(1, (-1, columns)).permute(0, 3, 1, 4, 2, 5)  # (N, C, rows, patch, columns, patch)
    bands = _mean(grid.unbind(-2), width, step, axis=-1)  # (N, C, rows, patch, width)
    return _mean(bands.unbind(-3), height, step, axis=-2)


def _mean(pieces: tuple[Tensor, ...], length: int, step: int, axis: int) -> Tensor:
    """The pieces of one axis, each at its position, averaged where they overlap."""
    patch = pieces[0].shape[axis]
    shape = list(pieces[0].shape)
    shape[axis] = length
    total, count = pieces[0].new_zeros(shape), torch.zeros(length)
    for start, piece in zip(positions(length, patch, patch - step), pieces, strict=True):
        total.narrow(axis, start, patch).add_(piece)
        count[start : start + patch] += 1
    return total.div_(count.to(total).view(-1, *[1] * (-axis - 1)))
