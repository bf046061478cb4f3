"""Images cut into square tiles that overlap, and tiles blended back into images.

Nothing here knows a scale: tiles of size s·tile that overlap by s·overlap merge into an image s times as large.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def positions(length: int, tile: int, overlap: int) -> list[int]:
    """Where the tiles of one axis start: 0, tile - overlap, …, and a last one flush with the end.

    Even wherever `length`, `tile` and `overlap` are. The last two may overlap by more than `overlap`.
    """
    if not 0 <= overlap < tile <= length:
        raise ValueError(f"Tiles of {tile} that overlap by {overlap} cannot cover a length of {length}.")
    return [*range(0, length - tile, tile - overlap), length - tile]


def pad_to(images: Tensor, height: int, width: int) -> Tensor:
    """(N, C, H, W) → (N, C, height, width), grown at the right and the bottom by reflection.

    The last row and column are repeated instead where the image is too small to be reflected that far.
    """
    down, right = height - images.shape[-2], width - images.shape[-1]
    if down == right == 0:
        return images
    reflects = down < images.shape[-2] and right < images.shape[-1]
    return F.pad(images, (0, right, 0, down), mode="reflect" if reflects else "replicate")


def split(images: Tensor, tile: int, overlap: int) -> Tensor:
    """(N, C, H, W) → (N, T, C, tile, tile), row by row."""
    height, width = images.shape[-2:]
    corners = [(y, x) for y in positions(height, tile, overlap) for x in positions(width, tile, overlap)]
    return torch.stack([images[..., y : y + tile, x : x + tile] for y, x in corners], dim=1)


def merge(tiles: Tensor, height: int, width: int, overlap: int) -> Tensor:
    """(N, T, C, tile, tile), as `split` gives them → (N, C, height, width).

    Each axis is blended by a linear ramp over `overlap` whose weights add up to 1 at every pixel; a pixel that one
    tile alone covers is that tile's, bit for bit.
    """
    columns = len(positions(width, tiles.shape[-1], overlap))
    rows = tiles.unflatten(1, (-1, columns)).permute(0, 1, 3, 4, 2, 5)  # (N, rows, C, tile, columns, tile)
    bands = _join(rows, width, overlap)  # (N, rows, C, tile, width)
    return _join(bands.permute(0, 2, 4, 1, 3), height, overlap).transpose(-1, -2)


def _join(pieces: Tensor, length: int, overlap: int) -> Tensor:
    """(…, T, tile) → (…, length): the pieces of one axis, each at its position, blended."""
    tile = pieces.shape[-1]
    starts = positions(length, tile, overlap)
    weights = _weights(length, tile, overlap).to(pieces)
    joined = pieces.new_zeros(*pieces.shape[:-2], length)
    # One step per row or column of tiles. index_add_ would need no loop, but is not deterministic on a GPU.
    for start, piece, weight in zip(starts, pieces.unbind(-2), weights, strict=True):
        joined[..., start : start + tile] += piece * weight
    return joined


def _weights(length: int, tile: int, overlap: int) -> Tensor:
    """(T, tile), float64: a ramp up and one down, divided by the sum of all ramps at that position."""
    centres = torch.arange(tile, dtype=torch.float64) + 0.5
    ramp = torch.minimum(centres, tile - centres).div(max(overlap, 0.5)).clamp(max=1)
    covered = torch.tensor(positions(length, tile, overlap))[:, None] + torch.arange(tile)
    total = torch.zeros(length, dtype=torch.float64).index_add(0, covered.flatten(), ramp.repeat(len(covered)))
    return ramp / total[covered]
