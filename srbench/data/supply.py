"""What a sampler is made from, and what it makes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from srbench.core.pixel_format import RGB8, PixelFormat
from srbench.data.chains import Degradation


class Batch(NamedTuple):
    """LR (N, h, w, C) and HR (N, h·scale, w·scale, C), uint8 or uint16, and for a model that asks for it the whole LR
    image that each crop came from, float32 (N, t, t, C) in [0, 1], turned as the crop is.

    LR that went through a degradation may be float32, on 0–255.
    """

    lr: Tensor
    hr: Tensor
    scale: int
    thumbnail: Tensor | None = None


@dataclass(frozen=True)
class Supply:
    """What every sampler of a stage is made from; what is one sampler's own, it takes beside this.

    `files`: the HR images. `scales`: all that the model has, None for a model of one. `stage`: its number, from 0.
    `thumbnail`: makes (1, C, t, t) from a whole LR image (1, C, H, W) in [0, 1]. `degradation`: what LR goes through
    after cropping and turning; it is made from the crop of HR where the degradation shrinks. `form`: what the files are
    read as.
    """

    files: Sequence[Path]
    scale: int
    scales: tuple[int, ...] | None
    batch_size: int
    hr_patch: int
    seed: int
    stage: int = 0
    thumbnail: Callable[[Tensor], Tensor] | None = None
    degradation: Degradation | None = None
    form: PixelFormat = RGB8

    def random(self, *place: int) -> np.random.Generator:
        """What is drawn at a place, a step for one: it depends on the seed, the stage and the place alone."""
        # The first stage has no key of its own, so that its batches are those of releases that knew no stages.
        key = (self.stage,) if self.stage else ()
        return np.random.default_rng(np.random.SeedSequence((self.seed, *place), spawn_key=key))

    def degraded(self, clean: Batch, step: int) -> Batch:
        """The batch of `step` with LR that went through the degradation, if there is one."""
        if self.degradation is None:
            return clean
        random = self.random(step, 1)  # 1: other numbers than those that chose the crops
        images = clean.hr if self.degradation.shrinks else clean.lr
        lr = np.stack([self.degradation(image, clean.scale, random) for image in images.numpy()])
        return clean._replace(lr=torch.from_numpy(lr))
