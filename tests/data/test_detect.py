"""LR made by each library itself, from photographs, is told from the pixels."""

import io

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from srbench.data.check.detect import distances, recognise
from srbench.data.images import read_image
from srbench.data.photos import Photos
from srbench.data.resize import imresize

SCALES = [2, 3, 4]


@pytest.fixture(scope="module")
def photographs():
    """Parts of four, of 144×168: a multiple of every scale."""
    files = [*Photos().train(), *Photos().valid()]
    return [np.ascontiguousarray(read_image(file)[100:244, 130:298]) for file in files[:4]]


def of_torch(white, antialias):
    def shrink(hr, scale):
        image = torch.tensor(hr).permute(2, 0, 1)[None] * torch.tensor(white / 255)
        kind = {"mode": "bicubic", "align_corners": False, "antialias": antialias}
        small = torch.nn.functional.interpolate(image, scale_factor=1 / scale, **kind)
        return (small[0].permute(1, 2, 0) * (255 / white)).clamp(0, 255).round().byte().numpy()

    return shrink


def of_opencv(filter):
    return lambda hr, scale: cv2.resize(hr, (hr.shape[1] // scale, hr.shape[0] // scale), interpolation=filter)


def of_pillow(filter):
    return lambda hr, scale: np.asarray(
        Image.fromarray(hr).resize((hr.shape[1] // scale, hr.shape[0] // scale), filter)
    )


def once_rounded(hr, scale):
    """In float32 on [0, 1], as BasicSR computes it."""
    return (imresize(hr.astype(np.float32) / 255, 1 / scale).clip(0, 1) * 255).round().astype(np.uint8)


MAKERS = {
    "matlab-symmetric": lambda hr, scale: imresize(hr, 1 / scale, "symmetric"),
    "matlab-replicate": lambda hr, scale: imresize(hr, 1 / scale, "replicate"),
    "matlab-float": once_rounded,
    "pil-bicubic": of_pillow(Image.Resampling.BICUBIC),
    "pil-bilinear": of_pillow(Image.Resampling.BILINEAR),
    "pil-lanczos": of_pillow(Image.Resampling.LANCZOS),
    "opencv-cubic": of_opencv(cv2.INTER_CUBIC),
    "opencv-area": of_opencv(cv2.INTER_AREA),
    "torch-bicubic": of_torch(1, antialias=False),
    "torch-bicubic-antialias": of_torch(1, antialias=True),
}


def verdict(photographs, maker, scale):
    return recognise([distances(maker(hr, scale), hr, scale) for hr in photographs])


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", MAKERS)
def test_each_resizer_is_told_from_all_others(photographs, name, scale):
    found = verdict(photographs, MAKERS[name], scale)
    same_kernel = {"opencv-cubic", "torch-bicubic"}
    if name in same_kernel:  # which of the two shows in ties alone, and at ×3 there are none
        assert name in found.names
        assert set(found.names) <= same_kernel
    else:
        assert found.names == (name,)
    assert found.strangers == ()
    assert found.distance.equal > 0.999


@pytest.mark.parametrize("scale", SCALES)
def test_the_lr_images_of_set5_are_older_matlabs(shared, scale):
    folder = shared / "data" / "benchmark" / "Set5"
    pairs = [(folder / "LR_bicubic" / f"X{scale}" / f"{hr.stem}x{scale}.png", hr) for hr in (folder / "HR").iterdir()]
    found = recognise([distances(read_image(lr), read_image(hr), scale) for lr, hr in pairs])
    assert found.names == ("matlab-replicate",)
    assert (found.distance.unequal, found.strangers) == (0, ())


def test_torch_on_unit_range_and_opencv_differ_in_ties_only(photographs):
    torch_alone = verdict(photographs, of_torch(1, antialias=False), 2)
    assert torch_alone.names == ("torch-bicubic",)
    of_255 = verdict(photographs, of_torch(255, antialias=False), 2)
    assert set(of_255.names) == {"opencv-cubic", "torch-bicubic"}
    assert of_255.distance.unequal == 0


@pytest.mark.parametrize("quality", [75, 95])
def test_jpeg_is_unknown_and_its_nearest_is_named_with_the_distance(photographs, quality):
    def shrink(hr, scale):
        stored = io.BytesIO()
        Image.fromarray(MAKERS["pil-bicubic"](hr, scale)).save(stored, "JPEG", quality=quality)
        return np.asarray(Image.open(stored))

    found = verdict(photographs, shrink, 2)
    assert found.names == ()
    clean, lossy = (np.stack([maker(hr, 2) for hr in photographs]) for maker in (MAKERS[found.nearest], shrink))
    error = np.mean((clean.astype(float) - lossy) ** 2)
    assert found.distance.psnr == pytest.approx(10 * np.log10(255**2 / error))
    assert 25 < found.distance.psnr < 45
    assert found.distance.equal == pytest.approx((clean == lossy).mean())
    assert found.distance.largest == np.abs(clean.astype(int) - lossy).max()


@pytest.mark.parametrize(("share", "known"), [(0.01, True), (0.05, False)])
def test_a_step_of_one_in_few_values_is_the_same_resizer_on_another_machine(photographs, share, known):
    def shrink(hr, scale):
        lr = MAKERS["torch-bicubic-antialias"](hr, scale).copy()
        moved = np.random.default_rng(0).random(lr.shape) < share
        lr[moved] ^= 1
        return lr

    found = verdict(photographs, shrink, 4)
    assert found.names == (("torch-bicubic-antialias",) if known else ())
    assert found.nearest == "torch-bicubic-antialias"
    assert found.distance.equal == pytest.approx(1 - share, abs=0.005)


def test_an_image_that_another_resizer_made_is_a_stranger(photographs):
    makers = [MAKERS["matlab-replicate"]] * 2 + [MAKERS["matlab-symmetric"], MAKERS["matlab-replicate"]]
    found = recognise([distances(make(hr, 2), hr, 2) for make, hr in zip(makers, photographs, strict=True)])
    assert (found.names, found.strangers) == (("matlab-replicate",), (2,))


def test_margins_of_one_colour_hide_the_edge_until_an_image_without_comes(photographs):
    page = photographs[0].copy()
    page[:16], page[-16:], page[:, :16], page[:, -16:] = 255, 255, 255, 255
    shrink = MAKERS["matlab-replicate"]
    assert set(verdict([page], shrink, 2).names) == {"matlab-symmetric", "matlab-replicate"}
    assert verdict([page, photographs[1]], shrink, 2).names == ("matlab-replicate",)


def test_a_stranger_is_found_even_where_the_difference_is_a_step_of_one(photographs):
    page = photographs[0].copy()
    margins = np.ones(page.shape[:2], bool)
    margins[16:-16, 16:-16] = False
    page[margins] = np.random.default_rng(0).integers(200, 203, (margins.sum(), 3))
    makers = [MAKERS["matlab-replicate"]] * 2 + [MAKERS["matlab-symmetric"]]
    images = [*photographs[1:3], page]
    found = [distances(make(hr, 2), hr, 2) for make, hr in zip(makers, images, strict=True)]
    assert found[2]["matlab-replicate"].largest == 1
    assert found[2]["matlab-replicate"].equal > 0.98
    assert recognise(found).strangers == (2,)


def test_of_a_large_image_the_corner_is_enough(photographs):
    hr = read_image(Photos().train()[0])  # 512×512: LR of 256 does not fit into the window
    lr = MAKERS["torch-bicubic-antialias"](hr, 2)
    found = recognise([distances(lr, hr, 2)])
    assert found.names == ("torch-bicubic-antialias",)
    assert found.distance.values == 128 * 128 * 3


def test_hr_may_exceed_lr_by_less_than_the_scale(photographs):
    hr = photographs[0]
    lr = MAKERS["matlab-symmetric"](hr[:142, :166], 2)
    assert recognise([distances(lr, hr[:143, :167], 2)]).names == ("matlab-symmetric",)
    with pytest.raises(ValueError, match=r"HR of 160×142 is smaller than 2 × 83×71"):
        distances(lr, hr[:142, :160], 2)
