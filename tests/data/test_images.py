import numpy as np
import pytest
from PIL import Image

from srbench.core.errors import UserError
from srbench.data.images import image_files, read_image, write_image


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)


def test_grey_becomes_rgb(tmp_path, pixels):
    Image.fromarray(pixels[..., 0]).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_image(tmp_path / "grey.png"), np.repeat(pixels[..., :1], 3, axis=2))


def test_alpha_is_dropped_not_blended(tmp_path, pixels):
    alpha = np.full((5, 7, 1), 7, np.uint8)
    Image.fromarray(np.concatenate([pixels, alpha], axis=2)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), pixels)


def test_a_palette_is_looked_up(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putdata([1, 0])
    image.save(tmp_path / "p.png")
    np.testing.assert_array_equal(read_image(tmp_path / "p.png"), [[[40, 50, 60], [10, 20, 30]]])


@pytest.mark.parametrize(
    ("deep", "flat"), [(0, 0), (128, 0), (129, 1), (257 * 100 + 128, 100), (257 * 100 + 129, 101), (65535, 255)]
)
def test_16_bits_become_8_by_rounding(tmp_path, deep, flat):
    Image.fromarray(np.full((3, 4), deep, np.uint16)).save(tmp_path / "deep.png")
    assert (read_image(tmp_path / "deep.png") == flat).all()
    (tmp_path / "colour.png").write_bytes(png_of_16_bit_rgb(3, 4, deep))
    assert (read_image(tmp_path / "colour.png") == flat).all()


def png_of_16_bit_rgb(height: int, width: int, value: int) -> bytes:
    """PNG specification, sections 5 and 11: Pillow cannot write this kind."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    rows = (b"\0" + struct.pack(">H", value) * 3 * width) * height
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "the file is empty"), (b"no image", "cannot identify"), (b"\x89PNG\r\n\x1a\n\0", "")]
)
def test_what_cannot_be_read_is_named(tmp_path, content, reason):
    (tmp_path / "broken.png").write_bytes(content)
    with pytest.raises(UserError, match=rf"broken\.png: cannot be read as an image: .*{reason}"):
        read_image(tmp_path / "broken.png")


def test_a_truncated_image_is_named(tmp_path, pixels):
    Image.fromarray(np.tile(pixels, (40, 40, 1))).save(tmp_path / "cut.png")
    whole = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"cut\.png: cannot be read"):
        read_image(tmp_path / "cut.png")


def test_images_come_by_name_and_only_images(tmp_path, pixels):
    for name in ("b.png", "a.JPG", ".hidden.png"):
        Image.fromarray(pixels).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("x")
    assert [file.name for file in image_files(tmp_path)] == ["a.JPG", "b.png"]


def test_a_folder_without_images_is_named(tmp_path):
    with pytest.raises(UserError, match="holds no images"):
        image_files(tmp_path)
    with pytest.raises(UserError, match="no such folder"):
        image_files(tmp_path / "none")


def test_an_image_is_replaced_whole_or_not_at_all(tmp_path, pixels):
    write_image(tmp_path / "a.png", pixels)
    write_image(tmp_path / "a.png", pixels[::-1])
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), pixels[::-1])
    (tmp_path / "b.png").mkdir()
    with pytest.raises(OSError, match=r"b\.png"):
        write_image(tmp_path / "b.png", pixels)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "tiff", "webp", "PNG"])
def test_what_is_written_is_read_again_as_it_was(tmp_path, pixels, suffix):
    write_image(tmp_path / f"a.{suffix}", pixels)
    np.testing.assert_array_equal(read_image(tmp_path / f"a.{suffix}"), pixels)


def test_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path, pixels):
    write_image(tmp_path / "kept.png", pixels)
    (tmp_path / "a.png").symlink_to("kept.png")
    write_image(tmp_path / "a.png", pixels[::-1])
    np.testing.assert_array_equal(read_image(tmp_path / "kept.png"), pixels)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), pixels[::-1])


def test_a_suffix_that_cannot_be_written_is_told_with_those_that_can(tmp_path, pixels):
    with pytest.raises(ValueError, match=r"\.gif: no format that is written; known: \.png, "):
        write_image(tmp_path / "a.gif", pixels)
