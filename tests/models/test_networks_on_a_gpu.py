"""Every network of conf/model gives on a GPU what it gives on a CPU."""

import pytest
import torch

from srbench.core.paths import conf_folder
from srbench.experiments.compose import build_model, compose_run
from srbench.metrics.cost import exact_float32

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
