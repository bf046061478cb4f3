"""The bicubic resize against MATLAB's own files, a reference implementation and arithmetic."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import integers, sampled_from
from PIL import Image

from srbench.data.resize import imresize

SET5 = ["baby", "bird", "butterfly", "head", "woman"]


def read(path):
    return np.asarray(Image.open(path).convert("RGB"))


def read_pair(shared, image, scale):
    """HR, cropped to a multiple of the scale, and the LR that MATLAB made of it."""
    folder = shared / "data" / "benchmark" / "Set5"
    hr = read(folder / "HR" / f"{image}.png")
    height, width = hr.shape[0] // scale * scale, hr.shape[1] // scale * scale
    return hr[:height, :width], read(folder / "LR_bicubic" / f"X{scale}" / f"{image}x{scale}.png")


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("image", SET5)
def test_replicate_gives_matlabs_lr_bit_for_bit(image, scale, shared):
    hr, lr = read_pair(shared, image, scale)
    np.testing.assert_array_equal(imresize(hr, 1 / scale, edge="replicate"), lr)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("image", SET5)
def test_symmetric_differs_from_it_at_the_border_only(image, scale, shared):
    hr, lr = read_pair(shared, image, scale)
    differs = (imresize(hr, 1 / scale) != lr).any(2)
    assert differs.any()
    assert not differs[2:-2, 2:-2].any()  # the kernel reaches two output pixels far


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("image", SET5)
def test_symmetric_is_the_resizer_behind_the_golden_scores(image, scale, shared):
    _, lr = read_pair(shared, image, scale)
    golden = read(shared / "reference" / "metrics" / f"{image}_bicubic_x{scale}.png")
    np.testing.assert_array_equal(imresize(lr, scale), golden)


@pytest.mark.parametrize("name", ["1_2", "1_3", "1_4", "0p9", "0p8", "0p7", "0p6", "2", "3", "4"])
def test_floats_match_the_reference_at_any_factor(name, parity):
    reference = parity("imresize")
    scale = float(Fraction(name.replace("_", "/").replace("p", ".")))
    resized = imresize(reference["image"].numpy(), scale)
    assert resized.dtype == np.float32
    np.testing.assert_allclose(
        resized, reference[f"resize_{name}"].numpy(), rtol=0, atol=2e-4
    )  # its float32, of 0..255


def test_uint8_is_rounded_half_up_between_the_passes_and_the_vertical_pass_comes_first():
    # At 1/2 the weights are (−3, −9, 29, 111, 111, 29, −9, −3) / 256, by hand from Keys' kernel.
    weights = np.array([-3, -9, 29, 111, 111, 29, -9, -3])
    images = np.random.default_rng(0).integers(0, 256, (8, 8, 1000), np.uint8)  # a thousand images of one channel
    vertical = np.clip((np.einsum("h,hwn->wn", weights, images) + 128) // 256, 0, 255)
    expected = np.clip((weights @ vertical + 128) // 256, 0, 255)
    framed = np.pad(images, ((1, 1), (1, 1), (0, 0)))  # output pixel 2 sees pixels 1 … 8, the image without its frame
    np.testing.assert_array_equal(imresize(framed, 0.5)[2, 2], expected)


@given(height=integers(1, 40), width=integers(1, 40), scale=sampled_from([2, 3, 4]), value=integers(0, 255))
def test_a_flat_image_stays_flat(height, width, scale, value):
    small = imresize(np.full((height, width, 3), value, np.uint8), 1 / scale)
    assert small.shape == (-(-height // scale), -(-width // scale), 3)
    assert (small == value).all()


@given(
    height=integers(1, 40),
    width=integers(1, 40),
    scale=sampled_from([2, 3, 4]),
    edge=sampled_from(["symmetric", "replicate"]),
)
def test_mirroring_the_image_mirrors_the_result(height, width, scale, edge):
    image = np.random.default_rng(height).integers(0, 256, (height * scale, width * scale), np.uint8)
    np.testing.assert_array_equal(
        imresize(image[::-1, ::-1], 1 / scale, edge), imresize(image, 1 / scale, edge)[::-1, ::-1]
    )


@given(length=integers(1, 3000), scale=sampled_from([2, 3, 4, 5, 6, 7, 8]))
def test_a_multiple_of_the_scale_is_divided_exactly(length, scale):
    assert imresize(np.zeros((length * scale, 1), np.uint8), 1 / scale).shape == (length, 1)


def test_a_size_that_comes_out_even_is_not_rounded_up():
    assert 50 * 1.1 > 55
    assert imresize(np.zeros((50, 50), np.uint8), 1.1).shape == (55, 55)


@pytest.mark.parametrize(
    ("image", "scale", "edge", "message"),
    [
        (np.zeros((2, 4, 4, 3), np.uint8), 0.5, "symmetric", "shape"),
        (np.zeros((0, 4), np.uint8), 0.5, "symmetric", "pixels"),
        (np.zeros((4, 4), np.int16), 0.5, "symmetric", "int16"),
        (np.zeros((4, 4), np.uint8), 0, "symmetric", "above 0"),
        (np.zeros((4, 4), np.uint8), float("inf"), "symmetric", "above 0"),
        (np.zeros((4, 4), np.uint8), 0.5, "reflect", "reflect"),
    ],
)
def test_what_cannot_be_resized_is_named(image, scale, edge, message):
    with pytest.raises(ValueError, match=message):
        imresize(image, scale, edge)
