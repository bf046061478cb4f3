"""MDRN, SAFMN and their kin give the outputs of the published code, from the published weights."""

from functools import partial

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from srbench.data.folders import benchmark_pairs
from srbench.evaluation.evaluate import evaluate, mean_scores
from srbench.metrics.protocol import Protocol
from srbench.metrics.scorer import make_scorer
from srbench.models.gfmn import GFMN
from srbench.models.mdrn import MDRN
from srbench.models.safmn import SAFMN
from srbench.models.safmn_ntire import SAFMNForNTIRE
from srbench.models.weights import load_weights
from tests.conftest import Parity, assert_matches

NETWORKS = {
    "mdrn_x2": partial(MDRN, scale=2),
    "mdrn_x3": partial(MDRN, scale=3),
    "mdrn_x4": partial(MDRN, scale=4),
    "mdrn_s_x4": partial(MDRN, scale=4, width=28),
    "safmn_x2": SAFMN,
    "gfmn_x4": GFMN,
    "safmn_ntire_x4": SAFMNForNTIRE,
}


def network(name: str, reference: Parity) -> nn.Module:
    model = NETWORKS[name]().eval()
    model.load_state_dict(reference.weights)
    return model


@pytest.mark.parametrize("name", NETWORKS)
def test_the_network_gives_the_published_output(name, parity):
    """As it is evaluated: float32, channels_last. In MDRN rounding errors grow on these inputs, which are noise."""
    reference = parity(name)
    model = network(name, reference).to(memory_format=torch.channels_last)
    for odd in ("", "_odd"):
        with torch.inference_mode():
            sr = model(reference[f"x{odd}"].to(memory_format=torch.channels_last))
        if isinstance(model, MDRN):
            torch.testing.assert_close(sr, reference[f"y{odd}"], rtol=0, atol=1e-4)
        else:
            assert_matches(sr, reference[f"y{odd}"])


@pytest.mark.parametrize("name", NETWORKS)
def test_the_network_gives_the_published_output_in_float64(name, parity):
    reference = parity(name)
    model = network(name, reference).double()
    for odd in ("", "_odd"):
        with torch.inference_mode():
            sr = model(reference[f"x{odd}"].double())
        torch.testing.assert_close(sr, reference[f"y{odd}64"], rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("mdrn_s_x4", ["fea_conv", "B1.c5", "B1.esa", "B1.cca", "B1", "B8", "c2"]),
        ("safmn_x2", ["to_feat", "feats.0.norm1", "feats.0.safm", "feats.0.ccm", "feats.0", "feats.7"]),
        ("gfmn_x4", ["to_feat", "feats.0.norm1", "feats.0.safm", "feats.0.ffd", "feats.0", "feats.7"]),
        ("safmn_ntire_x4", ["to_feat", "norm", "feats.0.safm", "feats.0.ccm", "feats.0", "feats.7"]),
    ],
)
def test_the_layers_give_the_published_outputs(name, layers, parity):
    reference = parity(name)
    model = network(name, reference)
    outputs = {}
    for layer in layers:
        model.get_submodule(layer).register_forward_hook(
            lambda m, i, output, layer=layer: outputs.update({layer: output})
        )
    with torch.inference_mode():
        model(reference["x"])
    for layer in layers:
        assert_matches(outputs[layer], reference[f"mid/{layer}"])


@pytest.mark.parametrize("name", NETWORKS)
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
        ("safmn_x2", 38.0054, 0.9605),
        ("gfmn_x4", 32.1178, 0.8934),
        ("safmn_ntire_x4", 32.1675, 0.8943),
    ],
)
def test_the_published_weights_score_on_set5_as_in_the_published_code(name, psnr, ssim, shared):
    model = NETWORKS[name]()
    load_weights(model, shared / f"reference/checkpoints/{name}.safetensors")
    pairs = {"set5": benchmark_pairs(shared / "data", "Set5", model.scale)}
    scorer = make_scorer(("psnr", "ssim"), Protocol("y", "luma"), [])
    found = mean_scores(evaluate(model, pairs, scorer, "cpu", lambda *_: None, lambda *_: None))["set5"]
    assert found["psnr"] == pytest.approx(psnr, abs=2e-4)
    assert found["ssim"] == pytest.approx(ssim, abs=1e-4)
