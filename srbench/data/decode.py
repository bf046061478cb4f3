"""Image files decoded: upright, with 8 or 16 bits a channel, within one limit of pixels, whatever the format.

Pillow decodes what has 8 bits. Of 16-bit colour it keeps the high byte: such a PNG is OpenCV's, such a TIFF tifffile's,
or OpenCV's where a package that tifffile lacks has compressed it.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from PIL import Image

from srbench.core.errors import UserError, first_line
from srbench.core.pixel_limit import check_pixels
from srbench.data.turns import UPRIGHT, turned

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")
PNG, PNG_BITS = b"\x89PNG\r\n\x1a\n", 24  # how a PNG begins, and where its first chunk, IHDR, has the bits
TIFFS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
OPENCV_LIMIT = 2**30  # pixels: its own, which no argument changes

# Tags of TIFF and EXIF, and what they hold.
ORIENTATION, PROFILE = 0x0112, 34675
MIN_IS_WHITE, MIN_IS_BLACK, RGB, SEPARATED = 0, 1, 2, 5  # PhotometricInterpretation
PLANES = 2  # PlanarConfiguration
UNSIGNED = 1  # SampleFormat

_pillow = Lock()


@dataclass(frozen=True)
class Header:
    """What an image file says of itself. `orientation`: EXIF's, 1 to 8; `profile`: ICC's, empty without one; `gamma`:
    of a PNG, None where it says nothing; `pictures`: that the file holds, of which the first is read."""

    stored: tuple[int, int]  # height and width, before the orientation
    bits: int
    orientation: int
    alpha: bool
    cmyk: bool
    profile: bytes
    gamma: float | None
    pictures: int

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, upright."""
        height, width = self.stored
        return (width, height) if self.orientation >= 5 else (height, width)


def header(path: Path) -> Header:
    """Raises UserError as `decoded` does, but where only the pixels are broken."""
    with _named_if_unreadable(path):
        if _is_tiff(path):
            with _tiff_page(path) as page:
                return _of_page(page)
        with _opened(path, path) as file:
            return _of_file(path, file)


def bits_of(path: Path) -> int:
    """A channel's, as `header` has them, of a file's first bytes: for many thousands of files, whose headers take up to
    milliseconds each. 8 of what is no image; UserError for a file that cannot be opened."""
    with _named_if_unreadable(path):
        if _is_tiff(path):
            with _tiff_page(path) as page:
                return int(np.max(page.bitspersample))
        with path.open("rb") as file:
            start = file.read(PNG_BITS + 1)
        return start[PNG_BITS] if start.startswith(PNG) and len(start) > PNG_BITS else 8


def decoded(path: Path) -> np.ndarray:
    """uint8 or uint16, (H, W) or (H, W, C) of 1 to 4 channels: grey, grey and alpha, RGB, RGB and alpha.

    Raises UserError, naming the file, for one that cannot be read, and for more pixels than the limit.
    """
    with _named_if_unreadable(path):
        if _is_tiff(path):
            with _tiff_page(path) as page:
                found = _of_page(page)
                check_pixels(path, *found.size)
                pixels = _deep_tiff(path, page) if found.bits > 8 else _shallow_tiff(path, page)
        else:
            with _opened(path, path) as file:
                found = _of_file(path, file)
                pixels = _deep_png(path, file) if found.bits > 8 else _of_pillow(file)
        return turned(pixels, UPRIGHT[found.orientation])


@contextmanager
def _named_if_unreadable(path: Path) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"{path}: no such image") from None
    except Exception as error:  # decoders raise anything for files that are made to break them
        empty = path.is_file() and path.stat().st_size == 0
        reason = "the file is empty" if empty else first_line(error)
        raise UserError(f"{path}: cannot be read as an image: {reason}") from error


@contextmanager
def _opened(path: Path, source: Path | BytesIO) -> Iterator[Image.Image]:
    """By Pillow, whose own limit warns on stderr, then refuses, and is not told by it."""
    with _pillow:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            file = Image.open(source, formats=FORMATS)
        finally:
            Image.MAX_IMAGE_PIXELS = before
    with file:
        check_pixels(path, file.height, file.width)
        yield file


def _of_file(path: Path, file: Image.Image) -> Header:
    """Of anything but a TIFF."""
    bits = 8
    if file.format == "PNG":
        bits, exif = _png_facts(path)
        if exif:
            file.info.setdefault("exif", b"Exif\0\0" + exif)
    orientation: Any = 1
    with suppress(Exception):  # broken EXIF says nothing, and does no harm to the pixels
        orientation = Image.Image.getexif(file).get(ORIENTATION)  # PNG's own method decodes the pixels first
    return Header(
        stored=(file.height, file.width),
        bits=bits,
        orientation=orientation if orientation in UPRIGHT else 1,
        alpha=file.has_transparency_data,
        cmyk=file.mode == "CMYK",
        profile=file.info.get("icc_profile") or b"",
        gamma=file.info.get("gamma"),
        pictures=1 if file.format == "MPO" else getattr(file, "n_frames", 1),  # MPO: a camera's previews
    )


def _png_facts(path: Path) -> tuple[int, bytes]:
    """Bits a channel, and the chunk eXIf, which may stand behind the pixels."""
    bits = 8
    with path.open("rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if kind == b"eXIf":
                return bits, file.read(length)
            if kind == b"IHDR":
                bits = file.read(9)[8]
                length -= 9
            file.seek(length + 4, 1)
    return bits, b""


def _of_pillow(file: Image.Image) -> np.ndarray:
    if file.mode in ("L", "RGB") and not file.has_transparency_data:
        return np.array(file)
    return np.array(file.convert("RGBA" if file.has_transparency_data else "RGB"))


def _deep_png(path: Path, file: Image.Image) -> np.ndarray:
    file.load()  # says what is broken, which OpenCV does not
    return _of_opencv(np.fromfile(path, np.uint8), file.height * file.width)


def _of_opencv(content: np.ndarray, pixels: int) -> np.ndarray:
    import cv2

    if pixels > OPENCV_LIMIT:
        raise ValueError(f"16 bits a channel are read of up to {OPENCV_LIMIT // 10**6} megapixels here")
    # It would print what is broken, too. Where the level is set: in OpenCV 4, and in 5.
    set_level = cv2.setLogLevel if hasattr(cv2, "setLogLevel") else cv2.utils.logging.setLogLevel
    told = set_level(0)
    found = cv2.imdecode(content, cv2.IMREAD_UNCHANGED)
    set_level(told)
    if found is None or found.dtype != np.uint16:
        raise ValueError("its 16 bits a channel are broken, or stored in a way that is not supported")
    return found[..., 2::-1] if found.ndim == 3 else found


def _is_tiff(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in TIFFS


@contextmanager
def _tiff_page(path: Path) -> Iterator[Any]:
    """The first, as tifffile has it."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        yield file.pages[0]


def _of_page(page: Any) -> Header:
    tag, profile = page.tags.get(ORIENTATION), page.tags.get(PROFILE)
    return Header(
        stored=(page.imagelength, page.imagewidth),
        bits=int(np.max(page.bitspersample)),
        orientation=int(tag.value) if tag and tag.value in UPRIGHT else 1,
        alpha=any(kind in (1, 2) for kind in page.extrasamples),
        cmyk=page.photometric == SEPARATED,
        profile=bytes(profile.value) if profile else b"",
        gamma=None,
        pictures=sum(not one.is_reduced for one in page.parent.pages),
    )


def _as_stored(path: Path, page: Any) -> bytes:
    """The file without its orientation: which decoder, of which version, heeds it differs."""
    content, tag = bytearray(path.read_bytes()), page.tags.get(ORIENTATION)
    if tag:
        content[tag.valueoffset : tag.valueoffset + 2] = struct.pack(f"{page.parent.byteorder}H", 1)
    return bytes(content)


def _shallow_tiff(path: Path, page: Any) -> np.ndarray:
    with _opened(path, BytesIO(_as_stored(path, page))) as file:
        return _of_pillow(file)


def _deep_tiff(path: Path, page: Any) -> np.ndarray:
    if np.max(page.bitspersample) != 16 or page.sampleformat != UNSIGNED:
        kind = "" if page.sampleformat == UNSIGNED else " with a sign or a fraction"
        raise ValueError(
            f"{np.max(page.bitspersample)} bits a channel{kind} are not supported; save it with 8 or 16 bits"
        )
    if page.photometric not in (MIN_IS_WHITE, MIN_IS_BLACK, RGB) or page.samplesperpixel > 4:
        raise ValueError("16 bits a channel are supported of grey and RGB alone; save it as one of these")
    try:
        pixels: np.ndarray = page.asarray()
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        if page.planarconfig == PLANES or page.photometric == MIN_IS_WHITE:
            how = "in planes" if page.planarconfig == PLANES else "from white to black"
            raise ValueError(
                f"16 bits a channel {how}, compressed by {page.compression.name}, are not supported; save it as a PNG"
            ) from error
        return _of_opencv(np.frombuffer(_as_stored(path, page), np.uint8), page.imagelength * page.imagewidth)
    if page.planarconfig == PLANES and pixels.ndim == 3:
        pixels = np.moveaxis(pixels, 0, -1)
    return 65535 - pixels if page.photometric == MIN_IS_WHITE else pixels
