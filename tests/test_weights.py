import os
import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from srbench.errors import UserError
from srbench.weights import find_weights, load_weights, weights_folders


@pytest.fixture
def model():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 3, 1))


@pytest.mark.parametrize("wrap", [lambda w: w, lambda w: {"params": w}, lambda w: {"state_dict": w, "epoch": 3}])
def test_weights_in_pth_load_however_they_are_wrapped(tmp_path, model, wrap):
    weights = {key: torch.randn_like(value) for key, value in model.state_dict().items()}
    torch.save(wrap(weights), tmp_path / "w.pth")
    load_weights(model, tmp_path / "w.pth")
    assert all(torch.equal(value, weights[key]) for key, value in model.state_dict().items())


def test_averaged_weights_come_before_the_others(tmp_path, model):
    weights = {key: torch.randn_like(value) for key, value in model.state_dict().items()}
    torch.save({"params": model.state_dict(), "params_ema": weights}, tmp_path / "w.pth")
    load_weights(model, tmp_path / "w.pth")
    assert torch.equal(model[0].weight, weights["0.weight"])


def test_a_mismatch_lists_missing_unexpected_and_wrongly_shaped_keys(tmp_path, model):
    weights = dict(model.state_dict())
    weights["7.bias"] = weights.pop("1.bias")
    weights["0.weight"] = torch.zeros(4, 3, 5, 5)
    before = model[0].bias.clone()
    weights["0.bias"] = before + 1
    save_file(weights, tmp_path / "w.safetensors")
    with pytest.raises(UserError) as error:
        load_weights(model, tmp_path / "w.safetensors")
    line = str(error.value)
    assert "1 missing (1.bias)" in line
    assert "1 unexpected (7.bias)" in line
    assert "0.weight is 4×3×5×5, not 4×3×3×3" in line
    assert "\n" not in line
    assert torch.equal(model[0].bias, before)


def test_many_wrong_keys_are_counted_not_all_listed(tmp_path, model):
    save_file({f"other.{i}": torch.zeros(1) for i in range(40)}, tmp_path / "w.safetensors")
    with pytest.raises(UserError, match=r"40 unexpected \(.*and 35 more\)"):
        load_weights(model, tmp_path / "w.safetensors")


class Trap:
    def __reduce__(self):
        return os.mkdir, ("sprung",)


def test_a_pickle_that_would_run_code_is_refused(tmp_path, model, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"params": Trap()}, tmp_path / "trap.pth", pickle_module=pickle)
    with pytest.raises(UserError, match="could run code; refused"):
        load_weights(model, tmp_path / "trap.pth")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
@pytest.mark.parametrize("content", [b"", b"nothing of the kind"])
def test_a_file_that_holds_no_weights_is_named(tmp_path, model, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=f"checkpoint=.*{name}: "):
        load_weights(model, tmp_path / name)


def test_the_current_folder_comes_before_weights_dir(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "w.pth").touch()
    monkeypatch.chdir(tmp_path / "here")
    folders = f"{tmp_path / 'none'}{os.pathsep}{tmp_path / 'a'}{os.pathsep}{tmp_path / 'b'}"
    assert find_weights("w.pth", folders) == tmp_path / "a" / "w.pth"
    (tmp_path / "here" / "w.pth").touch()
    assert find_weights("w.pth", folders).resolve() == tmp_path / "here" / "w.pth"


def test_a_missing_file_names_where_it_was_looked_for(tmp_path):
    with pytest.raises(UserError, match=rf"checkpoint=x\.pth: no such file \(looked in .*{tmp_path}"):
        find_weights("x.pth", str(tmp_path))


def test_weights_dir_is_separated_as_path_is():
    assert [str(folder) for folder in weights_folders(os.pathsep.join(["/a", "", "/b"]))] == ["/a", "/b"]
