"""A network as one file, which gives the same picture."""

import json

import onnx
import pytest
import torch
from hydra.core.global_hydra import GlobalHydra
from safetensors import safe_open
from safetensors.torch import save_file

from srbench import exporting
from srbench.errors import UserError
from srbench.exporting import export
from srbench.models.carn import CARN
from srbench.models.safmn import SAFMN

SMALL = ["model=carn", "model.width=8", "model.blocks=1", "model.atrous=[1]", "model.units=1"]


@pytest.fixture
def words(tmp_path):
    model = CARN(width=8, blocks=1, atrous=[1], units=1)
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    yield [*SMALL, f"checkpoint={tmp_path / 'w.safetensors'}"]
    GlobalHydra.instance().clear()


def test_safetensors_hold_the_weights_and_what_they_belong_to(tmp_path, words):
    line = export(tmp_path / "out.safetensors", words, None)
    assert line.endswith("carn ×2, LR of any size; the same picture within 0")
    with safe_open(tmp_path / "out.safetensors", "pt") as file:
        config = json.loads(file.metadata()["model"])
        assert (config["_target_"], config["width"]) == ("srbench.models.carn.CARN", 8)
        assert len(file.keys()) == len(CARN(width=8, blocks=1, atrous=[1], units=1).state_dict())


def test_pt2_and_onnx_take_any_size(tmp_path, words):
    assert "LR of any size" in export(tmp_path / "out.pt2", words, None)
    lr = torch.rand(1, 3, 31, 50)
    assert torch.export.load(tmp_path / "out.pt2").module()(lr).shape == (1, 3, 62, 100)
    assert "LR of any size" in export(tmp_path / "out.onnx", words, None)
    (lr_info,) = onnx.load(tmp_path / "out.onnx").graph.input
    assert len({side.dim_param for side in lr_info.type.tensor_type.shape.dim[2:]} - {""}) == 2


def test_a_network_for_one_size_says_so(tmp_path):
    save_file(SAFMN(scale=2, blocks=1).state_dict(), tmp_path / "w.safetensors")
    words = ["model=safmn", "model.blocks=1", f"checkpoint={tmp_path / 'w.safetensors'}"]
    assert "LR of 256×256 only" in export(tmp_path / "out.pt2", words, None)
    assert "LR of 40×40 only" in export(tmp_path / "small.pt2", words, 40)


def test_another_picture_is_not_written(tmp_path, words, monkeypatch):
    monkeypatch.setattr(exporting, "_as_pt2", lambda program, path: lambda lr: program.module()(lr) + 1e-3)
    with pytest.raises(UserError, match=r"gives another picture than carn, by 0\.001; not written"):
        export(tmp_path / "out.pt2", words, 32)
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]


@pytest.mark.parametrize(
    ("out", "more", "line"),
    [
        ("out.pth", [], "the suffix says the form"),
        ("none/out.pt2", [], "no such folder"),
        ("out.pt2", ["checkpoint=null"], "has no trained weights without checkpoint=FILE"),
    ],
)
def test_what_cannot_be_exported_is_told_in_one_line(tmp_path, words, out, more, line):
    with pytest.raises(UserError, match=line):
        export(tmp_path / out, [*words, *more], None)
