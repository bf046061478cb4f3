"""resize, upscale and score on images as people have them: nothing is lost, nothing left out in silence."""

import os

import numpy as np
import pytest
import tifffile
from PIL import Image

from srbench.core.pixel_format import PixelFormat
from srbench.data.images import read_image, write_image
from srbench.data.resize import imresize

UPSCALE = ["model=bicubic", "threads=1"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty folder."""
    monkeypatch.chdir(tmp_path)


def noise(height=20, width=24, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def put(path, image=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, noise() if image is None else image)
    return path


@pytest.fixture(params=["resize", "upscale"])
def verb(request, door):
    """Calls resize or upscale: (words) -> what it did; `verb.name`."""
    more = ["scale=2"] if request.param == "resize" else UPSCALE

    def call(*words):
        return door(request.param, *map(str, words), *more)

    call.name = request.param
    return call


def refused(done, line, tmp_path, before):
    assert done.returncode == 2
    assert done.stderr.startswith(line), done.stderr
    assert done.stderr.count("\n") == 1
    assert contents(tmp_path) == before


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("out", ["hr", "./hr", "hr/../hr", "link", "hr/."])
def test_a_folder_is_never_written_over_by_whatever_name(verb, tmp_path, out):
    put(tmp_path / "hr/a.png")
    (tmp_path / "link").symlink_to("hr", target_is_directory=True)
    before = contents(tmp_path)
    refused(verb("hr", out), f"srbench: {verb.name}: {out.removeprefix('./').removesuffix('/.')}", tmp_path, before)


def test_what_a_link_or_another_name_leads_to_is_not_written_over(verb, tmp_path):
    put(tmp_path / "hr/a.png")
    put(tmp_path / "hr/b.png", noise(seed=1))
    (tmp_path / "out").mkdir()
    os.link(tmp_path / "hr/b.png", tmp_path / "out/a.png")
    line = f"srbench: {verb.name}: out/a.png: would be overwritten"
    refused(verb("hr", "out"), line, tmp_path, contents(tmp_path))
    (tmp_path / "out/a.png").unlink()
    (tmp_path / "out/a.png").symlink_to("../hr/b.png")
    refused(verb("hr", "out"), line, tmp_path, contents(tmp_path))


def test_one_image_is_not_written_over(verb, tmp_path):
    put(tmp_path / "a.png")
    refused(verb("a.png", "a.png"), f"srbench: {verb.name}: a.png: would be overwritten", tmp_path, contents(tmp_path))


@pytest.mark.parametrize("names", [("a.jpg", "a.png"), ("A.png", "a.png"), ("ü.png", "ü.bmp")])
def test_no_output_is_written_over_by_another(verb, tmp_path, names):
    for name in names:
        put(tmp_path / "hr" / name)
    done = verb("hr", "out")
    assert done.returncode == 2
    assert "would both become out/" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_inside_the_one_that_is_read_is_written(verb, tmp_path):
    put(tmp_path / "hr/a.png")
    assert verb("hr", "hr/small").stdout == "hr/small/a.png: 48×40\n"
    assert verb("hr", "hr/small").returncode == 0  # again: only what it wrote is replaced
    np.testing.assert_array_equal(read_image(tmp_path / "hr/a.png"), noise())


def test_a_folder_does_not_become_a_file(verb, tmp_path):
    put(tmp_path / "hr/a.png")
    refused(verb("hr", "b.png"), f"srbench: {verb.name}: b.png: names a file, but hr is", tmp_path, contents(tmp_path))


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "webp", "TIFF"])
def test_resize_writes_the_format_of_the_suffix_without_loss(door, tmp_path, suffix):
    put(tmp_path / "a.png")
    assert door("resize", "a.png", f"b.{suffix}", "scale=1/2").stderr == ""
    np.testing.assert_array_equal(read_image(tmp_path / f"b.{suffix}"), imresize(noise(), 1 / 2))
    formats = {"png": "PNG", "tif": "TIFF", "bmp": "BMP", "webp": "WEBP", "TIFF": "TIFF"}
    with Image.open(tmp_path / f"b.{suffix}") as file:
        assert file.format == formats[suffix]


def test_resize_says_that_jpeg_is_lossy(door, tmp_path):
    put(tmp_path / "a.png")
    done = door("resize", "a.png", "b.jpg", "scale=1/2")
    assert done.stderr == "note: b.jpg: JPEG is lossy: other pixels are stored than were made; .png keeps them\n"
    with Image.open(tmp_path / "b.jpg") as file:
        assert file.format == "JPEG"


@pytest.mark.parametrize("name", ["b.gif", "b.jp2", "b.xyz", "b.npy"])
def test_a_suffix_that_cannot_be_written_is_one_line(verb, tmp_path, name):
    put(tmp_path / "a.png")
    refused(verb("a.png", name), f"srbench: {verb.name}: {name}: ", tmp_path, contents(tmp_path))


def test_a_photograph_held_upright_comes_out_upright(verb, tmp_path):
    tag = Image.Exif()
    tag[0x0112] = 6
    Image.new("RGB", (60, 40)).save(tmp_path / "phone.jpg", exif=tag)
    assert verb("phone.jpg", "up.png").stdout == "up.png: 80×120\n"


def test_what_is_left_out_of_an_image_is_said_in_one_line(verb, tmp_path):
    Image.new("RGBA", (24, 20)).save(tmp_path / "alpha.png")
    assert verb("alpha.png", "up.png").stderr == "note: alpha.png: alpha is left out\n"
    Image.new("CMYK", (24, 20)).save(tmp_path / "print.jpg")
    assert verb("print.jpg", "up.png").stderr.startswith("note: print.jpg: CMYK becomes RGB")


def test_resize_keeps_16_bits_where_the_format_can(door, tmp_path):
    deep = np.random.default_rng(0).integers(0, 65536, (20, 24, 3)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "deep.tif", deep, photometric="rgb")
    for name in ("half.png", "half.tif"):
        assert door("resize", "deep.tif", name, "scale=1/2").stderr == ""
        np.testing.assert_array_equal(read_image(tmp_path / name, PixelFormat(16)), imresize(deep, 1 / 2))
    assert door("resize", "deep.tif", "half.bmp", "scale=1/2").stderr == "note: deep.tif: 16 bits a channel become 8\n"


def test_score_compares_16_bits_where_both_images_have_them(door, tmp_path):
    hr = np.random.default_rng(0).integers(1000, 64000, (40, 44, 3)).astype(np.uint16)
    write_image(tmp_path / "hr.png", hr)
    write_image(tmp_path / "sr.png", hr + np.uint16(64))  # a quarter of a level of 8 bits, which has nothing of it
    write_image(tmp_path / "sr8.png", (hr // 257).astype(np.uint8))
    words = ("scale=2", "metrics=psnr", "protocol=rgb")
    done = door("score", "sr.png", "hr.png", *words)
    assert done.stderr == ""
    assert f"{20 * np.log10(65535 / 64):.4f}" in done.stdout
    mixed = door("score", "sr8.png", "hr.png", *words)
    assert mixed.stderr == "note: hr.png: 16 bits a channel become 8\n"
    assert mixed.returncode == 0


def test_score_takes_grey_images_as_a_run_on_one_channel_does(door, tmp_path):
    hr = noise()[..., :1]
    write_image(tmp_path / "hr.png", hr)
    write_image(tmp_path / "sr.png", hr // 2)
    error = np.square((hr // 2).astype(float) - hr)[2:-2, 2:-2].mean()
    done = door("score", "sr.png", "hr.png", "scale=2", "metrics=psnr", "channels=1")
    assert f"{10 * np.log10(255**2 / error):.4f}" in done.stdout


def test_the_limit_on_pixels_is_told_and_can_be_lifted(verb, tmp_path):
    put(tmp_path / "a.png")
    before = contents(tmp_path)
    refused(verb("a.png", "b.png", "max_megapixels=0.0004"), "srbench: a.png: 24×20 are", tmp_path, before)
    refused(verb("a.png", "b.png", "max_megapixels=0.0005"), "srbench: b.png: 48×40 are", tmp_path, before)
    assert verb("a.png", "b.png", "max_megapixels=0.002").returncode == 0
    for wrong in ("0", "-1", "many"):
        assert verb("a.png", "c.png", f"max_megapixels={wrong}").returncode == 2


def test_what_upscale_wrote_beyond_pillows_limit_is_read_again_in_silence(door, tmp_path):
    Image.new("L", (16400, 11000)).save(tmp_path / "scan.png")  # 180 megapixels: Pillow refuses it
    done = door("resize", "scan.png", "small.png", "scale=1/4")
    assert (done.returncode, done.stdout, done.stderr) == (0, "small.png: 4100×2750\n", "")


def test_score_says_what_it_does_not_read_and_holds_to_the_limit(door, tmp_path):
    put(tmp_path / "sr/a.png")
    Image.new("RGBA", (24, 20)).save(put(tmp_path / "hr/a.png"))
    done = door("score", "sr", "hr", "scale=2", "metrics=psnr")
    assert (done.returncode, done.stderr) == (0, "note: hr/a.png: alpha is left out\n")
    done = door("score", "sr", "hr", "scale=2", "metrics=psnr", "max_megapixels=0.0001")
    assert (done.returncode, done.stderr[:15]) == (2, "srbench: sr/a.p")


def test_score_does_not_take_another_number_for_a_suffix(door, tmp_path):
    put(tmp_path / "sr/img_10.png")
    put(tmp_path / "hr/img_1.png")
    assert "score: no SR images for hr/img_1.png" in door("score", "sr", "hr", "scale=2", "metrics=psnr").stderr


@pytest.mark.parametrize("folder", ["sr", "hr"])
def test_score_refuses_two_images_of_one_name(door, tmp_path, folder):
    put(tmp_path / "sr/a.png")
    put(tmp_path / "hr/a.png")
    put(tmp_path / folder / "a.bmp")
    assert f"{folder}: a.bmp and a.png share a name" in door("score", "sr", "hr", "scale=2", "metrics=psnr").stderr


def test_a_folder_s_other_images_are_made_where_one_cannot_be_read(verb, tmp_path):
    for name in ("a", "b", "c"):
        put(tmp_path / f"hr/{name}.png")
    (tmp_path / "hr/b.png").write_bytes((tmp_path / "hr/b.png").read_bytes()[:100])
    done = verb("hr", "out")
    assert done.returncode == 1
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == ["out/a.png", "out/c.png"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "c.png"]
    failed, counted = done.stderr.splitlines()
    assert failed.startswith("failed: hr/b.png: ")
    assert counted == f"{verb.name}: 1 of 3 images failed"
