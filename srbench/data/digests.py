"""SHA-256 of pixels: the same for a copy in another lossless format, and for no other picture."""

import hashlib
import re
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np

from srbench.core.errors import UserError
from srbench.core.files import write_file
from srbench.core.paths import cache_folder
from srbench.core.pixel_format import RGB8, PixelFormat, format_of
from srbench.data.images import DECODING, is_text, read_image

TICK = 100_000_000  # ns: a file that was written so shortly before it was read may be written again within one time


def image_digest(image: np.ndarray) -> str:
    """Of one image (H, W, C): of its size and its values."""
    return hashlib.sha256(f"{_size(image)}\n".encode() + _bytes(image)).hexdigest()


def pixel_digest(files: Sequence[Path], form: PixelFormat = RGB8) -> str:
    """SHA-256, in hex, of names without suffix, sizes and values, read as `form`: the same for a copy in another
    lossless format.

    The order of `files` does not matter. UserError for one that cannot be read.
    """
    return named_digest([(file.stem, file) for file in files], form)


def named_digest(images: Iterable[tuple[str, Path]], form: PixelFormat = RGB8) -> str:
    """The `pixel_digest` that the files would have under these names. UserError for a name that is no text."""
    named = sorted(images)
    for name, file in named:
        if not is_text(name):
            raise UserError(f"{file}: its name is no text in {sys.getfilesystemencoding()}; rename it")
    return _digest(tuple((name, file, file_stamp(file)) for name, file in named), form)


Stamp = tuple[int, int, int, int]


@lru_cache(maxsize=256)  # the runs of a grid ask for the same sets
def _digest(images: tuple[tuple[str, Path, Stamp], ...], form: PixelFormat) -> str:
    """Kept in the user's cache as long as the files are the same, as every process of a grid asks."""
    other = () if form == RGB8 else (form,)  # no key of RGB's own: what was kept before there were others stays known
    asked = repr([DECODING, *other, *((name, str(file.resolve()), stamp) for name, file, stamp in images)])
    kept = cache_folder("digests") / hashlib.sha256(asked.encode()).hexdigest()
    with suppress(OSError, UnicodeDecodeError):
        if re.fullmatch("[0-9a-f]{64}", text := kept.read_text(encoding="ascii")):
            return text
    began = time.time_ns()
    digest = _computed(images, form)
    if all(stamp[2] < began - TICK for _, _, stamp in images):
        with suppress(OSError):  # the cache only saves time
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_file(kept, digest.encode())
    return digest


def _computed(images: Iterable[tuple[str, Path, Stamp]], form: PixelFormat) -> str:
    content = hashlib.sha256()
    for name, file, _ in images:
        pixels = read_image(file, form)
        content.update(f"{name} {_size(pixels)}\n".encode())
        content.update(_bytes(pixels))
    return content.hexdigest()


def _size(image: np.ndarray) -> str:
    """With the bits and channels where they are not those of uint8 RGB, whose digests are older than the others."""
    form = format_of(image)
    other = "" if form == RGB8 else f" {form.name}"
    return f"{image.shape[1]}×{image.shape[0]}{other}"


def _bytes(image: np.ndarray) -> bytes:
    """The least byte of a value first, on every machine."""
    return image.astype(image.dtype.newbyteorder("<"), copy=False).tobytes()


def file_stamp(file: Path) -> Stamp:
    """What changes with a file's content: size, time of change of its content and of its description, number. The
    third is the kernel's own, which nobody can set back. Zeros for a file that is not there."""
    try:
        found = file.stat()
    except OSError:
        return 0, 0, 0, 0
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino
