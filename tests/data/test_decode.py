"""Every format that carries 16 bits, orientations, and the limit on pixels."""

import struct
import warnings
import zlib

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from srbench.core.errors import UserError
from srbench.core.pixel_limit import limit_pixels
from srbench.data.images import image_size, read_image, write_image

SHAPES = {"grey": (9, 12), "grey+alpha": (9, 12, 2), "rgb": (9, 12, 3), "rgb+alpha": (9, 12, 4)}
PNG_TYPES = {"grey": 0, "rgb": 2, "grey+alpha": 4, "rgb+alpha": 6}


def deep(kind: str) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 65536, SHAPES[kind]).astype(np.uint16)


def flat(pixels: np.ndarray) -> np.ndarray:
    """RGB of 8 bits, by the definition: round(v / 257)."""
    colour = pixels[..., None] if pixels.ndim == 2 else pixels
    colour = colour[..., :3] if colour.shape[2] >= 3 else np.repeat(colour[..., :1], 3, axis=2)
    return np.floor(colour / 257 + 0.5).astype(np.uint8)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def deep_png(kind: str, before: bytes = b"", after: bytes = b"") -> bytes:
    """PNG specification, sections 5 and 11: Pillow cannot write most of these. `before`, `after`: chunks by IDAT."""
    pixels = deep(kind)
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 16, PNG_TYPES[kind], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    parts = [chunk(b"IHDR", header), before, chunk(b"IDAT", zlib.compress(rows)), after, chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def exif(orientation: int) -> bytes:
    """The chunk eXIf."""
    tag = Image.Exif()
    tag[0x0112] = orientation
    return chunk(b"eXIf", tag.tobytes().removeprefix(b"Exif\0\0"))


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """TIFF 6.0, page 36, where row 0 and column 0 of the file are."""
    return {
        1: lambda p: p,
        2: np.fliplr,
        3: lambda p: np.rot90(p, 2),
        4: np.flipud,
        5: lambda p: p.swapaxes(0, 1),
        6: lambda p: np.rot90(p, -1),
        7: lambda p: np.rot90(p, 2).swapaxes(0, 1),
        8: np.rot90,
    }[orientation](pixels)


@pytest.mark.parametrize("kind", PNG_TYPES)
def test_a_png_of_16_bits_is_rounded_in_every_colour_type(tmp_path, kind):
    (tmp_path / "a.png").write_bytes(deep_png(kind))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), flat(deep(kind)))


@pytest.mark.parametrize("kind", ["grey", "rgb"])
def test_a_transparent_colour_changes_no_pixel(tmp_path, kind):
    value = np.atleast_1d(deep(kind)[0, 0])
    (tmp_path / "a.png").write_bytes(deep_png(kind, before=chunk(b"tRNS", value.astype(">u2").tobytes())))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), flat(deep(kind)))


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"byteorder": ">"},
        {"compression": "zlib"},
        {"compression": "zlib", "predictor": True},
        {"tile": (16, 16)},
        {"bigtiff": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", SHAPES)
def test_a_tiff_of_16_bits_is_rounded_as_a_png_is(tmp_path, kind, how):
    colour = {"photometric": "rgb" if kind.startswith("rgb") else "minisblack", "planarconfig": "contig"}
    extra = {"extrasamples": ["unassalpha"]} if "alpha" in kind else {}
    tifffile.imwrite(tmp_path / "a.tif", deep(kind), **colour, **extra, **how)
    (tmp_path / "a.png").write_bytes(deep_png(kind))
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), read_image(tmp_path / "a.png"))
    assert image_size(tmp_path / "a.tif") == (9, 12)


def test_a_tiff_of_16_bits_in_planes_or_from_white_to_black_is_read_too(tmp_path):
    planes = np.ascontiguousarray(np.moveaxis(deep("rgb"), -1, 0))
    tifffile.imwrite(tmp_path / "planes.tif", planes, photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(read_image(tmp_path / "planes.tif"), flat(deep("rgb")))
    tifffile.imwrite(tmp_path / "white.tif", deep("grey"), photometric="miniswhite")
    np.testing.assert_array_equal(read_image(tmp_path / "white.tif"), flat(65535 - deep("grey")))


@pytest.mark.parametrize("kind", ["grey", "rgb", "rgb+alpha"])
def test_a_tiff_of_16_bits_that_lzw_has_compressed_is_read_too(tmp_path, kind):
    pixels = deep(kind)
    stored = pixels if pixels.ndim == 2 else pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    cv2.imwrite(str(tmp_path / "a.tif"), stored)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.pages[0].compression == tifffile.COMPRESSION.LZW
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), flat(pixels))


@pytest.mark.parametrize("dtype", ["float32", "uint32", "int16", "float16"])
def test_other_kinds_of_pixels_are_refused_in_a_line(tmp_path, dtype):
    tifffile.imwrite(tmp_path / "a.tif", deep("grey").astype(dtype), photometric="minisblack")
    with pytest.raises(UserError, match=r"a\.tif: cannot be read as an image: \d\d bits a channel.* are not supported"):
        read_image(tmp_path / "a.tif")


def test_cmyk_of_16_bits_is_refused_in_a_line(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", deep("rgb+alpha"), photometric="separated")
    with pytest.raises(UserError, match=r"16 bits a channel are supported of grey and RGB alone"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("pixels", "stored", "how"),
    [
        (np.moveaxis(deep("rgb"), -1, 0).copy(), {"photometric": "rgb", "planarconfig": "separate"}, "in planes"),
        (deep("grey"), {"photometric": "miniswhite"}, "from white to black"),
    ],
)
def test_what_no_library_here_decompresses_is_refused_with_what_to_do(tmp_path, pixels, stored, how):
    tifffile.imwrite(tmp_path / "a.tif", pixels, compression="zlib", **stored)
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as file:
        file.pages[0].tags["Compression"].overwrite(int(tifffile.COMPRESSION.LZW))
    with pytest.raises(UserError, match=f"16 bits a channel {how}, compressed by LZW, are not .*; save it as a PNG"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "webp", "tif", "jpg"])
def test_an_image_is_set_upright(tmp_path, suffix, orientation):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 16, 3), np.uint8)
    tag = Image.Exif()
    tag[0x0112] = orientation
    kwargs = {"lossless": True} if suffix == "webp" else {}
    Image.fromarray(pixels).save(tmp_path / f"plain.{suffix}", **kwargs)
    Image.fromarray(pixels).save(tmp_path / f"turned.{suffix}", exif=tag, **kwargs)
    plain, found = read_image(tmp_path / f"plain.{suffix}"), read_image(tmp_path / f"turned.{suffix}")
    np.testing.assert_array_equal(found, upright(plain, orientation))
    assert image_size(tmp_path / f"turned.{suffix}") == found.shape[:2]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("compression", ["zlib", "lzw"])
def test_a_tiff_of_16_bits_is_set_upright_whichever_library_decodes_it(tmp_path, orientation, compression):
    path = tmp_path / "a.tif"
    if compression == "lzw":
        cv2.imwrite(str(path), deep("rgb")[..., ::-1])
        with tifffile.TiffFile(path, mode="r+b") as file:  # OpenCV writes no orientation: another tag makes room for it
            tag = file.pages[0].tags["SampleFormat"]
            tag_offset = tag.offset
        content = bytearray(path.read_bytes())
        content[tag_offset : tag_offset + 12] = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
        path.write_bytes(content)
    else:
        tags = [(0x0112, "H", 1, orientation, True)]
        tifffile.imwrite(path, deep("rgb"), photometric="rgb", compression="zlib", extratags=tags)
    np.testing.assert_array_equal(read_image(path), upright(flat(deep("rgb")), orientation))
    assert image_size(path) == ((9, 12) if orientation < 5 else (12, 9))


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_png_is_set_upright_wherever_its_orientation_stands(tmp_path, where):
    (tmp_path / "a.png").write_bytes(deep_png("rgb", **{where: exif(6)}))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), upright(flat(deep("rgb")), 6))
    assert image_size(tmp_path / "a.png") == (12, 9)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_turns_nothing(tmp_path, orientation):
    (tmp_path / "a.png").write_bytes(deep_png("rgb", before=exif(orientation)))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), flat(deep("rgb")))


def test_broken_exif_turns_nothing(tmp_path):
    (tmp_path / "a.png").write_bytes(deep_png("rgb", before=chunk(b"eXIf", b"MM\0*\0\0\0\x08\xff")))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), flat(deep("rgb")))


@pytest.fixture
def limit():
    """A limit of 100 pixels; the images here have 108."""
    limit_pixels(1e-4)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp", "a.tif", "a.webp", "deep.png", "deep.tif", "lzw.tif"])
@pytest.mark.parametrize("read", [read_image, image_size])
def test_one_limit_on_pixels_holds_for_every_decoder(tmp_path, limit, name, read):
    if name == "deep.png":
        (tmp_path / name).write_bytes(deep_png("rgb"))
    elif name == "deep.tif":
        tifffile.imwrite(tmp_path / name, deep("rgb"), photometric="rgb")
    elif name == "lzw.tif":
        cv2.imwrite(str(tmp_path / name), deep("rgb"))
    else:
        write_image(tmp_path / name, flat(deep("rgb")))
    with pytest.raises(UserError, match=rf"{name}: 12×9 are 0 megapixels, more than max_megapixels=0\.0001; .*set"):
        read(tmp_path / name)


def test_what_pillow_calls_a_bomb_is_read_without_a_warning(tmp_path, monkeypatch):
    write_image(tmp_path / "a.png", flat(deep("rgb")))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_image(tmp_path / "a.png").shape == (9, 12, 3)
    assert Image.MAX_IMAGE_PIXELS == 10


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_a_broken_image_of_16_bits_is_named_and_nothing_is_printed(tmp_path, capfd, name):
    if name == "a.png":
        (tmp_path / name).write_bytes(deep_png("rgb")[:-200])
    else:
        cv2.imwrite(str(tmp_path / name), deep("rgb"))
        content = bytearray((tmp_path / name).read_bytes())
        content[8:200] = b"\xff" * 192
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=rf"{name}: cannot be read as an image: "):
        read_image(tmp_path / name)
    assert capfd.readouterr().err == ""
