"""Batches of ClassSR's sub-images (data/classsr_windows.py), of all classes or of one."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from srbench.core.errors import UserError
from srbench.core.json_digest import json_digest
from srbench.core.paths import cache_folder
from srbench.core.pixel_format import RGB8
from srbench.core.progress import silent
from srbench.data import classsr_windows
from srbench.data.classsr_windows import FACTORS, SCALE, TRAIN, SubImages
from srbench.data.resize import imresize
from srbench.data.supply import Batch, Supply
from srbench.data.turns import turned

log = logging.getLogger(__name__)


class Ranking(Protocol):
    """What tells how hard a sub-image is. `identity`: what fixes its results, as JSON."""

    identity: object

    def __call__(self, lr: np.ndarray) -> np.ndarray:
        """uint8 (N, 32, 32, 3) → uint8 (N, 128, 128, 3)."""


class BicubicRanking:
    """Ranks by MATLAB's bicubic."""

    identity: object = "bicubic"

    def __call__(self, lr: np.ndarray) -> np.ndarray:
        count, side = lr.shape[:2]
        channels = lr.transpose(1, 2, 0, 3).reshape(side, side, -1)  # of all windows, each resized alone
        large = imresize(channels, SCALE).reshape(SCALE * side, SCALE * side, count, 3)
        return large.transpose(2, 0, 1, 3)


class SubImagePatches:
    """Sub-images of 32 LR and 128 HR pixels, ×4, or crops of `supply.hr_patch` from them, with flips and rotations.
    `batch(k)` depends on (seed, stage, k) and the images alone; sub-images and turns are drawn uniformly.

    `level`: the class that is drawn from, 1 the easiest; None: all. `classes`: how many there are. `thresholds`:
    between them, in dB from the least on; None: such that each holds as many sub-images (tertiles of three). Those
    published are 27.16882 and 35.149761. `sub_images`: a folder of `data prepare … classsr=true`; None: they are cut
    from the supply's images at each of `factors`, once, into the user's cache, and ranked by `ranking`, by MATLAB's
    bicubic where that is None.

    Raises ValueError for arguments that do not fit, and UserError for another scale, for images of other than 8 bits
    and three channels, for a patch larger than a sub-image, for sub-images of other files than the supply's, for images
    that are smaller than a sub-image, and, with a `level`, for a class without sub-images. That all are in one class is
    a warning.
    """

    only_scale = SCALE

    def __init__(
        self,
        supply: Supply,
        level: int | None = None,
        classes: int = 3,
        thresholds: Sequence[float] | None = None,
        sub_images: str | None = None,
        ranking: Ranking | None = None,
        factors: Sequence[float] = FACTORS,
    ) -> None:
        if level is not None and not 1 <= level <= classes:
            raise ValueError(f"level is {level}; it must be from 1 to classes={classes}.")
        if thresholds is not None and (len(thresholds) != classes - 1 or list(thresholds) != sorted(thresholds)):
            raise ValueError(f"thresholds are {list(thresholds)}; {classes} classes need {classes - 1}, rising.")
        if supply.form != RGB8:
            raise UserError(f"data: ClassSR's sub-images have 8 bits and 3 channels, not {supply.form.name}")
        if supply.scale != SCALE:
            raise UserError(f"scale={supply.scale}: ClassSR's sub-images are for scale={SCALE}")
        if supply.hr_patch > TRAIN.size or supply.hr_patch % SCALE:
            raise UserError(
                f"budget.hr_patch={supply.hr_patch}: ClassSR's sub-images have {TRAIN.size} pixels a side; "
                f"a multiple of {SCALE} up to that is needed"
            )
        self.supply = supply
        self.images = (
            _prepared(supply, sub_images) if sub_images else _cut(supply, factors, ranking or BicubicRanking())
        )
        psnr = np.array(self.images.windows["psnr"])
        self.thresholds = tuple(thresholds) if thresholds else classsr_windows.quantiles(psnr, classes)
        levels = classsr_windows.levels(psnr, self.thresholds)
        self.counts = tuple(int((levels == one).sum()) for one in range(1, classes + 1))
        self._check(psnr, every=level is not None)
        self.members = np.arange(len(psnr)) if level is None else np.flatnonzero(levels == level)

    def batch(self, step: int) -> Batch:
        """The batch of `step` (0, 1, …)."""
        random, number = self.supply.random(step), self.supply.batch_size
        size = self.supply.hr_patch // SCALE
        lr = np.empty((number, size, size, 3), np.uint8)
        hr = np.empty((number, size * SCALE, size * SCALE, 3), np.uint8)
        for i in range(number):
            small, large = self.images.pair(int(self.members[random.integers(len(self.members))]))
            top, left = (int(random.integers(length - size + 1)) for length in small.shape[:2])
            turn = int(random.integers(8))
            lr[i] = turned(small[top : top + size, left : left + size], turn)
            hr[i] = turned(large[top * SCALE : (top + size) * SCALE, left * SCALE : (left + size) * SCALE], turn)
        return self.supply.degraded(Batch(torch.from_numpy(lr), torch.from_numpy(hr), SCALE), step)

    def _check(self, psnr: np.ndarray, every: bool) -> None:
        """`every`: of each class there must be some."""
        shares = ", ".join(f"{count} of class {number}" for number, count in enumerate(self.counts, 1))
        bounds = ", ".join(f"{bound:.2f}" for bound in self.thresholds)
        told = (
            f"{shares} (1: the easiest), with PSNR of {psnr.min():.2f} to {psnr.max():.2f} dB and thresholds {bounds}"
        )
        log.info("sub-images: %s", told)
        if every and 0 in self.counts:
            empty = self.counts.index(0) + 1
            raise UserError(
                f"recipe.batches: class {empty} has no sub-images: {told}; thresholds=null makes classes of equal size"
            )
        if len(self.counts) > 1 and max(self.counts) == len(psnr):
            log.warning("all sub-images are in one class: %s", told)


def _prepared(supply: Supply, folder: str) -> SubImages:
    found = SubImages(Path(folder).expanduser())
    if found.files != classsr_windows.file_names(supply.files).keys():
        raise UserError(f"sub_images={folder}: was made from other images than those of `data`")
    return found


def _cut(supply: Supply, factors: Sequence[float], ranking: Ranking) -> SubImages:
    key = json_digest([[str(file.resolve()) for file in supply.files], list(factors), ranking.identity])[:16]
    folder = cache_folder("classsr") / key
    log.info("the sub-images of %d images lie in %s, or are cut to there now", len(supply.files), folder)
    return classsr_windows.prepare(supply.files, folder, factors, TRAIN, ranking, 1, silent)
