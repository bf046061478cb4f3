"""SHA-256 of pixels: the same for a copy in another lossless format, and for no other picture."""

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np

from srbench.core.files import write_file
from srbench.core.paths import cache_folder
from srbench.data.images import read_image


def image_digest(image: np.ndarray) -> str:
    """Of one image, uint8 (H, W, 3): of its size and its values."""
    return hashlib.sha256(f"{image.shape[1]}×{image.shape[0]}\n".encode() + image.tobytes()).hexdigest()


def pixel_digest(files: Sequence[Path]) -> str:
    """SHA-256, in hex, of names without suffix, sizes and RGB values: the same for a copy in another lossless format.

    The order of `files` does not matter. UserError for one that cannot be read.
    """
    return named_digest([(file.stem, file) for file in files])


def named_digest(images: Iterable[tuple[str, Path]]) -> str:
    """The `pixel_digest` that the files would have under these names."""
    return _digest(tuple((name, file, *_stamp(file)) for name, file in sorted(images)))


@lru_cache(maxsize=256)  # the runs of a grid ask for the same sets
def _digest(images: tuple[tuple[str, Path, int, int], ...]) -> str:
    """Kept in the user's cache as long as names, sizes and times of change stay, as every process of a grid asks."""
    asked = hashlib.sha256(repr([(name, str(file.resolve()), *stamp) for name, file, *stamp in images]).encode())
    kept = cache_folder("digests") / asked.hexdigest()
    if kept.is_file():
        return kept.read_text()
    digest = _computed(images)
    with suppress(OSError):  # the cache only saves time
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_file(kept, digest.encode())
    return digest


def _computed(images: tuple[tuple[str, Path, int, int], ...]) -> str:
    content = hashlib.sha256()
    for name, file, *_ in images:
        pixels = read_image(file)
        content.update(f"{name} {pixels.shape[1]}×{pixels.shape[0]}\n".encode())
        content.update(pixels.tobytes())
    return content.hexdigest()


def _stamp(file: Path) -> tuple[int, int]:
    """Size and time of change; zeros for a file that is not there, which `read_image` tells."""
    if not file.is_file():
        return 0, 0
    found = file.stat()
    return found.st_size, found.st_mtime_ns
