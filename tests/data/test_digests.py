"""Digests of pixels."""

import os

import numpy as np
import pytest

from srbench.core.errors import UserError
from srbench.data import digests
from srbench.data.digests import image_digest, pixel_digest
from srbench.data.images import write_image


def test_the_digest_of_an_image_is_of_its_shape_too():
    flat = np.arange(48, dtype=np.uint8)
    assert image_digest(flat.reshape(4, 4, 3)) == image_digest(flat.reshape(4, 4, 3).copy())
    assert len({image_digest(flat.reshape(shape)) for shape in ((4, 4, 3), (2, 8, 3), (8, 2, 3))}) == 3


def test_a_pixel_digest_survives_another_format_and_nothing_else(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    for name, pixels in (("a.png", image), ("b/a.bmp", image), ("c.png", image), ("d/a.png", image.reshape(6, 4, 3))):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_image(tmp_path / name, pixels)
    one, same, *others = (pixel_digest([tmp_path / name]) for name in ("a.png", "b/a.bmp", "c.png", "d/a.png"))
    assert one == same
    assert len({one, *others}) == 3
    assert pixel_digest([tmp_path / "c.png", tmp_path / "a.png"]) == pixel_digest(
        [tmp_path / "a.png", tmp_path / "c.png"]
    )


def test_a_pixel_digest_is_computed_once_until_a_file_changes(tmp_path):
    file = tmp_path / "a.png"
    write_image(file, np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8))
    before, found = pixel_digest([file]), file.stat()
    file.write_bytes(b"x" * found.st_size)  # not to be read: size and time are those of before
    os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert pixel_digest([file]) == before
    os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns + 1))
    with pytest.raises(UserError, match=r"a\.png: cannot be read as an image"):
        pixel_digest([file])
    file.unlink()
    with pytest.raises(UserError, match=r"a\.png: no such image"):
        pixel_digest([file])


def test_a_digest_is_kept_until_a_file_changes(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    image = np.zeros((4, 4, 3), np.uint8)
    write_image(tmp_path / "a.png", image)
    first = pixel_digest([tmp_path / "a.png"])
    digests._digest.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr(digests, "read_image", None)
        assert pixel_digest([tmp_path / "a.png"]) == first
    write_image(tmp_path / "a.png", image + 1)
    assert pixel_digest([tmp_path / "a.png"]) != first
