"""Digests of pixels."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest

from srbench.core.errors import UserError
from srbench.data import digests
from srbench.data.digests import TICK, image_digest, pixel_digest
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


def test_a_name_in_another_encoding_is_told(tmp_path):
    file = tmp_path / os.fsdecode(b"caf\xe9.png")  # as archives from other systems leave it
    write_image(file, np.zeros((4, 6, 3), np.uint8))
    with pytest.raises(UserError, match=r"its name is no text in utf-8; rename it$"):
        pixel_digest([file])


def test_equal_size_and_time_do_not_pass_for_the_same_file(tmp_path):
    one, other = np.random.default_rng(0).integers(0, 256, (2, 4, 6, 3), np.uint8)
    file = tmp_path / "a.bmp"
    write_image(file, one)
    before, found = pixel_digest([file]), file.stat()
    write_image(file, other)
    os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (found.st_size, found.st_mtime_ns)
    assert pixel_digest([file]) != before


def test_an_image_that_cannot_be_read_or_is_not_there_is_named(tmp_path):
    file = tmp_path / "a.png"
    file.write_bytes(b"x")
    with pytest.raises(UserError, match=r"a\.png: cannot be read as an image"):
        pixel_digest([file])
    file.unlink()
    with pytest.raises(UserError, match=r"a\.png: no such image"):
        pixel_digest([file])


COMPUTES = """
import sys
from pathlib import Path
from srbench.data import digests
if sys.argv[2] == "kept":
    digests.read_image = None
print(digests.pixel_digest([Path(sys.argv[1])]))
"""


@pytest.fixture
def digest_in_another_process(tmp_path, monkeypatch):
    """Of a file, `kept` in the cache or computed."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def run(file, how):
        done = subprocess.run([sys.executable, "-c", COMPUTES, str(file), how], capture_output=True, text=True)
        return done.stdout.strip() or done.stderr.strip().splitlines()[-1]

    return run


@pytest.fixture
def old_image(tmp_path):
    """One that was written well before it is read."""
    file = tmp_path / "a.png"
    write_image(file, np.zeros((4, 4, 3), np.uint8))
    while file.stat().st_ctime_ns > time.time_ns() - 2 * TICK:
        time.sleep(0.01)
    return file


def test_a_digest_is_kept_until_a_file_changes(old_image, digest_in_another_process):
    first = digest_in_another_process(old_image, "computed")
    assert digest_in_another_process(old_image, "kept") == first
    write_image(old_image, np.ones((4, 4, 3), np.uint8))
    assert digest_in_another_process(old_image, "computed") != first


@pytest.mark.parametrize("content", [b"", b"garbage<script>", b"\xff\xfe", b"0" * 63, b"A" * 64, b"0" * 64 + b"\n"])
def test_what_is_no_digest_in_the_cache_is_computed_again(old_image, digest_in_another_process, tmp_path, content):
    first = digest_in_another_process(old_image, "computed")
    (kept,) = (tmp_path / "cache/srbench/digests").iterdir()
    kept.write_bytes(content)
    assert digest_in_another_process(old_image, "computed") == first
    assert kept.read_text() == first


def test_a_file_that_was_written_just_now_may_change_within_one_time_and_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(digests, "TICK", 10**15)
    write_image(tmp_path / "a.png", np.full((4, 4, 3), 5, np.uint8))
    pixel_digest([tmp_path / "a.png"])
    assert not (tmp_path / "cache").exists()


def test_a_digest_that_another_way_of_decoding_gave_is_computed_again(old_image, tmp_path, monkeypatch):
    for decoding in (1, 2, 2):
        monkeypatch.setattr(digests, "DECODING", decoding)
        digests._digest.cache_clear()
        pixel_digest([old_image])
    assert len(list((tmp_path / "cache/srbench/digests").iterdir())) == 2
