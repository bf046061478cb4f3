"""The resizers against each other's libraries and hand arithmetic."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import integers, sampled_from
from PIL import Image
from skimage.data import astronaut

from srbench.data.resize import imresize
from srbench.data.resizers import RESIZERS, as_uint8


@pytest.fixture(scope="module")
def hr():
    """A part of a photograph, (96, 120, 3)."""
    return np.ascontiguousarray(astronaut()[40:136, 180:300])


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("name", RESIZERS)
def test_lr_is_a_scale_th_of_hr(name, scale, hr):
    lr = RESIZERS[name](hr, scale)
    assert (lr.shape, lr.dtype) == ((96 // scale, 120 // scale, 3), np.uint8)
    assert lr.flags.writeable
    if scale == 1:
        np.testing.assert_array_equal(lr, hr)


@given(value=integers(0, 255), scale=sampled_from([2, 3, 4]), name=sampled_from(sorted(RESIZERS)))
@settings(deadline=None)
def test_a_flat_image_stays_flat(value, scale, name):
    assert (RESIZERS[name](np.full((12, 24, 3), value, np.uint8), scale) == value).all()


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_matlab_is_imresize_with_either_edge(scale, hr):
    for edge in ("symmetric", "replicate"):
        np.testing.assert_array_equal(RESIZERS[f"matlab-{edge}"](hr, scale), imresize(hr, 1 / scale, edge))


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", ["bilinear", "bicubic", "lanczos"])
def test_pil_is_pillow(name, scale, hr):
    small = Image.fromarray(hr).resize((120 // scale, 96 // scale), Image.Resampling[name.upper()])
    np.testing.assert_array_equal(RESIZERS[f"pil-{name}"](hr, scale), small)


def test_area_is_the_mean_of_each_block(hr):
    means = hr.reshape(48, 2, 60, 2, 3).mean((1, 3))
    np.testing.assert_allclose(RESIZERS["opencv-area"](hr, 2), means, atol=0.5)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize(
    ("ours", "theirs", "most", "mean"),
    [("torch-bicubic", "opencv-cubic", 1, 0.01), ("torch-bicubic-antialias", "pil-bicubic", 2, 0.15)],
)
def test_two_libraries_with_one_kernel_differ_by_rounding(ours, theirs, most, mean, scale, hr):
    """Pillow rounds its weights, and the image between the passes."""
    difference = np.abs(RESIZERS[ours](hr, scale).astype(int) - RESIZERS[theirs](hr, scale))
    assert difference.max() <= most
    assert difference.mean() < mean


def test_without_antialiasing_the_finest_stripes_alias():
    stripes = np.zeros((24, 24, 3), np.uint8)
    stripes[:, ::3] = 255
    spread = {name: int(np.ptp(RESIZERS[name](stripes, 4)[2:-2, 2:-2])) for name in RESIZERS}
    assert {name for name, width in spread.items() if width > 100} == {"torch-bicubic", "opencv-cubic"}


def test_floats_are_rounded_and_clipped():
    np.testing.assert_array_equal(as_uint8(np.array([-3.0, 0.4, 0.6, 254.6, 300])), np.array([0, 0, 1, 255, 255]))
