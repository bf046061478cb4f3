"""ClassSR's training data: Kong et al., "ClassSR: A General Framework to Accelerate Super-Resolution Networks by Data
Characteristic", CVPR 2021, and its published data scripts.

Each HR image at five sizes, cropped to a multiple of 4; LR is 1/4 of it. HR windows of 128 every 64 (of validation
images, at full size only, every 112) with a last one flush with the end where more than 48 are left, and the LR windows
of 32 that they belong to. A network's PSNR on a window tells how hard it is: below 27.16882 dB hard, from 35.149761 dB
on simple. The paper calls these the tertiles of DIV2K's windows by MSRResNet; the logs of that ranking are not public,
so nobody can verify them. Here PSNR is of RGB, rounded to uint8, without a border of 4, as in their test of a branch.

The scripts write 1.59 million pairs of files for DIV2K. Here windows are cut when they are needed, from two piles
(data/piles.py) of whole images, about 25 GB.
"""

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from srbench.core.errors import UserError
from srbench.core.files import sha256
from srbench.core.json_digest import json_digest
from srbench.core.lock_files import locked
from srbench.core.progress import Listener
from srbench.data import memmap
from srbench.data.images import by_name, image_size, read_image
from srbench.data.memmap import Pile
from srbench.data.prepare.cut import Grid
from srbench.data.resize import imresize

SCALE = 4
BORDER = 4
FACTORS = (1.0, 0.9, 0.8, 0.7, 0.6)
TRAIN, VALID = Grid(128, 64, 48), Grid(128, 112, 48)
HARD_BELOW, SIMPLE_FROM = 27.16882, 35.149761  # dB
SIMPLE, MEDIUM, HARD = 1, 2, 3  # as in the names of the published folders, class1 …
LEVELS = {SIMPLE: "simple", MEDIUM: "medium", HARD: "hard"}

WINDOW = np.dtype([("image", "u4"), ("top", "u2"), ("left", "u2"), ("psnr", "f4"), ("level", "u1")])

Upscale = Callable[[np.ndarray], np.ndarray]  # uint8 (N, 32, 32, 3) → uint8 (N, 128, 128, 3)


class SubImages:
    """What `prepare` has left in a folder. `windows`: one record each, with the number of its image, `top` and `left`
    in pixels of LR, `psnr` in dB, and `level`, 1 simple, 2 medium, 3 hard; `files`: `file_names` of the images."""

    def __init__(self, folder: Path) -> None:
        index = json.loads((folder / "HR" / "index.json").read_bytes())
        self.files = frozenset(index["about"]["files"])
        self.windows = np.load(folder / "windows.npy", mmap_mode="r")
        self.hr = list(memmap.images(folder / "HR").values())
        self.lr = list(memmap.images(folder / "LR").values())

    def pair(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """LR (32, 32, 3) and HR (128, 128, 3), read-only uint8, of a window."""
        image, top, left = (int(self.windows[index][key]) for key in ("image", "top", "left"))
        size = TRAIN.size // SCALE
        hr_top, hr_left = top * SCALE, left * SCALE
        return (
            self.lr[image][top : top + size, left : left + size],
            self.hr[image][hr_top : hr_top + TRAIN.size, hr_left : hr_left + TRAIN.size],
        )

    def of_level(self, level: int) -> np.ndarray:
        """The places in `windows` of one level."""
        return np.flatnonzero(self.windows["level"] == level)


def prepare(
    files: Sequence[Path],
    folder: Path,
    factors: Sequence[float],
    grid: Grid,
    upscale: Upscale,
    jobs: int,
    tell: Listener,
) -> SubImages:
    """Makes what is missing in `folder`: the piles by `jobs` processes, the ranking by `upscale` in this one.

    UserError for an image that cannot be read or is smaller than a window at the smallest factor.
    """
    _make_piles(files, folder, factors, grid, jobs, tell)
    with locked(folder / "lock", lambda: tell(f"{folder.name}: waits for another process", 0, 1)):
        _rank(folder, grid, upscale, tell)
    return SubImages(folder)


def _rank(folder: Path, grid: Grid, upscale: Upscale, tell: Listener) -> None:
    ready, part = folder / "windows.npy", folder / "psnr.part.npy"
    for file in (ready, part):
        if file.is_file() and file.stat().st_mtime_ns < (folder / "LR" / "index.json").stat().st_mtime_ns:
            file.unlink()  # of images that have changed
    if not ready.is_file():
        windows = _windows(list(memmap.images(folder / "LR").values()), grid)
        windows["psnr"] = _ranked(folder, part, windows, upscale, tell)
        windows["level"] = levels(windows["psnr"])
        partial = folder / "windows.part.npy"
        np.save(partial, windows)
        partial.replace(ready)
    part.unlink(missing_ok=True)


def levels(psnr: np.ndarray, thresholds: Sequence[float] = (HARD_BELOW, SIMPLE_FROM)) -> np.ndarray:
    """From 1, the simplest, for PSNR in dB; `thresholds`: from the least on, each belongs to the simpler side."""
    harder = np.searchsorted(np.array(thresholds, psnr.dtype), psnr, side="right")
    return (len(thresholds) + 1 - harder).astype(np.uint8)


def quantiles(psnr: np.ndarray, levels: int) -> tuple[float, ...]:
    """The thresholds that put as many windows into each level: tertiles for three."""
    ordered = np.sort(psnr)
    return tuple(float(ordered[len(ordered) * part // levels]) for part in range(1, levels))


def sub_images_identity(folder: Path) -> str:
    """A digest of what lies in a folder of `prepare`, whenever it was made. UserError where nothing does."""
    try:
        images = json.loads((folder / "HR" / "index.json").read_bytes())["images"]
        return json_digest([sha256(folder / "windows.npy"), images])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UserError(
            f"sub_images={folder}: holds none of ClassSR's windows; make them with: "
            "python -m srbench data prepare NAME classsr=true model=…"
        ) from error


def _make_piles(
    files: Sequence[Path], folder: Path, factors: Sequence[float], grid: Grid, jobs: int, tell: Listener
) -> None:
    named = by_name(files)
    stamps = {name: [file.stat().st_size, file.stat().st_mtime_ns] for name, file in file_names(files).items()}
    sizes = {}
    for name, file in named.items():
        height, width = image_size(file)
        for factor in factors:
            # What imresize gives, cropped.
            tall, wide = (int(np.ceil(length * factor - 1e-9)) // SCALE * SCALE for length in (height, width))
            if min(tall, wide) < grid.size:
                raise UserError(f"{file}: {width}×{height} at {factor:g} is smaller than a window of {grid.size}")
            sizes[_name(name, factor)] = (tall, wide)
    hr = Pile(folder / "HR", sizes, {"files": stamps})
    tasks = [(tuple(_name(name, factor) for factor in factors), (file, tuple(factors))) for name, file in named.items()]
    memmap.build(hr, _shrunk, tasks, jobs, tell)
    small = {name: (height // SCALE, width // SCALE) for name, (height, width) in sizes.items()}
    lr = Pile(folder / "LR", small, {"files": stamps})
    memmap.build(lr, _quarter, [((name,), (hr.folder, name)) for name in small], jobs, tell)


def file_names(files: Sequence[Path]) -> dict[str, Path]:
    """As `by_name`, with their suffixes."""
    return {f"{name}{file.suffix}": file for name, file in by_name(files).items()}


def _name(name: str, factor: float) -> str:
    return f"{name}@{factor:g}"


def _shrunk(file: Path, factors: Sequence[float]) -> list[np.ndarray]:
    image = read_image(file)
    sized = [image if factor == 1 else imresize(image, factor) for factor in factors]
    return [one[: one.shape[0] // SCALE * SCALE, : one.shape[1] // SCALE * SCALE] for one in sized]


def _quarter(pile: Path, name: str) -> list[np.ndarray]:
    return [imresize(memmap.images(pile)[name], 1 / SCALE)]


def _windows(lr: Sequence[np.ndarray], grid: Grid) -> np.ndarray:
    """A record each, image by image, row by row; not ranked."""
    small = Grid(grid.size // SCALE, grid.step // SCALE, grid.thresh // SCALE)
    parts = []
    for number, image in enumerate(lr):
        corners = np.array(small.corners(*image.shape[:2]))
        part = np.zeros(len(corners), WINDOW)
        part["image"], part["top"], part["left"] = number, corners[:, 0], corners[:, 1]
        parts.append(part)
    return np.concatenate(parts)


def _ranked(folder: Path, part: Path, windows: np.ndarray, upscale: Upscale, tell: Listener) -> np.ndarray:
    """PSNR of each window; what an interrupted ranking has done is taken from its file, `part`."""
    if not part.is_file():
        np.save(part, np.full(len(windows), np.nan, np.float32))
    psnr = np.load(part, mmap_mode="r+")
    lr, hr = (list(memmap.images(folder / kind).values()) for kind in ("LR", "HR"))
    ends = np.searchsorted(windows["image"], np.arange(len(lr) + 1))
    for number, (first, last) in enumerate(pairwise(ends)):
        if np.isnan(psnr[first:last]).any():
            corners = [(int(w["top"]), int(w["left"])) for w in windows[first:last]]
            psnr[first:last] = _scores(lr[number], hr[number], corners, upscale)
        tell("ranks", number + 1, len(lr))
    return np.array(psnr)


def _scores(lr: np.ndarray, hr: np.ndarray, corners: Sequence[tuple[int, int]], upscale: Upscale) -> np.ndarray:
    size = TRAIN.size // SCALE
    sr = upscale(np.stack([lr[y : y + size, x : x + size] for y, x in corners]))
    large = [(SCALE * y, SCALE * x) for y, x in corners]
    wanted = np.stack([hr[y : y + TRAIN.size, x : x + TRAIN.size] for y, x in large])
    inside = slice(BORDER, -BORDER)
    difference = np.subtract(sr[:, inside, inside], wanted[:, inside, inside], dtype=np.int16)
    squares = np.square(difference, dtype=np.int32).mean((1, 2, 3))
    with np.errstate(divide="ignore"):
        scores: np.ndarray = 10 * np.log10(255**2 / squares)
    return scores
