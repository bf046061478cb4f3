"""Networks of the package spandrel, from their weights alone."""

import pytest
import torch
from safetensors.torch import save_file

from srbench.core.errors import UserError
from srbench.metrics.cost import dead_parameters
from srbench.models.safmn import SAFMN
from srbench.models.spandrel import Spandrel
from srbench.models.weights import load_weights


@pytest.fixture
def file(tmp_path):
    torch.manual_seed(0)
    model = SAFMN(scale=2).eval()
    save_file(model.state_dict(), tmp_path / "safmn.safetensors")
    return model, tmp_path


def test_a_recognised_network_gives_what_ours_gives(file):
    model, folder = file
    with torch.device("meta"):  # as a plan builds
        zoo = Spandrel("safmn.safetensors", str(folder), scale=2)
    load_weights(zoo, folder / "safmn.safetensors")
    lr = torch.rand(1, 3, 24, 16)
    with torch.inference_mode():
        torch.testing.assert_close(zoo.eval()(lr), model(lr).clamp(0, 1), rtol=0, atol=1e-5)
    assert dead_parameters(zoo) == {}


def test_what_it_cannot_be_is_told_in_one_line(file, tmp_path):
    _, folder = file
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    for checkpoint, scale, line in (
        ("safmn.safetensors", 4, "SAFMN is of scale=2, not 4"),
        ("other.safetensors", 2, "recognises no network"),
        (None, 2, "give checkpoint=FILE"),
    ):
        with pytest.raises(UserError, match=line):
            Spandrel(checkpoint, str(folder), scale=scale)
