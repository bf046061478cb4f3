"""Every network of conf/model gives on a GPU what it gives on a CPU."""

import numpy as np
import pytest
import torch

from srbench.core.paths import conf_folder
from srbench.experiments.compose import build_model, compose_run
from srbench.metrics import cost
from srbench.metrics.cost import latency
from srbench.metrics.exact_float32 import exact_float32
from srbench.metrics.perceptual import LPIPS

pytestmark = pytest.mark.gpu

BARE = {"custom", "spandrel"}  # of somebody else's code
NETWORKS = sorted(file.stem for file in (conf_folder() / "model").glob("*.yaml") if file.stem not in BARE)
FOUR = {"gfmn", "srgan", "esrgan", "mesrgan", "mesrgan_t1", "mdrn_s", "safmn_ntire"}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_the_same_on_a_gpu(name):
    scale = 4 if name in FOUR or "classsr" in name else 2
    torch.manual_seed(0)
    model = build_model(compose_run([f"model={name}", f"scale={scale}"])).eval()
    lr = torch.rand(2, 3, 64, 48)
    with torch.inference_mode(), exact_float32():
        expected = model(lr)
        found = model.to("cuda")(lr.to("cuda")).cpu()
    assert (found - expected).abs().max() <= 1e-4 * expected.abs().max()


def test_a_latency_is_that_of_the_faster_layout_and_says_which():
    model = build_model(compose_run(["model=safmn", "scale=2"])).to("cuda")
    found = latency(model, 64, 64, repeats=5, seconds=0.5)
    assert found.memory_format in {"channels_last", "contiguous"}
    assert found.device == torch.cuda.get_device_name()


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_both_layouts_are_tried_and_the_weights_are_left_in_one(layout, monkeypatch):
    tried = []

    def measure(model, lr, repeats, at_least, seconds):
        tried.append(lr.is_contiguous(memory_format=torch.channels_last))
        return [1.0 if tried[-1] == (layout == torch.channels_last) else 2.0]

    monkeypatch.setattr(cost, "time_passes", measure)
    model = build_model(compose_run(["model=safmn", "scale=2"])).to("cuda")
    (found,) = cost.latencies(model, 64, 64, (1,))
    assert found.memory_format == ("channels_last" if layout == torch.channels_last else "contiguous")
    assert set(tried) == {True, False}


def test_lpips_is_the_same_on_a_gpu(shared):
    sr, hr = (np.random.default_rng(seed).integers(0, 256, (96, 128, 3), np.uint8) for seed in (0, 1))
    on_cpu, on_gpu = (LPIPS([shared / "weights"], device=device)(sr, hr) for device in ("cpu", "cuda"))
    assert on_gpu == pytest.approx(on_cpu, abs=1e-5)
