"""What a run that is done does when it is asked for again, and what its record says of the images."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from srbench.data.images import write_image
from srbench.data.resize import imresize
from srbench.experiments.preflight import unfinished
from srbench.experiments.reopen import read_rows
from srbench.experiments.run import run


def quiet(*_):
    pass


def matlab(hr):
    return imresize(hr, 0.5)


def torch_bicubic(hr):
    image = torch.from_numpy(hr).permute(2, 0, 1)[None].float()
    small = functional.interpolate(image, scale_factor=0.5, mode="bicubic")
    return small[0].permute(1, 2, 0).clamp(0, 255).round().byte().numpy()


def make_set(root: Path, name: str, sizes: list[int], shrink=matlab, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    for part in ("HR", "LR_bicubic/X2"):
        (root / "benchmark" / name / part).mkdir(parents=True)
    for number, size in enumerate(sizes):
        hr = imresize(rng.integers(0, 256, (size // 4, size // 4, 3), np.uint8), 4.0)
        write_image(root / "benchmark" / name / "HR" / f"{number}.png", hr)
        write_image(root / "benchmark" / name / "LR_bicubic/X2" / f"{number}x2.png", shrink(hr))


@pytest.fixture
def bicubic(plan, tmp_path, monkeypatch):
    """bicubic("eval.datasets=[a]"): that run, in a study of this test's."""
    monkeypatch.chdir(tmp_path)
    fixed = ["model=bicubic", "budget=none", "eval.latency=false", "data_root=data", "study=study"]
    return lambda *words: plan(*fixed, *words)


def test_a_record_says_which_images_and_whose_lr(bicubic, shared):
    make_set(Path("data"), "a", [64, 64], torch_bicubic)
    record = run(bicubic(f"data_root={shared / 'data'}", "eval.datasets=[set5]", "eval.metrics=[psnr]"), quiet)
    assert record["lr_made_by"] == {"set5": "matlab-replicate"}
    assert record["checksums"]["set5"].keys() == {"hr", "lr"}
    record = run(bicubic("eval.datasets=[a]", "eval.metrics=[psnr]"), quiet)
    assert record["lr_made_by"]["a"] == "torch-bicubic or opencv-cubic"


def test_other_pixels_are_scored_anew(bicubic):
    make_set(Path("data"), "a", [64, 64])
    make_set(Path("moved"), "a", [64, 64])
    make_set(Path("other"), "a", [64, 64], seed=1)
    words = ["eval.datasets=[a]", "eval.metrics=[psnr]"]
    first = run(bicubic(*words), quiet)
    assert not unfinished(bicubic(*words, "data_root=moved"))
    other = bicubic(*words, "data_root=other")
    assert unfinished(other)
    assert run(other, quiet)["scores"]["a"]["psnr"] != first["scores"]["a"]["psnr"]
    assert not unfinished(other)


def test_a_small_image_costs_its_own_set_a_metric_and_no_other(bicubic, shared):
    make_set(Path("data"), "small", [24, 48])
    make_set(Path("data"), "large", [48])
    words = [f"weights_dir={shared / 'weights'}", "eval.metrics=[psnr,lpips]"]
    record = run(bicubic(*words, "eval.datasets=[small]"), quiet)
    assert record["scores"]["small"].keys() == {"psnr"}
    assert record["missing"]["small.lpips"].startswith("0: LPIPS takes images of 31×31")
    both = bicubic(*words, "eval.datasets=[small,large]")
    record = run(both, quiet)
    assert record["scores"]["large"].keys() == {"psnr", "lpips"}
    assert [key for key in record["missing"] if "lpips" in key] == ["small.lpips"]
    assert not unfinished(both)  # what cannot be had is not asked for again and again


def test_another_protocol_keeps_the_metrics_and_is_named_in_each_row(bicubic):
    make_set(Path("data"), "a", [64])
    first = run(bicubic("eval.datasets=[a]", "eval.metrics=[psnr,rmse]"), quiet)
    again = bicubic("eval.datasets=[a]", "eval.metrics=[psnr]", "protocol.border=0")
    record = run(again, quiet)
    assert record["scores"]["a"]["rmse"] == first["scores"]["a"]["rmse"]
    assert record["scores"]["a"]["psnr"] != first["scores"]["a"]["psnr"]
    assert [row["protocol"] for row in read_rows(again.folder)] == ["y (luma, border 0)"]
