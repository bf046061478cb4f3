"""LR and HR of one image: read from files, or LR made by our own resizer and kept in the user's cache; or degraded."""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from srbench.core.errors import UserError
from srbench.core.paths import cache_folder
from srbench.core.pixel_format import RGB8, PixelFormat, format_of
from srbench.data.chains import Degradation
from srbench.data.check.detect import distances, recognise
from srbench.data.digests import pixel_digest
from srbench.data.images import read_image, write_image
from srbench.data.lr_source import RESIZER, LrSource
from srbench.data.resize import imresize

RECOGNISED = 10  # images of a set from which the resizer of its LR is told


@dataclass(frozen=True)
class ImagePair:
    """Where the LR and HR of one image come from. `lr_file` None: LR is made from HR. `degradation`: what is done to
    LR, or, where it shrinks, to HR, whether there is an LR file or not. `form`: what both are read as."""

    name: str
    hr_file: Path
    lr_file: Path | None
    scale: int
    degradation: Degradation | None = None
    form: PixelFormat = RGB8

    @property
    def used_lr_file(self) -> Path | None:
        """The LR file that `read` reads; None where LR is made from HR, by srbench or by a degradation that shrinks."""
        return None if self.degradation and self.degradation.shrinks else self.lr_file

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """LR (h, w, C) and HR (h·scale, w·scale, C); HR is cropped at the right and bottom. LR that was degraded may be
        float32, on 0–255 whatever the bits; it is the same in every evaluation.

        Raises UserError for a file that cannot be read, for an image smaller than `scale`, and for an LR file whose
        size does not fit: HR may exceed scale × LR by up to scale - 1 pixels.
        """
        if self.degradation is None:
            return self._read_clean()
        random = self.degradation.random_of(self.name)
        if self.degradation.shrinks:
            hr = crop_to_multiple(read_image(self.hr_file, self.form), self.scale, self.hr_file)
            return self.degradation(hr, self.scale, random), hr
        lr, hr = self._read_clean()
        return self.degradation(lr, self.scale, random), hr

    def _read_clean(self) -> tuple[np.ndarray, np.ndarray]:
        hr = read_image(self.hr_file, self.form)
        if self.lr_file is None:
            hr = crop_to_multiple(hr, self.scale, self.hr_file)
            return shrink(hr, self.scale), hr
        lr = read_image(self.lr_file, self.form)
        height, width = lr.shape[0] * self.scale, lr.shape[1] * self.scale
        if not sizes_fit(hr.shape, (height, width), self.scale):
            raise UserError(
                f"{self.lr_file}: {lr.shape[1]}×{lr.shape[0]} is not 1/{self.scale} of "
                f"{self.hr_file.name}, {hr.shape[1]}×{hr.shape[0]}"
            )
        return lr, np.ascontiguousarray(hr[:height, :width])


def digests(pairs: Sequence[ImagePair]) -> tuple[str, str | None]:
    """The `pixel_digest` of a data set's HR files, and of the LR files that are used, if any.

    UserError for a file that cannot be read.
    """
    lr = [pair.used_lr_file for pair in pairs if pair.used_lr_file]
    form = pairs[0].form
    return pixel_digest([pair.hr_file for pair in pairs], form), pixel_digest(lr, form) if lr else None


def lr_source(pairs: Sequence[ImagePair]) -> LrSource:
    """What the LR of a data set is; the resizer of LR files is told from up to RECOGNISED of them.

    UserError for a file that cannot be read.
    """
    degradation = pairs[0].degradation
    steps = degradation.facts if degradation else ()
    found = [pair for pair in pairs if pair.used_lr_file]
    if not found:
        return LrSource(files=False, steps=steps)
    if pairs[0].form.bits > 8:
        return LrSource(files=True, steps=steps)  # most resizers have no form for them to be told by
    drawn = [replace(pair, degradation=None, form=RGB8) for pair in found[:: -(-len(found) // RECOGNISED)]]
    verdict = recognise([distances(*pair.read(), pair.scale) for pair in drawn])
    return LrSource(True, verdict.names, bool(verdict.strangers), steps)


def sizes_fit(hr: tuple[int, ...], sr: tuple[int, ...], scale: int) -> bool:
    """Whether HR is as large as SR, `scale` times its LR, or exceeds it in height and width by less than `scale`.

    Both begin with height and width, as an image's shape does.
    """
    return all(0 <= long - short < scale for long, short in zip(hr[:2], sr[:2], strict=True))


def crop_to_multiple(hr: np.ndarray, scale: int, file: Path) -> np.ndarray:
    """`hr` without the rows and columns past a multiple of `scale`. UserError, naming `file`, if none is left."""
    height, width = hr.shape[0] // scale * scale, hr.shape[1] // scale * scale
    if not height or not width:
        raise UserError(f"{file}: {hr.shape[1]}×{hr.shape[0]} is smaller than scale={scale}")
    return np.ascontiguousarray(hr[:height, :width])


def shrink(hr: np.ndarray, scale: int) -> np.ndarray:
    """LR of `hr` by MATLAB's bicubic, from the user's cache where the same pixels were shrunk before."""
    if scale == 1:
        return hr
    digest = hashlib.sha256(hr.tobytes() + repr(hr.shape).encode()).hexdigest()[:32]
    cached = cache_folder("lr") / RESIZER / f"{digest}_x{scale}.png"
    if cached.is_file():
        return read_image(cached, format_of(hr))
    lr = imresize(hr, 1 / scale)
    _keep(cached, lr)
    return lr


def _keep(path: Path, image: np.ndarray) -> None:
    with suppress(OSError):  # the cache only saves time: a full or read-only disk must not stop an evaluation
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, image)
