"""What is left out of an image is said in a line on all files that it holds of."""

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from srbench.data.unread import unread


def lines(folder):
    return [line.replace(f"{folder}/", "") for line in unread(sorted(folder.iterdir()))]


def image(mode="RGB"):
    return Image.new(mode, (8, 6))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_said(tmp_path, mode):
    image(mode).save(tmp_path / "a.png")
    image(mode).save(tmp_path / "b.tif")
    assert lines(tmp_path) == ["a.png, b.tif: alpha is left out"]


def test_a_transparent_palette_is_said(tmp_path):
    image("P").save(tmp_path / "a.png", transparency=0)
    assert lines(tmp_path) == ["a.png: alpha is left out"]


def test_plain_images_say_nothing(tmp_path):
    for mode in ("L", "RGB", "P"):
        image(mode).save(tmp_path / f"{mode}.png")
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image().save(tmp_path / "s.png", icc_profile=srgb)
    image().save(tmp_path / "s.jpg", icc_profile=srgb)
    assert lines(tmp_path) == []


def test_another_colour_profile_is_named(tmp_path):
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for name in ("a.jpg", "b.png", "c.webp", "d.tif"):
        image().save(tmp_path / name, icc_profile=lab)
    (line,) = lines(tmp_path)
    assert line.startswith("a.jpg, b.png, c.webp, d.tif: the colour profile (Lab identity built-in) is left out")
    image().save(tmp_path / "e.png", icc_profile=b"broken")
    assert "e.png: the colour profile (which is broken) is left out" in lines(tmp_path)[1]


def test_cmyk_a_gamma_and_further_pictures_are_said(tmp_path):
    image("CMYK").save(tmp_path / "a.jpg")
    image().save(tmp_path / "c.tif", save_all=True, append_images=[image(), image()])
    info = PngInfo()
    info.add(b"gAMA", (100000).to_bytes(4, "big"))
    image().save(tmp_path / "b.png", pnginfo=info)
    assert lines(tmp_path) == [
        "a.jpg: CMYK becomes RGB by the plain formula, without a profile",
        "b.png: the gamma of the file (1) is left out: values are taken as they stand, as if sRGB's",
        "c.tif: of 3 pictures in the file the first is read",
    ]


def test_16_bits_are_said_and_many_files_are_counted(tmp_path):
    for number in range(7):
        tifffile.imwrite(tmp_path / f"{number}.tif", np.zeros((6, 8, 3), np.uint16), photometric="rgb")
    assert lines(tmp_path) == ["0.tif, 1.tif, 2.tif, 3.tif, 4.tif and 2 more: 16 bits a channel become 8"]


def test_what_cannot_be_read_is_told_elsewhere(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    assert lines(tmp_path) == []
