"""MossNet gives the output of the net that was built to fix its numbers; there is no public one."""

import re

import pytest
import torch
from torch import Tensor

from srbench.models.mossnet import MossNet
from tests.conftest import Parity, assert_matches


@pytest.fixture(scope="module")
def reference(parity) -> Parity:
    return parity("mossnet_xs_scratch")


def renamed(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Our names: a convolution is entry 0 of its block, and what follows it entry 1."""
    return {re.sub(r"(init|down\d|convs\.\d)\.|\.c\.", r"\1.0.", name): tensor for name, tensor in weights.items()}


def test_mossnet_gives_the_reference_output(reference):
    model = MossNet(tile=16, overlap=0).eval()
    model.load_state_dict(renamed(reference.weights))
    with torch.inference_mode():
        assert_matches(model(reference["x"]), reference["y"])
        assert_matches(model.embed(reference["x"]), reference["mid/context"])
        assert_matches(model.context_map(reference["x"], None, (16, 16)), reference["mid/decoder"])


def test_mossnet_gives_the_reference_output_in_float64(reference):
    model = MossNet(tile=16, overlap=0).eval()
    model.load_state_dict(renamed(reference.weights))
    with torch.inference_mode():
        output = model.double()(reference["x"].double())
    torch.testing.assert_close(output, reference["y64"], rtol=0, atol=1e-10)


def test_a_zero_context_gives_the_reference_output(reference):
    model = MossNet(context="zero", tile=16, overlap=0).eval()
    weights = {name: t for name, t in renamed(reference.weights).items() if name.startswith(("init.", "unet."))}
    model.load_state_dict(weights)
    with torch.inference_mode():
        assert_matches(model(reference["x"]), reference["y_context_zero"])
