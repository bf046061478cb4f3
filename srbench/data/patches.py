"""Training batches cut from decoded images: nothing is decoded twice, and step k always sees the same batch."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from srbench.core.errors import UserError
from srbench.data.cache import IN_MEMORY, training_images
from srbench.data.images import image_size

Degrade = Callable[[np.ndarray, np.random.Generator], np.ndarray]


class Batch(NamedTuple):
    """uint8 (N, h, w, 3) LR, uint8 (N, h·scale, w·scale, 3) HR, and for a model that asks for it the whole LR image
    that each crop came from, float32 (N, t, t, 3) in [0, 1], turned as the crop is."""

    lr: Tensor
    hr: Tensor
    scale: int
    thumbnail: Tensor | None = None


class Patches:
    """Random crops with flips and rotations. `batch(k)` depends on (seed, k) and the images alone.

    Images are drawn uniformly, crops uniformly within the image, one of the eight flips and rotations uniformly.
    Several `scales`: each batch is of one of them, drawn uniformly. `thumbnail`: makes (1, 3, t, t) from the whole LR
    image (1, 3, H, W) in [0, 1]. `degrade`: makes LR from the HR crop, instead of cutting both from LR and HR images.
    `turns`: 1 for crops as they stand. Images of more than `in_memory` bytes are mapped: the batches are the same ones.
    """

    def __init__(
        self,
        files: list[Path],
        scales: tuple[int, ...],
        batch_size: int,
        hr_patch: int,
        seed: int,
        thumbnail: Callable[[Tensor], Tensor] | None = None,
        degrade: Degrade | None = None,
        turns: int = 8,
        in_memory: int = IN_MEMORY,
    ) -> None:
        self.scales, self.batch_size, self.seed, self.degrade, self.turns = scales, batch_size, seed, degrade, turns
        self.lr_sizes = {scale: hr_patch // scale for scale in scales}
        sizes = [image_size(file) for file in files]
        for file, (height, width) in zip(files, sizes, strict=True):
            if min(height, width) < hr_patch:
                raise UserError(
                    f"{file}: {width}×{height} is smaller than a training patch "
                    f"(budget.hr_patch={hr_patch}); lower it or remove the image"
                )
        self.hr, self.lr = training_images(files, sizes, scales, in_memory)
        self.thumbnails = (
            None if thumbnail is None else {s: [_squared(lr, thumbnail) for lr in self.lr[s]] for s in scales}
        )

    def batch(self, step: int) -> Batch:
        """The batch of `step` (0, 1, …)."""
        random = np.random.default_rng((self.seed, step))
        scale = self.scales[random.integers(len(self.scales))] if len(self.scales) > 1 else self.scales[0]
        size = self.lr_sizes[scale]
        lr = np.empty((self.batch_size, size, size, 3), np.uint8)
        hr = np.empty((self.batch_size, size * scale, size * scale, 3), np.uint8)
        squares = []
        for i in range(self.batch_size):
            index = random.integers(len(self.lr[scale]))
            small, large = self.lr[scale][index], self.hr[scale][index]
            top, left = (int(random.integers(length - size + 1)) for length in small.shape[:2])
            turn = int(random.integers(self.turns))
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

    `batch(k)` depends on (seed, k) and the images alone; an epoch has count // batch_size steps.
    """

    def __init__(
        self,
        files: list[Path],
        scale: int,
        batch_size: int,
        hr_patch: int,
        seed: int,
        count: int,
        degrade: Degrade,
    ) -> None:
        if count < batch_size:
            raise UserError(f"recipe.fixed_patches={count}: fewer than budget.batch_size={batch_size}")
        self.scale, self.batch_size, self.seed, self.degrade = scale, batch_size, seed, degrade
        source = Patches(files, (scale,), count, hr_patch, seed, turns=1)
        self.hr = source.batch(0).hr.numpy()
        self.epoch_steps = count // batch_size

    def batch(self, step: int) -> Batch:
        """The batch of `step` (0, 1, …)."""
        epoch, place = divmod(step, self.epoch_steps)
        order = np.random.default_rng((self.seed, epoch)).permutation(len(self.hr))
        chosen = order[place * self.batch_size : (place + 1) * self.batch_size]
        random = np.random.default_rng((self.seed, epoch, place))
        lr = np.stack([self.degrade(self.hr[i], random) for i in chosen])
        return Batch(torch.from_numpy(lr), torch.from_numpy(self.hr[chosen]), self.scale)


class Stream:
    """Endless batches from `start` on, each made in the background while the step before it runs.

    `waited`: seconds that the training has waited for batches.
    """

    def __init__(self, source: Patches | FixedPatches, start: int) -> None:
        self.source, self.start, self.waited = source, start, 0.0

    def __iter__(self) -> Iterator[Batch]:
        with ThreadPoolExecutor(1) as background:
            step = self.start
            following = background.submit(self.source.batch, step)
            while True:
                began = time.perf_counter()
                batch = following.result()
                self.waited += time.perf_counter() - began
                step += 1
                following = background.submit(self.source.batch, step)
                yield batch


def turned(image: np.ndarray, turn: int) -> np.ndarray:
    """One of the eight flips and rotations of (H, W, …): bit 0 mirrors rows, bit 1 columns, bit 2 swaps the axes."""
    if turn & 1:
        image = image[::-1]
    if turn & 2:
        image = image[:, ::-1]
    return image.swapaxes(0, 1) if turn & 4 else image


def _squared(lr: np.ndarray, thumbnail: Callable[[Tensor], Tensor]) -> np.ndarray:
    whole = torch.tensor(lr).permute(2, 0, 1)[None].float() / 255
    return thumbnail(whole)[0].permute(1, 2, 0).contiguous().numpy()
