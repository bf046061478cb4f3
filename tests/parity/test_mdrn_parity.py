"""MDRN and MDRN-s give the outputs of the published code, from the published weights."""

import pytest
import torch
from safetensors.torch import load_file

from srbench.data.folders import benchmark
from srbench.evaluation import evaluate, mean_scores
from srbench.metrics.fidelity import Protocol
from srbench.models.mdrn import MDRN
from srbench.scoring import make_scorer
from srbench.weights import load_weights
from tests.conftest import Parity, assert_matches

ARGUMENTS = {
    "mdrn_x2": {"scale": 2},
    "mdrn_x3": {"scale": 3},
    "mdrn_x4": {"scale": 4},
    "mdrn_s_x4": {"scale": 4, "width": 28},
}


def network(name: str, reference: Parity) -> MDRN:
    model = MDRN(**ARGUMENTS[name]).eval()
    model.load_state_dict(reference.weights)
    return model


@pytest.mark.parametrize("name", ARGUMENTS)
def test_mdrn_gives_the_published_output(name, parity):
    """As it is evaluated: float32, channels_last. On these inputs, which are noise, rounding errors grow."""
    reference = parity(name)
    model = network(name, reference).to(memory_format=torch.channels_last)
    for odd in ("", "_odd"):
        with torch.inference_mode():
            sr = model(reference[f"x{odd}"].to(memory_format=torch.channels_last))
        torch.testing.assert_close(sr, reference[f"y{odd}"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_mdrn_gives_the_published_output_in_float64(name, parity):
    reference = parity(name)
    model = network(name, reference).double()
    for odd in ("", "_odd"):
        with torch.inference_mode():
            sr = model(reference[f"x{odd}"].double())
        torch.testing.assert_close(sr, reference[f"y{odd}64"], rtol=0, atol=1e-10)


@pytest.mark.parametrize("layer", ["fea_conv", "B1.c5", "B1.esa", "B1.cca", "B1", "B8", "c2"])
def test_the_layers_of_mdrn_s_give_the_published_outputs(layer, parity):
    reference = parity("mdrn_s_x4")
    model = network("mdrn_s_x4", reference)
    outputs = []
    model.get_submodule(layer).register_forward_hook(lambda module, inputs, output: outputs.append(output))
    with torch.inference_mode():
        model(reference["x"])
    assert_matches(outputs[0], reference[f"mid/{layer}"])


@pytest.mark.parametrize("name", ARGUMENTS)
def test_the_catalogue_s_file_holds_the_same_weights(name, parity, shared):
    weights, expected = load_file(shared / f"reference/checkpoints/{name}.safetensors"), parity(name).weights
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[key], expected[key]) for key in expected)


@pytest.mark.parametrize(
    ("name", "psnr", "ssim"),
    [
        ("mdrn_x2", 38.0970, 0.9609),
        ("mdrn_x3", 34.5814, 0.9286),
        ("mdrn_x4", 32.3500, 0.8969),
        ("mdrn_s_x4", 32.0638, 0.8926),
    ],
)
def test_the_published_weights_score_on_set5_as_in_the_published_code(name, psnr, ssim, shared):
    model = MDRN(**ARGUMENTS[name])
    load_weights(model, shared / f"reference/checkpoints/{name}.safetensors")
    pairs = {"set5": benchmark(shared / "data", "Set5", model.scale)}
    scorer = make_scorer(("psnr", "ssim"), Protocol("y", "luma"), [])
    found = mean_scores(evaluate(model, pairs, scorer, "cpu", lambda *_: None, lambda *_: None))["set5"]
    assert found["psnr"] == pytest.approx(psnr, abs=2e-4)
    assert found["ssim"] == pytest.approx(ssim, abs=1e-4)
