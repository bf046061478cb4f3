"""SR images that somebody has, in files, against their HR images."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from pandas import DataFrame

from srbench.core.errors import UserError
from srbench.core.pixel_format import RGB8, Colours, PixelFormat
from srbench.core.progress import Listener
from srbench.data.images import by_name, image_files, is_deep, read_image
from srbench.data.pairs import sizes_fit
from srbench.metrics.missing import Missing
from srbench.metrics.scorer import Scorer

Pair = tuple[str, Path, Path]  # the image's name, its SR file and its HR file

# What may follow an HR image's name in its SR image's: `_MDRN`, `-out`, `x2`; not `1` after `img_1`, which is another.
SUFFIX = r"([\W_]|x\d).*"


def score_files(
    pairs: Sequence[Pair], scale: int, scorer: Scorer, tell: Listener, channels: Colours = 3
) -> tuple[DataFrame, list[Missing]]:
    """One row an image, `image` and the metrics, NaN where an image has none, and the reasons for what is missing.
    `channels`: that both images are read with.

    HR may exceed SR by up to scale - 1 pixels at the right and bottom. Raises UserError for what does not fit.
    """
    rows, missing = [], {one.what: one for one in scorer.missing}
    for number, (name, sr_file, hr_file) in enumerate(pairs, 1):
        found = scorer.of_images([(*_fitting(sr_file, hr_file, scale, channels), scale)])[0]
        rows.append({"image": name} | found.numbers)
        for one in found.missing:
            missing.setdefault(one.what, replace(one, reason=f"{name}: {one.reason}"))
        tell("scores", number, len(pairs))
    metrics = [name for name in scorer.names if any(name in row for row in rows)]
    return DataFrame(rows, columns=["image", *metrics]), list(missing.values())


def form_of_pair(sr_file: Path, hr_file: Path) -> PixelFormat:
    """RGB, of 16 bits where both have as many. UserError for a file that cannot be read."""
    return PixelFormat(16) if is_deep(sr_file) and is_deep(hr_file) else RGB8


def score_pairs(sr: Path, hr: Path) -> list[Pair]:
    """`sr` and `hr`: two images, or two folders whose images pair by name; SR's may have a suffix (`babyx2`).

    Raises UserError for what does not pair.
    """
    if sr.is_file() and hr.is_file():
        return [(hr.stem, sr, hr)]
    for folder in (sr, hr):
        if not folder.is_dir():
            raise UserError(f"score: {folder}: no such {'folder' if sr.is_dir() or hr.is_dir() else 'file or folder'}")
    hr_files, sr_files = (list(by_name(image_files(folder)).values()) for folder in (hr, sr))
    pairs = [(file.stem, _of(file, sr_files, hr_files), file) for file in hr_files]
    unused = set(sr_files) - {sr_file for _, sr_file, _ in pairs}
    if unused:
        raise UserError(
            f"score: {len(sr_files)} SR images for {len(hr_files)} HR images; {min(unused)} is of no HR image"
        )
    return pairs


def _of(hr_file: Path, sr_files: list[Path], hr_files: list[Path]) -> Path:
    """The SR image of the same name, else the one whose name begins with it, where no other HR image's name fits."""
    same = [file for file in sr_files if file.stem == hr_file.stem]
    longer = [other.stem for other in hr_files if _suffixed(other, hr_file.stem)]
    begun = [f for f in sr_files if _suffixed(f, hr_file.stem) and not any(_suffixed(f, name) for name in longer)]
    found = same or begun
    if len(found) != 1:
        raise UserError(f"score: {len(found) or 'no'} SR images for {hr_file}")
    return found[0]


def _suffixed(file: Path, name: str) -> bool:
    return re.fullmatch(re.escape(name) + SUFFIX, file.stem, re.DOTALL) is not None


def _fitting(sr_file: Path, hr_file: Path, scale: int, channels: Colours) -> tuple[np.ndarray, np.ndarray]:
    form = replace(form_of_pair(sr_file, hr_file), channels=channels)
    sr, hr = read_image(sr_file, form), read_image(hr_file, form)
    height, width = sr.shape[:2]
    if not sizes_fit(hr.shape, sr.shape, scale):
        raise UserError(f"score: {sr_file} is {width}×{height}, {hr_file} {hr.shape[1]}×{hr.shape[0]} (scale={scale})")
    return sr, np.ascontiguousarray(hr[:height, :width])
