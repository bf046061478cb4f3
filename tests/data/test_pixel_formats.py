"""Images of 16 bits and of one channel: from files to batches without loss."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from srbench.core.errors import UserError
from srbench.core.pixel_format import RGB8, PixelFormat, white_of
from srbench.core.progress import silent
from srbench.data import memmap
from srbench.data.chains import parse_degradation
from srbench.data.decode import bits_of, header
from srbench.data.digests import image_digest, pixel_digest
from srbench.data.images import DEEP as DEEP_FILES
from srbench.data.images import read_image, read_stored, write_image
from srbench.data.memmap import Pile
from srbench.data.pairs import ImagePair, digests, lr_source
from srbench.data.patches import Patches
from srbench.data.resize import imresize
from srbench.data.resizers import RESIZERS
from srbench.data.supply import Supply

DEEP, GREY, DEEP_GREY = PixelFormat(16, 3), PixelFormat(8, 1), PixelFormat(16, 1)
FORMS = [RGB8, DEEP, GREY, DEEP_GREY]


def image(form, height=40, width=48, seed=0):
    random = np.random.default_rng(seed)
    return random.integers(0, white_of(form.dtype) + 1, (height, width, form.channels)).astype(form.dtype)


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_what_is_written_is_read_again(tmp_path, form, suffix):
    write_image(tmp_path / f"a{suffix}", image(form))
    found = read_image(tmp_path / f"a{suffix}", form)
    assert found.dtype == form.dtype
    np.testing.assert_array_equal(found, image(form))


@pytest.mark.parametrize("form", [DEEP, DEEP_GREY], ids=str)
@pytest.mark.parametrize("suffix", [".jpg", ".bmp", ".webp"])
def test_16_bits_are_not_written_where_they_would_become_8(tmp_path, form, suffix):
    with pytest.raises(ValueError, match=r"^16 bits a channel are written as \.png or \.tif"):
        write_image(tmp_path / f"a{suffix}", image(form))
    assert not list(tmp_path.iterdir())


def test_8_bits_read_as_16_are_white_at_white(tmp_path):
    write_image(tmp_path / "a.png", image(RGB8))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", DEEP), image(RGB8).astype(np.uint16) * 257)


def test_grey_is_read_where_the_channels_are_equal(tmp_path):
    write_image(tmp_path / "a.png", np.repeat(image(GREY), 3, axis=2))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", GREY), image(GREY))
    write_image(tmp_path / "b.png", image(RGB8))
    with pytest.raises(UserError, match=r"b\.png: is in colour; of grey images alone is one channel read"):
        read_image(tmp_path / "b.png", GREY)


def test_a_grey_image_without_a_third_axis_is_told_from_rgb(tmp_path):
    Image.fromarray(image(GREY)[..., 0]).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").shape == (40, 48, 3)
    assert read_image(tmp_path / "a.png", GREY).shape == (40, 48, 1)


@pytest.mark.parametrize("wrong", [{"bits": 12}, {"bits": True}, {"channels": 4}])
def test_other_formats_are_refused(wrong):
    with pytest.raises(ValueError, match=rf"^{next(iter(wrong))}="):
        PixelFormat(**wrong)


def test_every_format_has_digests_of_its_own(tmp_path):
    write_image(tmp_path / "a.png", np.repeat(image(GREY), 3, axis=2))
    assert len({pixel_digest([tmp_path / "a.png"], form) for form in FORMS}) == 4
    # 16 bits whose bytes are those of an 8-bit image of the same size and other channels.
    same = np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6, 3), np.uint16), np.zeros((4, 6, 1), np.uint8)
    assert len({*map(image_digest, same)}) == 3


def test_uint16_is_resized_as_its_values_are_and_rounded_between_the_passes():
    deep = image(DEEP, 30, 31) // 3 + 20_000  # nothing saturates between the passes
    for scale in (1 / 2, 1 / 3, 2):
        exact = imresize(deep.astype(np.float64), scale)
        rounded = imresize(deep, scale)
        assert rounded.dtype == np.uint16
        assert np.abs(rounded - exact.clip(0, 65535)).max() < 1.5
        # The vertical pass is that of an image whose columns are resized alone.
        column = np.floor(imresize(np.repeat(deep[:, :1, :1], 40, 1).astype(np.float64), scale)[:, :1] + 0.5)
        alone = imresize(np.repeat(deep[:, :1, :1], 40, 1), scale)[:, :1]
        np.testing.assert_array_equal(alone, column.clip(0, 65535))


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_resizers_keep_the_format(form):
    for name, shrink in RESIZERS.items():
        if form.bits == 8 or not name.startswith("pil-"):
            small = shrink(image(form), 2)
            assert (small.dtype, small.shape) == (form.dtype, (20, 24, form.channels)), name


@pytest.mark.parametrize("form", [DEEP, GREY, DEEP_GREY], ids=str)
def test_batches_hold_the_values_of_the_files(tmp_path, form):
    files = [tmp_path / f"{n}.png" for n in range(3)]
    for n, file in enumerate(files):
        write_image(file, image(form, seed=n))
    made = Patches(Supply(files, 2, None, 4, 16, 0, form=form), turns=1)
    mapped = Patches(Supply(files, 2, None, 4, 16, 0, form=form), turns=1, in_memory=0)
    for step in range(3):
        batch, scale = made.batch(step), 2
        assert batch.hr.numpy().dtype == batch.lr.numpy().dtype == form.dtype
        for one, place in enumerate(made.places(step)[1]):
            hr = image(form, seed=place.image)
            lr, (_, top, left, _) = imresize(hr, 1 / 2), place
            np.testing.assert_array_equal(batch.lr[one].numpy(), lr[top : top + 8, left : left + 8])
            large = hr[top * scale : (top + 8) * scale, left * scale : (left + 8) * scale]
            np.testing.assert_array_equal(batch.hr[one].numpy(), large)
        again = mapped.batch(step)
        assert torch.equal(again.hr.int(), batch.hr.int())
        assert torch.equal(again.lr.int(), batch.lr.int())


def test_a_pile_of_another_format_is_another_pile(tmp_path):
    of = {form: image(form, 4, 5) for form in FORMS}
    for form, pixels in of.items():
        pile = Pile(tmp_path / form.name, {"a": (4, 5)}, {}, form)
        memmap.build(pile, lambda name, pixels=pixels: [pixels], [(("a",), ("a",))], 1, silent)
        assert pile.is_whole
        assert not Pile(tmp_path / form.name, {"a": (4, 5)}, {}, DEEP if form != DEEP else RGB8).is_whole
        np.testing.assert_array_equal(memmap.images(pile.folder)["a"], pixels)


@pytest.mark.parametrize("form", [DEEP, GREY, DEEP_GREY], ids=str)
def test_a_pair_is_read_in_its_format(tmp_path, form):
    write_image(tmp_path / "a.png", image(form))
    pair = ImagePair("a", tmp_path / "a.png", None, 2, form=form)
    for _ in range(2):  # the second is from the cache
        lr, hr = pair.read()
        np.testing.assert_array_equal(hr, image(form))
        np.testing.assert_array_equal(lr, imresize(image(form), 1 / 2))
    write_image(tmp_path / "x.png", lr)
    with_file = ImagePair("a", tmp_path / "a.png", tmp_path / "x.png", 2, form=form)
    np.testing.assert_array_equal(with_file.read()[0], lr)
    assert lr_source([with_file]).maker == ("unknown" if form.bits == 16 else "matlab-symmetric")
    assert str(lr_source([with_file])) == ("file" if form.bits == 16 else "file by matlab-symmetric")
    assert digests([with_file])[1] != digests([ImagePair("a", tmp_path / "a.png", tmp_path / "x.png", 2)])[1]


@pytest.mark.parametrize("form", [GREY, DEEP, DEEP_GREY], ids=str)
def test_noise_and_blur_are_those_of_the_same_picture(form):
    """Of 16 bits as of 8, but for the rounding of the latter; of grey as of RGB."""
    deep = image(form)
    shallow = np.broadcast_to(np.rint(deep / (white_of(form.dtype) / 255)).astype(np.uint8), (*deep.shape[:2], 3))
    for step in ("blur", "noise"):
        chain = parse_degradation(step)
        found = chain(deep, 2, np.random.RandomState(0))
        assert (found.shape, found.dtype) == (deep.shape, np.float32)
        assert found.min() >= 0
        assert found.max() <= 255
        if step == "blur":
            expected = chain(shallow, 2, np.random.RandomState(0))[..., : form.channels]
            assert np.abs(found - expected).max() <= (0.5 if form.bits == 16 else 1e-3) + 1e-3


@pytest.mark.parametrize(
    ("steps", "refused"),
    [
        ("noise", None),
        ([{"blur": {}}, {"noise": {}}], None),
        (["opencv-cubic", "noise"], None),
        ("jpeg", "jpeg q=75 leaves 8 bits of data.bits=16; use data.bits=8, or leave it out"),
        ("pil-bicubic", "pil-bicubic leaves 8 bits of data.bits=16; use data.bits=8"),
        (["blur", "torch-bicubic"], "torch-bicubic leaves 8 bits .*; a resizer must be the first step"),
    ],
)
def test_steps_that_keep_8_bits_alone_are_refused_for_16(steps, refused):
    chain = parse_degradation(steps)
    chain.check_bits(8)
    if refused is None:
        chain.check_bits(16)
        out = chain(image(DEEP), 2, np.random.RandomState(0))
        assert out.dtype in (np.uint16, np.float32)
    else:
        with pytest.raises(UserError, match=f"^data.degradation: {refused}"):
            chain.check_bits(16)


def test_a_blurred_grey_photograph_through_jpeg_is_grey():
    found = parse_degradation([{"blur": {}}, {"jpeg": {"quality": 90}}])(image(GREY), 2, np.random.RandomState(0))
    assert (found.shape, found.dtype) == ((40, 48, 1), np.uint8)
    assert math.isfinite(found.mean())


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".jpg"])
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_the_bits_of_a_file_are_those_of_its_header(tmp_path, form, suffix):
    file = tmp_path / f"a{suffix}"
    if form.bits == 16 and suffix not in DEEP_FILES:
        return
    write_image(file, image(form))
    assert bits_of(file) == header(file).bits == form.bits


def test_the_bits_of_a_png_that_is_cut_off_are_8_until_it_is_read(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert bits_of(tmp_path / "a.png") == 8
    with pytest.raises(UserError, match=r"a\.png: cannot be read"):
        read_stored(tmp_path / "a.png")


@pytest.mark.parametrize("bits", [16.0, "16", True, None, 12])
def test_bits_are_a_whole_number(bits):
    with pytest.raises(ValueError, match=f"^bits={bits!r}: 8 or 16$"):
        PixelFormat(bits)
