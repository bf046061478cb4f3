"""Training batches cut from decoded images: nothing is decoded twice, and step k always sees the same batch."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from srbench.core.errors import UserError
from srbench.core.pixel_format import white_of
from srbench.data.cache import IN_MEMORY, training_images
from srbench.data.images import image_size
from srbench.data.supply import Batch, Supply
from srbench.data.turns import turned


class CropPlace(NamedTuple):
    """Of a crop: the number of its image, its first row and column there, and its turn."""

    image: int
    top: int
    left: int
    turn: int

    def times(self, scale: int) -> "CropPlace":
        """The same in an image that is `scale` times as large."""
        return self._replace(top=self.top * scale, left=self.left * scale)


Degrade = Callable[[np.ndarray, np.random.Generator], np.ndarray]


class Patches:
    """Random crops with flips and rotations. `batch(k)` depends on (seed, stage, k) and the images alone.

    Images are drawn uniformly, crops uniformly within the image, one of the eight flips and rotations uniformly; all
    with replacement, so that a batch may be larger than the set of images, and holds several crops of one then.
    `multi_scale`: each batch is of one of the model's scales, drawn uniformly. `degrade`: makes LR from the HR crop, in
    place of bicubic and of the supply's degradation. `turns`: 1 for crops as they stand, or a list of the turns of
    `srbench.data.turns` to draw from. Images of more than `in_memory` bytes are mapped: the batches are the same ones.
    Raises ValueError for `multi_scale` of one scale and for turns that there are none of, and UserError, naming the
    image, for one that is smaller than a patch.
    """

    def __init__(
        self,
        supply: Supply,
        multi_scale: bool = False,
        degrade: Degrade | None = None,
        turns: int | Sequence[int] = 8,
        in_memory: int = IN_MEMORY,
    ) -> None:
        if multi_scale and not supply.scales:
            raise ValueError("multi_scale=true needs a model of several scales, and this one has one.")
        self.supply, self.degrade = supply, degrade
        self.turns = range(turns) if isinstance(turns, int) else turns
        if not self.turns or not set(self.turns) <= set(range(8)):
            raise ValueError(f"turns is {turns}; it must be a number from 1 to 8, or a list of numbers from 0 to 7.")
        self.scales = supply.scales if multi_scale and supply.scales else (supply.scale,)
        sizes = [image_size(file) for file in supply.files]
        for file, (height, width) in zip(supply.files, sizes, strict=True):
            if min(height, width) < supply.hr_patch:
                raise UserError(
                    f"{file}: {width}×{height} is smaller than a training patch "
                    f"(budget.hr_patch={supply.hr_patch}); lower it or remove the image"
                )
        self.hr, self.lr = training_images(supply.files, sizes, self.scales, in_memory, supply.form)
        make = supply.thumbnail
        self.thumbnails = make and {s: [_squared(lr, make) for lr in self.lr[s]] for s in self.scales}

    def batch(self, step: int) -> Batch:
        """The batch of `step` (0, 1, …)."""
        crops = self._crops(step)
        return crops if self.degrade else self.supply.degraded(crops, step)

    def places(self, step: int) -> tuple[int, list[CropPlace]]:
        """The scale of the batch of `step`, and where in LR its crops lie, if nothing else is drawn for them."""
        random = self.supply.random(step)
        scale = self._scale(random)
        return scale, [self._place(random, scale) for _ in range(self.supply.batch_size)]

    def _scale(self, random: np.random.Generator) -> int:
        return self.scales[random.integers(len(self.scales))] if len(self.scales) > 1 else self.scales[0]

    def _place(self, random: np.random.Generator, scale: int) -> CropPlace:
        size = self.supply.hr_patch // scale
        index = int(random.integers(len(self.lr[scale])))
        top, left = (int(random.integers(length - size + 1)) for length in self.lr[scale][index].shape[:2])
        return CropPlace(index, top, left, self.turns[int(random.integers(len(self.turns)))])

    def _crops(self, step: int) -> Batch:
        random, number = self.supply.random(step), self.supply.batch_size
        scale = self._scale(random)
        size = self.supply.hr_patch // scale
        form = self.supply.form
        lr = np.empty((number, size, size, form.channels), form.dtype)
        hr = np.empty((number, size * scale, size * scale, form.channels), form.dtype)
        squares = []
        for i in range(number):
            index, top, left, turn = self._place(random, scale)
            small, large = self.lr[scale][index], self.hr[scale][index]
            crop = large[top * scale : (top + size) * scale, left * scale : (left + size) * scale]
            hr[i] = turned(crop, turn)
            lr[i] = (
                self.degrade(hr[i], random)
                if self.degrade
                else turned(small[top : top + size, left : left + size], turn)
            )
            if self.thumbnails:
                squares.append(turned(self.thumbnails[scale][index], turn))
        thumbnail = torch.from_numpy(np.stack(squares)) if squares else None
        return Batch(torch.from_numpy(lr), torch.from_numpy(hr), scale, thumbnail)


class FixedPatches:
    """`count` crops, cut once, without flips and rotations, and seen in a new order each epoch (Waifu2x CARN study).

    `batch(k)` depends on (seed, stage, k) and the images alone; an epoch has count // batch_size steps. `degrade` makes
    LR of a crop each time it is seen, whatever the supply's degradation. Raises ValueError for fewer crops than a
    batch, and UserError as Patches does.
    """

    def __init__(self, supply: Supply, count: int, degrade: Degrade) -> None:
        if count < supply.batch_size:
            raise ValueError(f"count is {count}, fewer than the {supply.batch_size} patches of a batch.")
        self.supply, self.degrade = supply, degrade
        source = Patches(replace(supply, batch_size=count, thumbnail=None, degradation=None), turns=1)
        self.hr = source.batch(0).hr.numpy()
        self.epoch_steps = count // supply.batch_size

    def batch(self, step: int) -> Batch:
        """The batch of `step` (0, 1, …)."""
        epoch, place = divmod(step, self.epoch_steps)
        order = self.supply.random(epoch).permutation(len(self.hr))
        chosen = order[place * self.supply.batch_size : (place + 1) * self.supply.batch_size]
        random = self.supply.random(epoch, place)
        lr = np.stack([self.degrade(self.hr[i], random) for i in chosen])
        return Batch(torch.from_numpy(lr), torch.from_numpy(self.hr[chosen]), self.supply.scale)


def _squared(lr: np.ndarray, thumbnail: Callable[[Tensor], Tensor]) -> np.ndarray:
    whole = torch.tensor(lr).permute(2, 0, 1)[None].float() / white_of(lr.dtype)
    return thumbnail(whole)[0].permute(1, 2, 0).contiguous().numpy()
