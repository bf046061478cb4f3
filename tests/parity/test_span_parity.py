"""SPAN gives the outputs of the published code: as it is trained, folded, and with the published weights."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from srbench.data.folders import benchmark_pairs
from srbench.evaluation.evaluate import evaluate, mean_scores
from srbench.metrics.protocol import Protocol
from srbench.metrics.scorer import make_scorer
from srbench.models.hub import load_checkpoint
from srbench.models.layers.reparameterised import in_training_form
from srbench.models.span import SERIES, SPAN
from tests.conftest import Parity

FILE = "span_ntire26_x4"
DTYPES = pytest.mark.parametrize(("dtype", "bits", "atol"), [(torch.float32, "", 1e-4), (torch.float64, "64", 1e-10)])


@pytest.fixture(scope="module")
def reference(shared) -> Parity:
    with np.load(shared / "reference" / "span" / f"{FILE}.npz", allow_pickle=False) as file:
        return Parity({key: file[key] for key in file.files})


@pytest.fixture(scope="module")
def published(shared) -> dict[str, torch.Tensor]:
    return load_file(shared / "reference" / "span" / f"{FILE}.safetensors")


def with_weights(weights: dict[str, torch.Tensor], dtype: torch.dtype = torch.float32) -> SPAN:
    """Strictly."""
    model = SPAN(width=28, scale=4).to(dtype)
    model.load_state_dict(weights)
    return model


def trained_names(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The authors' names of a training form as ours are within it."""
    renamed = {}
    for name, tensor in weights.items():
        for ours, theirs in SERIES.items():
            name = name.replace(f".{theirs}.", f".eval_conv.{ours}.")
        renamed[name] = tensor
    return renamed


def assert_gives(model: nn.Module, reference: Parity, name: str, bits: str, atol: float) -> None:
    dtype = torch.float64 if bits else torch.float32
    for odd in ("", "_odd"):
        with torch.no_grad():
            sr = model(reference[f"x{odd}"].to(dtype))
        torch.testing.assert_close(sr, reference[f"{name}{odd}{bits}"], rtol=0, atol=atol)


@DTYPES
def test_the_training_form_gives_the_published_output(dtype, bits, atol, reference):
    model = SPAN(width=28, scale=4)
    with in_training_form(model):
        model.load_state_dict(trained_names(reference.weights))
        model.to(dtype)
        assert_gives(model, reference, "y_train", bits, atol)
    model.to(dtype)
    assert_gives(model, reference, "y_fused", bits, atol if bits == "" else 1e-4)  # it was folded into float32


@DTYPES
def test_the_folded_weights_give_the_published_output(dtype, bits, atol, reference):
    model = with_weights(SPAN.from_published(reference.weights), dtype)
    assert_gives(model, reference, "y_fused", bits, atol)
    assert_gives(model.to(memory_format=torch.channels_last), reference, "y_fused", bits, atol)


@pytest.mark.parametrize("conv", ["conv_1", "block_3.c2_r"])
def test_a_convolution_folds_into_the_published_one(conv, reference):
    folded = SPAN.from_published(reference.weights)
    for kind in ("weight", "bias"):
        expected = reference[f"fused64/{conv}.{kind}"]
        torch.testing.assert_close(folded[f"{conv}.eval_conv.{kind}"], expected, rtol=0, atol=1e-12)


@DTYPES
def test_the_published_weights_give_the_published_output(dtype, bits, atol, reference, published):
    assert_gives(with_weights(published, dtype), reference, "y_real", bits, atol)


@pytest.mark.parametrize("layer", ["conv_1", "block_1", "block_6", "conv_2", "conv_cat"])
def test_the_layers_give_the_published_outputs(layer, reference, published):
    """Ours in float64, so that the only rounding is that of the published code's float32."""
    model, outputs = with_weights(published, torch.float64), []
    model.get_submodule(layer).register_forward_hook(lambda module, inputs, output: outputs.append(output))
    with torch.inference_mode():
        model(reference["x"].double())
    found = outputs[0][0] if layer.startswith("block") else outputs[0]
    expected = reference[f"mid_real/{layer}"].double()
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-5 * expected.abs().max().item())


@pytest.mark.parametrize(("protocol", "psnr", "ssim"), [("y", 31.7459, 0.8898), ("rgb", 29.8547, 0.8586)])
def test_the_published_weights_score_on_set5_as_in_the_published_code(protocol, psnr, ssim, shared):
    model = SPAN(width=28, scale=4)
    load_checkpoint(model, "span_ntire26", shared / "reference" / "span" / f"{FILE}.safetensors", 4)
    pairs = {"set5": benchmark_pairs(shared / "data", "Set5", 4)}
    scorer = make_scorer(("psnr", "ssim"), Protocol(protocol, {"y": "luma", "rgb": "rgb"}[protocol]), [])
    found = mean_scores(evaluate(model, pairs, scorer, "cpu", lambda *_: None, lambda *_: None))["set5"]
    assert found["psnr"] == pytest.approx(psnr, abs=1e-4)
    assert found["ssim"] == pytest.approx(ssim, abs=1e-4)
