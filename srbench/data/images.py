"""Image files ⇄ arrays (H, W, C): uint8 or uint16, RGB or grey."""

import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from srbench.core.errors import UserError
from srbench.core.files import in_one_step
from srbench.core.pixel_format import RGB8, PixelFormat
from srbench.core.pixel_limit import check_pixels
from srbench.data.decode import bits_of, decoded, header

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}
NOT_READ = {".gif", ".jfif", ".jp2", ".j2k", ".ppm", ".pgm", ".pnm", ".avif", ".heic", ".heif", ".tga", ".exr", ".dng"}
DECODING = 2  # another number whenever `read_image` gives other pixels of some file: caches of pixels keep it

# How Pillow writes each format: level 1 takes a third of the time of PNG's 6, for 6 % more bytes.
WRITTEN: dict[str, dict[str, Any]] = {
    ".png": {"format": "PNG", "compress_level": 1},
    ".bmp": {"format": "BMP"},
    ".tif": {"format": "TIFF"},
    ".tiff": {"format": "TIFF"},
    ".webp": {"format": "WEBP", "lossless": True},
    ".jpg": {"format": "JPEG", "quality": 95, "subsampling": 0},
    ".jpeg": {"format": "JPEG", "quality": 95, "subsampling": 0},
}
LOSSY = (".jpg", ".jpeg")
ONE_CHANNEL = "as data.channels=1 and networks of one channel do"
DEEP = (".png", ".tif", ".tiff")  # that 16 bits a channel are written in


def image_files(folder: Path) -> list[Path]:
    """The images directly below `folder`, by name. Raises UserError if it does not exist or holds none."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder of images")
    files = sorted(path for path in folder.iterdir() if _is_image(path))
    if not files:
        below = [path.name for path in subfolders(folder) if holds_images(path)]
        hint = f"; there are some in {', '.join(below[:4])}{' and more' * (len(below) > 4)}" if below else ""
        raise UserError(f"{folder}: holds no images ({', '.join(sorted(SUFFIXES))}){hint}")
    return files


def images_of_other_formats(folder: Path) -> list[Path]:
    """Those directly below `folder`, which exists, in formats that are not read, by name."""
    return sorted(
        path for path in folder.iterdir() if path.suffix.lower() in NOT_READ and not path.name.startswith(".")
    )


def subfolders(folder: Path) -> list[Path]:
    """Those that are not hidden, by name."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def holds_images(folder: Path) -> bool:
    """Whether there is one directly below `folder`, which exists."""
    return any(_is_image(path) for path in folder.iterdir())


def by_name(files: Sequence[Path]) -> dict[str, Path]:
    """The files by their names without suffix, in their order; where folders have the same names, by folder and name:
    `sky_1`. UserError, naming both, for two files of one folder that have the same."""
    places: dict[tuple[Path, str], Path] = {}
    for file in files:
        if (other := places.setdefault((file.parent, file.stem), file)) is not file:
            raise UserError(f"{file.parent}: {other.name} and {file.name} share a name; move one of them away")
    stems = {file.stem: file for file in files}
    if len(stems) == len(files):
        return stems
    root = os.path.commonpath([file.parent for file in files])
    return {"_".join(file.relative_to(root).with_suffix("").parts): file for file in files}


def is_text(name: str) -> bool:
    """Whether a file's name is text, and not bytes of another encoding than the system's, which no table can hold."""
    return not any("\ud800" <= sign <= "\udfff" for sign in name)


def read_image(path: Path, form: PixelFormat = RGB8) -> np.ndarray:
    """(H, W, C) as `form` says, uint8 (H, W, 3) for one, upright: grey becomes RGB, alpha is dropped, 16 bits become 8
    by round(v / 257) and 8 bits 16 by 257 v, and colour profiles are not applied (`unread` tells of them).

    Raises UserError, naming the file, for one that is missing, empty or no image, for more pixels than the limit, and
    for a coloured image where grey is asked for.
    """
    pixels = decoded(path)
    if pixels.dtype == np.uint16 and form.bits == 8:
        pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    elif pixels.dtype == np.uint8 and form.bits == 16:
        pixels = pixels.astype(np.uint16) * 257
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    is_grey = pixels.shape[2] < 3
    if form.channels == 1:
        if not is_grey and (pixels[..., :1] != pixels[..., 1:3]).any():
            raise UserError(f"{path}: is in colour; of grey images alone is one channel read, {ONE_CHANNEL}")
        return np.ascontiguousarray(pixels[..., :1])
    return np.ascontiguousarray(np.repeat(pixels[..., :1], 3, axis=2) if is_grey else pixels[..., :3])


def image_size(path: Path) -> tuple[int, int]:
    """Height and width of what `read_image` gives, from the file's header alone. Raises UserError as it does."""
    found = header(path).size
    check_pixels(path, *found)
    return found


def read_stored(path: Path, channels: int = 3) -> np.ndarray:
    """(H, W, `channels`), uint16 of a file that has more than 8 bits a channel and else uint8: as `read_image`, without
    loss."""
    return read_image(path, PixelFormat(16 if is_deep(path) else 8, channels))  # type: ignore[arg-type]


def is_deep(path: Path) -> bool:
    """Whether a file has more than 8 bits a channel. UserError for one that cannot be opened."""
    return bits_of(path) > 8


def write_image(path: Path, image: np.ndarray) -> None:
    """Writes (H, W, 3) or (H, W, 1), uint8 or uint16, in the format that the suffix of `path` names, in one step: the
    file is whole, or as it was. A link is replaced, not followed. Lossless but for LOSSY. ValueError for a suffix that
    is not in WRITTEN, of uint16 in DEEP, and for more pixels than the format can have."""
    if path.suffix.lower() not in WRITTEN:
        raise ValueError(f"{path.suffix or path.name}: no format that is written; known: {', '.join(WRITTEN)}")
    if image.dtype == np.uint16 and path.suffix.lower() not in DEEP:
        raise ValueError(f"16 bits a channel are written as {' or '.join(DEEP)}, not as {path.suffix}")
    plain = image[..., 0] if image.shape[2] == 1 else image
    with in_one_step(path) as partial:
        if image.dtype == np.uint16:
            _write_deep(partial, path.suffix.lower(), plain)
            return
        try:
            Image.fromarray(plain).save(partial, **WRITTEN[path.suffix.lower()])
        except struct.error as error:  # sizes that have no room in the header
            raise ValueError(f"{image.shape[1]}×{image.shape[0]} are too many pixels for {path.suffix}") from error


def _write_deep(partial: Path, suffix: str, plain: np.ndarray) -> None:
    """uint16 (H, W, 3) or (H, W)."""
    if suffix == ".png":
        import cv2

        done, content = cv2.imencode(".png", plain if plain.ndim == 2 else plain[..., ::-1])
        assert done
        partial.write_bytes(content.tobytes())
    else:
        import tifffile

        tifffile.imwrite(partial, plain, photometric="minisblack" if plain.ndim == 2 else "rgb")


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
