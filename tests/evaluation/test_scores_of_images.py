"""`srbench.score` gives what a run's table gives, however the images are held."""

import json

import numpy as np
import pytest
import torch

from srbench.core.errors import UserError
from srbench.data.images import read_image, write_image
from srbench.data.resize import imresize
from srbench.evaluation.scores_of_images import score
from srbench.metrics.protocol import Protocol


@pytest.fixture
def baby(shared):
    """HR of a Set5 image, as an array and as a file, and what bicubic interpolation makes of its LR."""
    folder = shared / "data/benchmark/Set5"
    hr = folder / "HR/baby.png"
    return imresize(read_image(folder / "LR_bicubic/X2/babyx2.png"), 2, "replicate"), hr


@pytest.mark.parametrize("scale", [2, 4])
def test_bicubic_has_its_golden_scores(shared, scale):
    folder = shared / "reference/metrics"
    rows = json.loads((folder / "set5_bicubic.json").read_text())
    golden = next(row for row in rows if (row["image"], row["scale"]) == ("bird", scale))
    found = score(folder / f"bird_bicubic_x{scale}.png", shared / "data/benchmark/Set5/HR/bird.png", scale)
    assert found == pytest.approx({"psnr": golden["psnr_y"], "ssim": golden["ssim_y"]}, abs=1e-4)


def test_a_tensor_of_a_network_scores_as_its_picture(baby):
    sr, hr = baby
    output = torch.from_numpy(sr).permute(2, 0, 1)[None].float() / 255
    assert score(output, read_image(hr), 2) == score(sr, hr, 2)


def test_the_protocol_is_applied_inside(baby):
    sr, hr = baby
    by_name = {name: score(sr, hr, 2, ["psnr"], name)["psnr"] for name in ("y", "y_uint8", "rgb", "ntire")}
    assert by_name["rgb"] == by_name["ntire"]
    assert len({*by_name.values()}) == 3
    assert score(sr, hr, 2, ["psnr"], Protocol("y", "luma", border=0))["psnr"] != by_name["y"]


def test_hr_may_be_a_little_larger(baby):
    sr, hr = baby
    assert score(sr[:-1, :-1], hr, 2, ["psnr"])["psnr"] > 30
    with pytest.raises(ValueError, match=r"^sr is 510×512, hr 512×512: at scale=2 hr may be up to 1 pixels larger"):
        score(sr[:, :-2], hr, 2)


def test_what_cannot_be_had_is_told(baby, tmp_path):
    sr, hr = baby
    with pytest.raises(UserError, match=r"LPIPS needs alexnet_features\.safetensors"):
        score(sr, hr, 2, ["lpips"], weights_dir=tmp_path)
    with pytest.raises(UserError, match=r"metrics=\[psn\]: no such metric, did you mean psnr"):
        score(sr, hr, 2, ["psn"])
    with pytest.raises(UserError, match="protocol=luma: no such protocol"):
        score(sr, hr, 2, protocol="luma")
    with pytest.raises(ValueError, match=r"^niqe: NIQE takes images of"):
        score(np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40, 3), np.uint8), 2, ["niqe"])


@pytest.mark.parametrize("white", [255, 65535])
def test_an_array_of_one_channel_is_scored_as_a_run_of_one_channel_does(tmp_path, white):
    random = np.random.default_rng(0)
    hr, sr = (random.integers(0, white + 1, (40, 44, 1)).astype(np.uint8 if white == 255 else np.uint16) for _ in "ab")
    error = (sr - hr.astype(float))[2:-2, 2:-2] / white
    expected = pytest.approx(-10 * np.log10(np.square(error).mean()))
    assert score(sr, hr, 2, ["psnr"])["psnr"] == expected
    write_image(tmp_path / "hr.png", hr)
    tensor = torch.from_numpy(sr.copy()).permute(2, 0, 1)
    assert score(tensor, tmp_path / "hr.png", 2, ["psnr"])["psnr"] == expected
    with pytest.raises(ValueError, match=r"^hr: an array \(H, W, 1\)"):
        score(sr, np.repeat(hr, 3, axis=2), 2, ["psnr"])
