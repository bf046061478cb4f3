"""Image files ⇄ uint8 arrays (H, W, 3) in RGB."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import numpy as np
from PIL import Image

from srbench.core.errors import UserError

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}


def image_files(folder: Path) -> list[Path]:
    """The images directly below `folder`, by name. Raises UserError if it does not exist or holds none."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder of images")
    files = sorted(path for path in folder.iterdir() if _is_image(path))
    if not files:
        raise UserError(f"{folder}: holds no images ({', '.join(sorted(SUFFIXES))})")
    return files


def holds_images(folder: Path) -> bool:
    """Whether there is one directly below `folder`, which exists."""
    return any(_is_image(path) for path in folder.iterdir())


def by_name(files: Sequence[Path]) -> dict[str, Path]:
    """The files by their names without suffix, in their order. UserError, naming both, for two that have the same."""
    named: dict[str, Path] = {}
    for file in files:
        if (other := named.setdefault(file.stem, file)) is not file:
            raise UserError(f"{file.parent}: {other.name} and {file.name} share a name; move one of them away")
    return named


def read_image(path: Path) -> np.ndarray:
    """uint8 (H, W, 3): grey becomes RGB, alpha is dropped, 16 bits become 8 by round(v / 257).

    Raises UserError, naming the file, for one that is missing, empty or no image.
    """
    with _named_if_unreadable(path):
        pixels = _decode(path)
    if pixels.dtype == np.uint16:
        pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.shape[2] in (1, 2):
        pixels = np.repeat(pixels[..., :1], 3, axis=2)
    return np.ascontiguousarray(pixels[..., :3])


def image_size(path: Path) -> tuple[int, int]:
    """Height and width, from the file's header alone. Raises UserError as `read_image` does."""
    with _named_if_unreadable(path), Image.open(path) as file:
        return file.height, file.width


def write_image(path: Path, image: np.ndarray) -> None:
    """Writes uint8 (H, W, 3) in the format that the suffix of `path` names."""
    Image.fromarray(image).save(path)


def replace_image(path: Path, image: np.ndarray) -> None:
    """A PNG of uint8 (H, W, 3) in one step: the file at `path` is whole, or not there."""
    partial = path.with_name(f".{uuid4().hex}.png")
    try:
        # Level 1 takes a third of the time of Pillow's 6, for 6 % more bytes.
        Image.fromarray(image).save(partial, compress_level=1)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


@contextmanager
def _named_if_unreadable(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path}: no such image") from None
    except (OSError, ValueError, RuntimeError, SyntaxError, Image.DecompressionBombError) as error:
        reason = "the file is empty" if path.is_file() and path.stat().st_size == 0 else str(error).splitlines()[0]
        raise UserError(f"{path}: cannot be read as an image: {reason}") from error


def _decode(path: Path) -> np.ndarray:
    if _is_deep_colour_png(path):
        # Pillow keeps the high byte of 16-bit colour; its grey 16-bit images are whole.
        import cv2

        pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if pixels is None:
            raise ValueError("the PNG is broken")
        return pixels[..., 2::-1]
    with Image.open(path) as file:
        if file.mode.startswith("I;16"):
            return np.asarray(file).astype(np.uint16)
        if file.mode in ("L", "RGB"):
            return np.array(file)
        if file.mode in ("I", "F"):
            raise ValueError(f"pixels of 32 bits (mode {file.mode}) are not supported; save it with 8 or 16 bits")
        return np.array(file.convert("RGBA" if file.has_transparency_data else "RGB"))


def _is_deep_colour_png(path: Path) -> bool:
    with path.open("rb") as file:
        header = file.read(26)
    return header.startswith(b"\x89PNG") and len(header) == 26 and header[24] == 16 and header[25] in (2, 6)
