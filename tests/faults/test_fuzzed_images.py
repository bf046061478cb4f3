"""Image files of every kind, cut off and broken at any place: all the pixels, or one line that names the file."""

import struct
import warnings
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import integers, lists, sampled_from
from PIL import Image

from srbench.core.errors import UserError
from srbench.data.images import image_size, read_image
from tests.faults.fuzzing import breaks, broken, tries

PIXELS = np.random.default_rng(0).integers(0, 256, (13, 17, 4), np.uint8)
MODES = {
    "png": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "jpeg": ("L", "RGB", "CMYK"),
    "bmp": ("1", "L", "P", "RGB", "RGBA"),
    "tiff": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F", "LAB"),
    "webp": ("RGB", "RGBA"),
    "gif": ("P",),
}


def encoded(form: str, mode: str, **options) -> bytes:
    """A small image in that format and mode."""
    if mode in ("I;16", "F"):
        image = Image.fromarray(PIXELS[..., 0].astype(np.uint16 if mode == "I;16" else np.float32))
    elif mode == "LAB":
        image = Image.fromarray(PIXELS[..., :3], "RGB").convert("RGB")
        image = Image.merge("LAB", image.split())
    else:
        image = Image.fromarray(PIXELS, "RGBA").convert("RGB").convert(mode)
    content = BytesIO()
    image.save(content, form, **options)
    return content.getvalue()


WHOLE = {f"{form} {mode}": encoded(form, mode) for form, modes in MODES.items() for mode in modes}
WHOLE |= {
    "tiff lzw": encoded("tiff", "RGB", compression="tiff_lzw"),
    "webp lossless": encoded("webp", "RGB", lossless=True),
}
WHOLE |= {
    "png interlaced": encoded("png", "RGB", interlace=1),
    "jpeg progressive": encoded("jpeg", "RGB", progressive=True),
}


def pixels_in(path: Path, content: bytes) -> np.ndarray | None:
    """What is read of a file with that content; None where it is refused, as it must be: in one line that names it."""
    path.write_bytes(content)
    told = ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in a command, where a warning ends nothing
        try:
            found, size = read_image(path), image_size(path)
        except UserError as error:
            told = str(error)
    if told:
        assert str(path) in told
        assert len(told.splitlines()) == 1
        return None
    assert found.dtype == np.uint8
    assert found.shape == (*size, 3)
    return found


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("images") / "a.png"


@tries(200)
@given(kind=sampled_from(sorted(WHOLE)), part=integers(0, 10**6))
def test_a_file_that_is_cut_off_gives_all_its_pixels_or_none(path, kind, part):
    whole = pixels_in(path, WHOLE[kind])
    found = pixels_in(path, WHOLE[kind][: part % len(WHOLE[kind])])
    assert found is None or (whole is not None and (found == whole).all())


@tries(200)
@given(kind=sampled_from(sorted(WHOLE)), how=lists(breaks, min_size=1, max_size=3))
def test_a_broken_file_gives_an_image_or_a_line(path, kind, how):
    content = WHOLE[kind]
    for one in how:
        content = broken(content, one)
    pixels_in(path, content)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


SIDES = (0, 1, 17, 65_535, 2**31 - 1, 2**31, 2**32 - 1)


@tries(100)
@given(
    sides=lists(sampled_from(SIDES), min_size=2, max_size=2),
    bits=sampled_from([0, 1, 8, 16, 255]),
    colours=sampled_from([0, 1, 2, 3, 4, 6, 255]),
)
def test_a_header_that_claims_any_size_is_believed_only_where_the_pixels_are(path, sides, bits, colours):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *sides, bits, colours, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(bytes(100)))
    found = pixels_in(path, b"\x89PNG\r\n\x1a\n" + header + body + chunk(b"IEND", b""))
    assert found is None or found.size == 3 * sides[0] * sides[1]
