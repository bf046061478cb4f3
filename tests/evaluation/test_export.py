"""A network as one file, which gives the same picture."""

import json
import sys

import onnx
import pytest
import torch
from safetensors import safe_open

from srbench.core.errors import UserError
from srbench.evaluation.export import export
from srbench.models.carn import CARN
from srbench.models.safmn import SAFMN
from srbench.models.span import SPAN
from srbench.models.weights import load_weights

CONFIG = {"_target_": "srbench.models.carn.CARN", "width": 8}


@pytest.fixture
def small():
    return CARN(width=8, blocks=1, atrous=[1], units=1).eval()


def test_safetensors_hold_the_weights_and_what_they_belong_to(tmp_path, small):
    line = export(small, "carn", CONFIG, tmp_path / "out.safetensors", None)
    assert line.endswith("carn ×2, LR of any size; the same picture within 0")
    with safe_open(tmp_path / "out.safetensors", "pt") as file:
        assert json.loads(file.metadata()["model"]) == CONFIG
        assert all(torch.equal(file.get_tensor(name), tensor) for name, tensor in small.state_dict().items())


def test_pt2_and_onnx_take_any_size(tmp_path, small):
    assert "LR of any size" in export(small, "carn", CONFIG, tmp_path / "out.pt2", None)
    lr = torch.rand(1, 3, 31, 50)
    assert torch.export.load(tmp_path / "out.pt2").module()(lr).shape == (1, 3, 62, 100)
    assert "LR of any size" in export(small, "carn", CONFIG, tmp_path / "out.onnx", None)
    (lr_info,) = onnx.load(tmp_path / "out.onnx").graph.input
    assert len({side.dim_param for side in lr_info.type.tensor_type.shape.dim[2:]} - {""}) == 2


def test_rounding_of_large_values_is_no_other_picture(tmp_path, shared):
    """SPAN takes noise far out of [0, 1], where float32 has fewer digits behind the point."""
    span = SPAN(width=28, scale=4).eval()
    load_weights(span, shared / "reference/span/span_ntire26_x4.safetensors")
    with torch.inference_mode():
        assert span(torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))).abs().max() > 10
    assert "LR of any size; the same picture within" in export(span, "span_ntire", {}, tmp_path / "out.onnx", None)


def test_a_network_for_one_size_says_so(tmp_path):
    safmn = SAFMN(scale=2, blocks=1).eval()
    assert "LR of 256×256 only" in export(safmn, "safmn", {}, tmp_path / "out.pt2", None)
    assert "LR of 40×40 only" in export(safmn, "safmn", {}, tmp_path / "small.pt2", 40)


def test_another_picture_is_not_written(tmp_path, small, monkeypatch):
    monkeypatch.setattr(
        sys.modules["srbench.evaluation.export"],
        "_as_pt2",
        lambda program, path: lambda lr: program.module()(lr) + 1e-3,
    )
    with pytest.raises(UserError, match=r"gives another picture than carn, by 0\.001; not written"):
        export(small, "carn", CONFIG, tmp_path / "out.pt2", 32)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("out", "line"), [("out.pth", "the suffix says the form"), ("none/out.pt2", "no such folder")])
def test_a_place_that_cannot_be_is_told_in_one_line(tmp_path, small, out, line):
    with pytest.raises(UserError, match=line):
        export(small, "carn", CONFIG, tmp_path / out, None)
