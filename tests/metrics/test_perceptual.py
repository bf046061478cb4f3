"""LPIPS against the published example and golden scores."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from srbench.metrics.perceptual import LPIPS, MetricUnavailable

CASES = [(image, scale) for image in ("baby", "bird", "butterfly", "head", "woman") for scale in (2, 3, 4)]


def read(path):
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.fixture(scope="module")
def lpips(shared, tmp_path_factory):
    return LPIPS([tmp_path_factory.mktemp("empty"), shared / "weights"])


@pytest.mark.parametrize(("image", "distance"), [("ex_p0", 0.722), ("ex_p1", 0.138)])
def test_the_published_example(image, distance, lpips, shared):
    folder = shared / "data" / "lpips_example"
    assert lpips(read(folder / f"{image}.png"), read(folder / "ex_ref.png")) == pytest.approx(distance, abs=5e-4)


@pytest.mark.parametrize(("image", "scale"), CASES)
def test_set5_scores(image, scale, lpips, shared):
    folder = shared / "reference" / "metrics"
    rows = json.loads((folder / "set5_bicubic.json").read_text())
    golden = next(row["lpips_alex"] for row in rows if (row["image"], row["scale"]) == (image, scale))
    sr = read(folder / f"{image}_bicubic_x{scale}.png")
    hr = read(shared / "data" / "benchmark" / "Set5" / "HR" / f"{image}.png")
    assert lpips(sr, hr[: sr.shape[0], : sr.shape[1]]) == pytest.approx(golden, abs=1e-4)


def test_equal_images_have_no_distance(lpips):
    image = np.random.default_rng(0).integers(0, 256, (31, 31, 3), np.uint8)
    assert lpips(image, image) == 0


def test_a_missing_backbone_is_named_with_its_folders_and_the_fix(tmp_path):
    with pytest.raises(MetricUnavailable) as error:
        LPIPS([tmp_path, tmp_path / "cache"])
    for part in (
        "alexnet_features.safetensors",
        f"{tmp_path}, {tmp_path / 'cache'}",
        "weights_dir",
    ):
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("sr", "hr", "message"),
    [((40, 40, 3), (40, 41, 3), "one shape"), ((30, 64, 3), (30, 64, 3), "31×31 pixels or more, not 30×64")],
)
def test_images_that_cannot_be_compared_are_refused(sr, hr, message, lpips):
    with pytest.raises(ValueError, match=message):
        lpips(np.zeros(sr, np.uint8), np.zeros(hr, np.uint8))


def test_the_package_is_imported_only_when_it_is_needed():
    code = "import sys, srbench.metrics.perceptual; sys.exit('lpips' in sys.modules or 'torchvision' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
