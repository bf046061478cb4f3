"""python -m srbench export: a network with its weights as one file."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from srbench.cli.dispatch import perform
from srbench.core.errors import UserError
from srbench.models.carn import CARN


def test_the_command_writes_the_weights_that_it_is_given_and_what_they_belong_to(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    weights = CARN(width=8).state_dict()
    save_file(weights, "carn.safetensors")
    assert perform(["export", "out.safetensors", "model.width=8", "checkpoint=carn.safetensors"])
    line = capsys.readouterr().out
    assert line.startswith("out.safetensors: carn ×2, LR of any size; the same picture within ")
    with safe_open("out.safetensors", "pt") as file:
        assert json.loads(file.metadata()["model"])["width"] == 8
        assert all(torch.equal(file.get_tensor(name), tensor) for name, tensor in weights.items())


def test_a_file_of_no_form_is_told_before_the_network_is_made():
    with pytest.raises(UserError, match=r"export: out\.pth: the suffix says the form: \.safetensors, \.pt2, \.onnx"):
        perform(["export", "out.pth", "model=nope"])


def test_int8_is_calibrated_and_measured_on_bundled_photographs_or_on_set5(tmp_path, monkeypatch, capsys, shared):
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    save_file(CARN(width=8).state_dict(), "carn.safetensors")
    words = ["export", "out.onnx", "model.width=8", "checkpoint=carn.safetensors", "precision=int8"]
    assert perform(words)
    assert "; PSNR-Y on the bundled photographs (no Set5 in data) " in capsys.readouterr().out
    assert perform([*words, f"data_root={shared / 'data'}"])
    line = capsys.readouterr().out
    assert line.startswith("out.onnx: carn ×2, LR of any size; int8: ")
    assert " dB from its picture in float32; PSNR-Y on Set5 " in line


def test_a_precision_that_a_form_has_not_is_told_before_the_network_is_made():
    with pytest.raises(UserError, match=r"export: out\.pt2: precision=fp16 is for \.onnx files"):
        perform(["export", "out.pt2", "model=nope", "precision=fp16"])
