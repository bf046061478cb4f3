"""PSNR, SSIM, RMSE and the protocols against golden scores, a reference implementation, scikit-image and arithmetic."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis.strategies import integers
from skimage.metrics import structural_similarity

from srbench.metrics.fidelity import PIRM, planes_of, psnr, rmse, ssim, ssim_global
from srbench.metrics.protocol import Protocol
from tests.metrics.conftest import CASES

Y = Protocol("y", "luma")
RGB = Protocol("rgb", "rgb")


@pytest.mark.parametrize(("image", "scale"), CASES)
def test_set5_scores_of_luma(image, scale, golden):
    sr, hr, scores = golden(image, scale)
    pair = Y.prepare(sr, scale), Y.prepare(hr, scale)
    assert psnr(*pair).item() == pytest.approx(scores["psnr_y"], abs=1e-6)
    assert ssim(*pair).item() == pytest.approx(scores["ssim_y"], abs=1e-7)


@pytest.mark.parametrize(("image", "scale"), CASES)
def test_set5_scores_of_rgb(image, scale, golden):
    sr, hr, scores = golden(image, scale)
    pair = RGB.prepare(sr, scale), RGB.prepare(hr, scale)
    assert psnr(*pair).item() == pytest.approx(scores["psnr_rgb"], abs=1e-6)
    assert ssim(*pair).item() == pytest.approx(scores["ssim_rgb"], abs=1e-7)
    assert rmse(*pair).item() == pytest.approx(scores["rmse_rgb"], abs=1e-6)


@pytest.mark.parametrize(("image", "scale"), CASES)
def test_set5_scores_of_rgb_without_border(image, scale, golden):
    sr, hr, scores = golden(image, scale)
    whole = Protocol("rgb_noborder", "rgb", border=0)
    assert psnr(whole.prepare(sr, scale), whole.prepare(hr, scale)).item() == pytest.approx(
        scores["psnr_rgb_noborder"], abs=1e-6
    )


@pytest.mark.parametrize("border", [0, 4])
@pytest.mark.parametrize("channels", ["luma", "rgb"])
def test_small_images_match_the_reference(channels, border, parity):
    reference = parity("metrics")
    protocol = Protocol("parity", channels, border=border)
    images = (reference[f"img{index}_bgr"].flip(2).numpy() for index in (1, 2))
    pair = [protocol.prepare(image, 4) for image in images]
    suffix = f"{'y' if channels == 'luma' else 'rgb'}_b{border}"
    assert psnr(*pair).item() == pytest.approx(reference[f"psnr_{suffix}"].item(), abs=1e-6)
    assert ssim(*pair).item() == pytest.approx(reference[f"ssim_{suffix}"].item(), abs=1e-7)
    if channels == "luma":
        torch.testing.assert_close(pair[0][0, 0] * 255, reference[f"y1_b{border}"], rtol=0, atol=1e-4)


def test_psnr_of_a_known_error():
    hr = torch.full((1, 3, 8, 8), 0.5)
    assert psnr(hr + 0.1, hr).item() == pytest.approx(20.0)  # mean squared error 0.01


def test_psnr_of_equal_images_is_infinite():
    hr = torch.rand(2, 3, 12, 12)
    assert psnr(hr, hr).tolist() == [float("inf")] * 2


def test_rmse_counts_in_grey_levels():
    hr = torch.zeros(1, 3, 8, 8, dtype=torch.float64)
    assert rmse(hr + 10 / 255, hr).item() == pytest.approx(10)


def test_every_image_of_a_batch_has_its_own_scores():
    sr, hr = torch.rand(3, 3, 20, 20), torch.rand(3, 3, 20, 20)
    for metric in (psnr, ssim, ssim_global, rmse):
        alone = torch.cat([metric(sr[i : i + 1], hr[i : i + 1]) for i in range(3)])
        torch.testing.assert_close(metric(sr, hr), alone, rtol=0, atol=1e-12)


@given(height=integers(11, 70), width=integers(11, 70))
def test_ssim_is_scikit_images_at_every_size(height, width):
    rng = np.random.default_rng(height * 100 + width)
    hr = rng.random((height, width))
    sr = np.clip(hr + 0.1 * rng.standard_normal(hr.shape), 0, 1)
    _, similarity = structural_similarity(
        sr, hr, data_range=1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )
    ours = ssim(torch.from_numpy(sr)[None, None], torch.from_numpy(hr)[None, None])
    assert ours.item() == pytest.approx(similarity[5:-5, 5:-5].mean(), abs=1e-12)


def test_ssim_of_equal_images_is_1():
    hr = torch.rand(1, 3, 30, 40)
    assert ssim(hr, hr).item() == 1


def test_ssim_of_two_flat_images():
    sr, hr = torch.full((1, 1, 11, 11), 0.25).double(), torch.full((1, 1, 11, 11), 0.75).double()
    assert ssim(sr, hr).item() == pytest.approx((2 * 0.25 * 0.75 + 1e-4) / (0.25**2 + 0.75**2 + 1e-4))  # no structure


def test_ssim_global_is_that_of_the_mesrgan_poster(parity):
    reference = parity("losses")
    sr, hr = reference["pred"][:1], reference["target"][:1]
    assert ssim_global(sr, hr).item() == pytest.approx(reference["out/mesrgan_ssim_rgb"].item(), abs=2e-7)  # float32
    grey = ssim_global(sr[:, :1], hr[:, :1])
    assert grey.item() == pytest.approx(reference["out/mesrgan_ssim_gray"].item(), abs=2e-7)


def test_ssim_global_of_two_pixels():
    """Means ½ and ¼, variances ½ and ⅛ (over n − 1 = 1), covariance ⅛ (over n = 2)."""
    sr, hr = torch.tensor([0.0, 1.0]).view(1, 1, 1, 2), torch.tensor([0.0, 0.5]).view(1, 1, 1, 2)
    expected = (2 / 8 + 1e-4) * (2 / 8 + 9e-4) / ((1 / 4 + 1 / 16 + 1e-4) * (1 / 2 + 1 / 8 + 9e-4))
    assert ssim_global(sr, hr).item() == pytest.approx(expected)


@pytest.mark.parametrize("threads", [2, 3, 8])
@pytest.mark.parametrize("metric", [psnr, ssim, rmse])
def test_the_number_of_threads_changes_no_bit(metric, threads):
    rng = torch.Generator().manual_seed(0)
    sr, hr = torch.rand(2, 3, 300, 211, generator=rng), torch.rand(2, 3, 300, 211, generator=rng)
    alone = metric(sr, hr)
    torch.set_num_threads(threads)
    assert metric(sr, hr).tolist() == alone.tolist()


def test_rmse_of_pirm_is_that_of_luma_inside_4_pixels():
    sr, hr = np.zeros((12, 12, 3), np.uint8), np.zeros((12, 12, 3), np.uint8)
    sr[:4], sr[4:-4, 4:6] = 255, 255  # white is 219 above black; half of the inside differs
    pair = PIRM.prepare(sr, 2), PIRM.prepare(hr, 2)
    assert rmse(*pair).item() == pytest.approx(219 / 2**0.5)


@pytest.mark.parametrize(
    ("colour", "luma"),
    [((0, 0, 0), 16), ((255, 255, 255), 235), ((255, 0, 0), 81.481), ((0, 255, 0), 144.553), ((0, 0, 255), 40.966)],
)
def test_luma_of_known_colours(colour, luma):
    image = np.full((9, 9, 3), colour, np.uint8)
    assert (Y.prepare(image, 2) * 255).unique().tolist() == pytest.approx([luma])
    rounded = Protocol("y_uint8", "luma_rounded").prepare(image, 2) * 255
    assert rounded.unique().tolist() == pytest.approx([round(luma)])


def test_luma_that_ends_in_one_half_is_rounded_up():
    colour = (22, 206, 0)  # 16 + (65.481 · 22 + 128.553 · 206) / 255 = 125.5, in float64 a little less
    image = np.full((1, 1, 3), colour, np.uint8)
    assert Protocol("y_uint8", "luma_rounded", border=0).prepare(image, 2).item() * 255 == pytest.approx(126)
    assert Protocol("y", "luma", border=0).prepare(image, 2).item() * 255 == pytest.approx(125.5)


def test_the_border_is_cropped_on_all_sides():
    image = np.zeros((12, 14, 3), np.uint8)
    image[3:-3, 3:-3] = 255
    prepared = RGB.prepare(image, 3)
    assert prepared.shape == (1, 3, 6, 8)
    assert (prepared == 1).all()


@pytest.mark.parametrize(
    ("name", "channels"), [("y", "luma"), ("y_uint8", "luma_rounded"), ("rgb", "rgb"), ("ntire", "rgb")]
)
def test_the_configs_name_the_four_protocols(name, channels, plan):
    assert plan(f"protocol={name}").evaluation.protocol == Protocol(name, channels, border="scale")


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((20, 20), np.uint8), "shape"),
        (np.zeros((20, 20, 3)), "float64"),
        (np.zeros((20, 8, 3), np.uint8), "border of 4"),
    ],
)
def test_what_a_protocol_cannot_compare_is_named(image, message):
    with pytest.raises(ValueError, match=message):
        Y.prepare(image, 4)


@pytest.mark.parametrize(("channels", "border"), [("ycbcr", "scale"), ("luma", "none"), ("luma", -1)])
def test_a_protocol_that_does_not_exist_is_refused(channels, border):
    with pytest.raises(ValueError, match="A protocol's"):
        Protocol("new", channels, border)


@pytest.mark.parametrize("metric", [psnr, ssim, ssim_global, rmse])
@pytest.mark.parametrize(
    ("sr", "hr", "message"),
    [
        (torch.zeros(1, 1, 12, 12), torch.zeros(1, 3, 12, 12), "one shape"),
        (torch.zeros(3, 12, 12), torch.zeros(3, 12, 12), "one shape"),
        (torch.zeros(1, 3, 12, 12, dtype=torch.uint8), torch.zeros(1, 3, 12, 12), "uint8"),
    ],
)
def test_images_that_cannot_be_compared_are_refused(metric, sr, hr, message):
    with pytest.raises(ValueError, match=message):
        metric(sr, hr)


def test_ssim_needs_one_whole_window():
    with pytest.raises(ValueError, match="10×11"):
        ssim(torch.zeros(1, 1, 10, 11), torch.zeros(1, 1, 10, 11))


@pytest.mark.parametrize(
    ("protocol", "label"),
    [
        (Y, "y"),
        (Protocol("ntire", "rgb"), "ntire"),
        (Protocol("y", "luma", border=0), "y (luma, border 0)"),
        (Protocol("y", "rgb"), "y (rgb, border scale)"),
        (Protocol("mine", "luma"), "mine (luma, border scale)"),
    ],
)
def test_a_label_says_what_the_name_alone_does_not(protocol, label):
    assert protocol.label == label


@pytest.mark.parametrize("channels", ["luma", "luma_rounded", "rgb"])
def test_16_bits_are_compared_as_8_where_they_say_the_same(channels):
    shallow = np.random.default_rng(0).integers(0, 256, (24, 26, 3), np.uint8)
    deep = shallow.astype(np.uint16) * 257
    found, expected = planes_of(deep, channels, 2), planes_of(shallow, channels, 2)
    if channels == "luma_rounded":  # to 1/65535, as MATLAB does with uint16
        exact = planes_of(shallow, "luma", 2)
        assert (found * 65535 - (found * 65535).round()).abs().max() < 1e-9
        assert (found - exact).abs().max() <= 0.5 / 65535 + 1e-12
    else:
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("channels", ["luma", "luma_rounded", "rgb"])
@pytest.mark.parametrize(("dtype", "white"), [(np.uint8, 255), (np.uint16, 65535)])
def test_a_grey_image_is_compared_as_it_is(channels, dtype, white):
    grey = np.random.default_rng(0).integers(0, white, (24, 26, 1)).astype(dtype)
    expected = torch.from_numpy(grey[2:-2, 2:-2, 0].astype(np.float64) / white)[None, None]
    assert torch.equal(planes_of(grey, channels, 2), expected)
    assert psnr(planes_of(grey, channels, 2), expected).item() == float("inf")
