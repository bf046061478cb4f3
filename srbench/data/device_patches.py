"""Training batches cut on a device where the images lie: the host only draws where, with the numbers of `Patches`."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from srbench.data.patches import CropPlace, Patches
from srbench.data.supply import Batch


class Cuts(NamedTuple):
    """Where the crops of a batch lie, of `size` pixels of LR a side.

    `rows`: float64 (N, 9), for LR, HR and the thumbnail of each crop the number of the pixel that becomes its first,
    and how far from there the next is down and to the right.
    """

    rows: Tensor
    scale: int
    size: int


class DeviceSource(Protocol):
    """Of batches that the device cuts."""

    def batch(self, step: int) -> Cuts:
        """What the host says of the batch of `step` (0, 1, …)."""

    def cut(self, rows: Tensor, scale: int, size: int) -> Batch:
        """The batch that `rows`, on the device, say."""


@dataclass(frozen=True)
class _Images:
    """Of each the number of its `first` pixel among those of all, and its `width`."""

    first: np.ndarray
    width: np.ndarray


class DevicePatches:
    """The batches of `patches`, the same bytes, which must be crops without a degradation; `fits` tells.

    A crop's pixels have numbers that grow by the same step along a row, and by another along a column, whatever its
    turn. A matrix product gives them all, exactly, as they are below 2⁵³: one kernel, where a GPU would take ten.
    """

    def __init__(self, patches: Patches, device: torch.device) -> None:
        self.patches, self.device = patches, device
        self.dtype = torch.from_numpy(np.empty(0, patches.supply.form.dtype)).dtype
        every = [*patches.lr.values(), *patches.hr.values()]
        self.pixels, found = _on(device, every)
        self.lr = dict(zip(patches.lr, found, strict=False))
        self.hr = dict(zip(patches.hr, found[len(patches.lr) :], strict=True))
        self.thumbnails: dict[int, _Images] = {}
        if patches.thumbnails:
            self.pictures, found = _on(device, list(patches.thumbnails.values()))
            self.thumbnails = dict(zip(patches.thumbnails, found, strict=True))
        # Made now: a graph must not wait for the host.
        self.steps = {scale: self._steps(scale) for scale in patches.scales}
        self.steps_of_pictures = {scale: _grid(int(one.width[0]), device) for scale, one in self.thumbnails.items()}

    @staticmethod
    def fits(patches: Patches, most: int) -> bool:
        """Whether the images take `most` bytes at most, and nothing is done to them but cutting and turning."""
        images = [*patches.lr.values(), *patches.hr.values(), *(patches.thumbnails or {}).values()]
        bare = patches.degrade is None and patches.supply.degradation is None
        return bare and sum(image.nbytes for each in images for image in each) <= most

    def batch(self, step: int) -> Cuts:
        """As DeviceSource says."""
        scale, places = self.patches.places(step)
        size = self.patches.supply.hr_patch // scale
        rows = np.zeros((len(places), 3, 3))
        for row, place in zip(rows, places, strict=True):
            row[0] = _row(self.lr[scale], place, size)
            row[1] = _row(self.hr[scale], place.times(scale), size * scale)
            if self.thumbnails:
                pictures = self.thumbnails[scale]
                row[2] = _row(pictures, CropPlace(place.image, 0, 0, place.turn), int(pictures.width[0]))
        return Cuts(torch.from_numpy(rows.reshape(len(places), 9)), scale, size)

    def cut(self, rows: Tensor, scale: int, size: int) -> Batch:
        """As DeviceSource says."""
        number, steps = len(rows), self.steps[scale]
        chosen = self.pixels.index_select(0, (rows[:, :6] @ steps).long().reshape(-1)).unflatten(0, (number, -1))
        chosen = chosen.view(self.dtype)
        lr = chosen[:, : size**2].unflatten(1, (size, size))
        hr = chosen[:, size**2 :].unflatten(1, (size * scale, size * scale))
        if not self.thumbnails:
            return Batch(lr, hr, scale)
        side = int(self.thumbnails[scale].width[0])
        numbers = (rows[:, 6:] @ self.steps_of_pictures[scale]).long()
        pictures = self.pictures.index_select(0, numbers.reshape(-1)).unflatten(0, (number, side, side))
        return Batch(lr, hr, scale, pictures)

    def _steps(self, scale: int) -> Tensor:
        """(6, pixels of LR and HR): what the six numbers of a row count for in the number of each pixel."""
        size = self.patches.supply.hr_patch // scale
        lr, hr = _grid(size, self.device), _grid(size * scale, self.device)
        steps: Tensor = torch.block_diag(lr, hr)
        return steps


def _on(device: torch.device, images: list[list[np.ndarray]]) -> tuple[Tensor, list[_Images]]:
    """The pixels of all, (number, C), uint16 as int16 of the same bits, and where each list's lie: torch chooses no
    rows of uint16."""
    number = sum(image.shape[0] * image.shape[1] for each in images for image in each)
    channels = images[0][0].shape[2]
    pixels = torch.empty((number, channels), dtype=_chosen(images[0][0][:1]).dtype, device=device)
    found, begin = [], 0
    for each in images:
        first = []
        for image in each:
            end = begin + image.shape[0] * image.shape[1]
            pixels[begin:end] = _chosen(image).reshape(-1, channels).to(device)
            first.append(begin)
            begin = end
        found.append(_Images(np.array(first), np.array([image.shape[1] for image in each])))
    return pixels, found


def _chosen(image: np.ndarray) -> Tensor:
    copied = np.array(image)
    return torch.from_numpy(copied.view(np.int16) if copied.dtype == np.uint16 else copied)


def _grid(size: int, device: torch.device) -> Tensor:
    """(3, size²): one, and the row and the column of each pixel."""
    along = torch.arange(size, dtype=torch.float64, device=device)
    rows, columns = torch.meshgrid(along, along, indexing="ij")
    return torch.stack([torch.ones_like(rows), rows, columns]).reshape(3, -1)


def _row(images: _Images, place: CropPlace, size: int) -> tuple[int, int, int]:
    """Of a crop of `size` pixels a side, turned as `turns.turned` turns it."""
    width, down, right = int(images.width[place.image]), 1, 1
    top, left = place.top, place.left
    if place.turn & 1:
        top, down = top + size - 1, -1
    if place.turn & 2:
        left, right = left + size - 1, -1
    begin, steps = int(images.first[place.image]) + top * width + left, (down * width, right)
    return (begin, *(steps[::-1] if place.turn & 4 else steps))
