"""Images of Python, in all the ways in which people hold them."""

import numpy as np
import pytest
import torch

from srbench.core.errors import UserError
from srbench.data.any_image import pixels_of
from srbench.data.images import write_image

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
AS_TENSOR = torch.from_numpy(PIXELS).permute(2, 0, 1)


@pytest.mark.parametrize(
    "image",
    [
        PIXELS,
        PIXELS.astype(np.float32) / 255,
        PIXELS / 255,
        AS_TENSOR,
        AS_TENSOR[None],
        AS_TENSOR.float() / 255,
        (AS_TENSOR.double() / 255).requires_grad_(),
        PIXELS[::-1][::-1],
    ],
    ids=["uint8", "float32", "float64", "tensor", "batch of one", "float tensor", "with a gradient", "a view"],
)
def test_every_form_is_the_same_picture(image):
    assert np.array_equal(pixels_of(image), PIXELS)


def test_a_file_is_read(tmp_path):
    write_image(tmp_path / "a.png", PIXELS)
    assert np.array_equal(pixels_of(tmp_path / "a.png"), PIXELS)
    assert np.array_equal(pixels_of(str(tmp_path / "a.png")), PIXELS)
    with pytest.raises(UserError, match=r"b\.png"):
        pixels_of(tmp_path / "b.png")


def test_bfloat16_is_rounded_as_it_is():
    half = (AS_TENSOR.float() / 255).bfloat16()
    expected = (half.float() * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    assert np.array_equal(pixels_of(half), expected)


def test_values_beyond_the_range_are_clipped():
    image = np.array([[[-0.2, 0.5, 1.3]]])
    assert pixels_of(image).tolist() == [[[0, 128, 255]]]


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (PIXELS.astype(np.float32), r"^sr: reaches from 0 to 248, where \[0, 1\] is needed; divide by 255$"),
        (PIXELS.astype(np.uint16), r"^sr: uint16 that reaches 248 of 65535 is nearly black; is it uint8\?$"),
        (PIXELS.astype(np.int16), r"^sr: uint8, uint16, or floating-point numbers in \[0, 1\], are needed, not int16$"),
        (PIXELS[..., 0], r"^sr: an array \(H, W, 3\) or a tensor \(3, H, W\) is needed, not one of shape \(5, 7\)$"),
        (PIXELS[:0], "not one of shape"),
        (torch.from_numpy(PIXELS), r"^sr: a tensor \(3, H, W\) is needed, not one of shape \(5, 7, 3\)"),
        (AS_TENSOR.repeat(2, 1, 1, 1), "score a batch image by image"),
        (np.full((4, 4, 3), np.nan), r"^sr: holds numbers that are not finite"),
        (3, "^sr: a path, an array or a tensor is needed, not a int$"),
    ],
)
def test_what_is_no_picture_is_told(image, told):
    with pytest.raises(ValueError, match=told):
        pixels_of(image, "sr")


def test_the_order_of_bytes_changes_nothing():
    deep = np.random.default_rng(0).integers(0, 65536, (4, 5, 3)).astype(np.uint16)
    found = pixels_of(deep.astype(">u2"))
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, deep)
    np.testing.assert_array_equal(pixels_of((deep / 65535).astype(">f8")), pixels_of(deep / 65535))
