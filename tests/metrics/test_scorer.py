"""Every metric by its name, and what is missing with its reason."""

import json

import numpy as np
import pytest

from srbench.data.images import read_image
from srbench.metrics.protocol import Protocol
from srbench.metrics.scorer import COMBINED, MAKERS, make_scorer
from srbench.metrics.table import METRICS

Y = Protocol("y", "luma")


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    hr = rng.integers(0, 256, (120, 220, 3), np.uint8)
    sr = np.clip(hr.astype(int) + rng.integers(-9, 10, hr.shape), 0, 255).astype(np.uint8)
    return sr, hr


def test_each_metric_is_a_number_or_has_its_reason(pair, tmp_path):
    scorer = make_scorer(list(METRICS), Y, [tmp_path])
    scores = scorer(*pair, 2)
    assert scores.keys() == {"psnr", "ssim", "niqe", "niqe_pyiqa", "rmse", "rmse_pirm", "ssim_global"}
    assert {(missing.what, missing.kind) for missing in scorer.missing} == {
        (name, "weights") for name in METRICS.keys() - scores.keys()
    }
    assert all(missing.may_come and " needs " in missing.reason for missing in scorer.missing)
    assert [missing.what for missing in scorer.missing] == [name for name in METRICS if name not in scores]


def test_the_table_knows_every_metric_that_can_be_made():
    assert MAKERS.keys() | COMBINED.keys() == METRICS.keys()
    assert COMBINED.keys() == {name for name, metric in METRICS.items() if metric.of}


def test_each_metric_has_its_own_protocol(pair):
    sr, hr = pair
    scores = make_scorer(["psnr", "rmse", "rmse_pirm", "ssim_global"], Y, [])(sr, hr, 2)
    error = sr.astype(float) - hr
    assert scores["rmse"] == pytest.approx(np.sqrt((error[2:-2, 2:-2] ** 2).mean()))
    luma = error @ [65.481, 128.553, 24.966] / 255
    assert scores["rmse_pirm"] == pytest.approx(np.sqrt((luma[4:-4, 4:-4] ** 2).mean()))
    assert scores["psnr"] == pytest.approx(20 * np.log10(255 / np.sqrt((luma[2:-2, 2:-2] ** 2).mean())))
    assert 0.9 < scores["ssim_global"] < 1


def test_a_metric_that_fails_on_one_image_is_there_for_the_others(shared):
    small, large = (np.full((size, size, 3), 9, np.uint8) for size in (9, 200))
    scorer = make_scorer(["psnr", "ssim", "lpips"], Y, [shared / "weights"])
    first, second = scorer.of_images([(small, small, 2), (large, large, 2)])
    assert first.numbers == {"psnr": np.inf}
    ssim, lpips = first.missing
    assert (ssim.what, ssim.kind, "11×11 pixels" in ssim.reason) == ("ssim", "image", True)
    assert (lpips.what, lpips.may_come, "31×31 pixels" in lpips.reason) == ("lpips", False, True)
    assert second.numbers == {"psnr": np.inf, "ssim": 1, "lpips": 0}
    assert not second.missing
    assert not scorer.missing


def test_all_of_them_give_the_golden_scores(shared):
    folder = shared / "reference/metrics"
    golden = json.loads((folder / "set5_bicubic.json").read_text())[0]
    sr = read_image(folder / "baby_bicubic_x2.png")
    hr = read_image(shared / "data/benchmark/Set5/HR/baby.png")
    scores = make_scorer(["psnr", "ssim", "lpips", "niqe", "rmse"], Y, [shared / "weights"])(sr, hr, 2)
    assert scores["psnr"] == pytest.approx(golden["psnr_y"], abs=1e-6)
    assert scores["ssim"] == pytest.approx(golden["ssim_y"], abs=1e-7)
    assert scores["lpips"] == pytest.approx(golden["lpips_alex"], abs=1e-4)
    assert scores["niqe"] == pytest.approx(golden["niqe_basicsr"], abs=0.005)
    assert scores["rmse"] == pytest.approx(golden["rmse_rgb"], abs=1e-6)


def test_networks_of_metrics_stay_on_the_cpu_beside_an_apple_gpu(pair, shared):
    """Which has no float64; on this machine there is none, so that LPIPS could not be made on it."""
    on_cpu, beside = (make_scorer(["lpips"], Y, [shared / "weights"], device)(*pair, 2) for device in ("cpu", "mps"))
    assert beside == on_cpu


def test_all_metrics_give_16_bits_the_scores_of_the_same_8(pair, shared):
    scorer = make_scorer(["psnr", "ssim", "lpips", "niqe", "rmse", "rmse_pirm", "ssim_global"], Y, [shared / "weights"])
    shallow = scorer(*pair, 2)
    deep = scorer(*(image.astype(np.uint16) * 257 for image in pair), 2)
    assert deep == pytest.approx(shallow, rel=1e-5)


def test_all_metrics_take_grey_images(pair, shared):
    """Those of RGB see three equal channels; PSNR is that of the image, and not of a luma in 16–235."""
    names = ["psnr", "ssim", "lpips", "niqe", "rmse"]
    grey = [np.ascontiguousarray(image[..., :1]) for image in pair]
    of_grey = make_scorer(names, Y, [shared / "weights"])(*grey, 2)
    of_rgb = make_scorer(names, Protocol("rgb", "rgb"), [shared / "weights"])(*(np.repeat(g, 3, 2) for g in grey), 2)
    assert of_grey.keys() == set(names)
    assert of_grey["lpips"] == pytest.approx(of_rgb["lpips"], abs=1e-6)
    assert [of_grey[one] for one in ("psnr", "ssim", "rmse")] == pytest.approx(
        [of_rgb[one] for one in ("psnr", "ssim", "rmse")], rel=1e-12
    )
