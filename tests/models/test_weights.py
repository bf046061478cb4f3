import os
import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from srbench.core.errors import UserError
from srbench.models.fsrcnn import FSRCNN
from srbench.models.weights import digest, load_weights, read_weights


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
    for name in ("trap.pth", "trap.safetensors"):  # the content decides
        torch.save({"params": Trap()}, tmp_path / name, pickle_module=pickle)
        with pytest.raises(UserError, match="could run code; refused"):
            load_weights(model, tmp_path / name)
    (tmp_path / "bare.safetensors").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(UserError, match=r"checkpoint=.*bare\.safetensors"):
        load_weights(model, tmp_path / "bare.safetensors")
    assert not (tmp_path / "sprung").exists()
    pickle.loads((tmp_path / "bare.safetensors").read_bytes())
    assert (tmp_path / "sprung").exists()  # the trap does work


@pytest.mark.parametrize("save", [save_file, torch.save])
def test_a_truncated_file_is_named(tmp_path, model, save):
    save(model.state_dict(), tmp_path / "w")
    (tmp_path / "w").write_bytes((tmp_path / "w").read_bytes()[:-40])
    with pytest.raises(UserError, match=r"checkpoint=.*w: cannot be read as"):
        load_weights(model, tmp_path / "w")


def test_weights_that_are_not_finite_are_refused(tmp_path, model):
    weights = model.state_dict() | {"1.bias": torch.tensor([0.0, torch.nan, 1.0])}
    save_file(weights, tmp_path / "w.safetensors")
    with pytest.raises(UserError, match=r"1 not finite \(1\.bias\)"):
        load_weights(model, tmp_path / "w.safetensors")
    assert model[1].bias.isfinite().all()


def test_the_content_decides_not_the_suffix(tmp_path, model):
    weights = model.state_dict()
    save_file(weights, tmp_path / "w.pth")
    torch.save(
        {"params": weights, "params_ema": {key: value + 1 for key, value in weights.items()}}, tmp_path / "w.bin"
    )
    same = digest(weights)
    assert digest(read_weights(tmp_path / "w.pth")) == same
    assert digest(read_weights(tmp_path / "w.bin", key="params")) == same
    assert digest(read_weights(tmp_path / "w.bin")) != same
    assert digest(weights | {"1.bias": weights["1.bias"] + 1e-6}) != same


class Renamed(nn.Module):
    def __init__(self):
        super().__init__()
        self.ours = nn.Conv2d(3, 3, 1)

    @staticmethod
    def from_published(weights):
        return {name.replace("theirs.", "ours."): tensor for name, tensor in weights.items()}


def test_a_network_maps_the_authors_names_and_drops_nothing(tmp_path):
    model = Renamed()
    weights = {key.replace("ours", "theirs"): value + 1 for key, value in model.state_dict().items()}
    save_file(weights, tmp_path / "w.safetensors")
    load_weights(model, tmp_path / "w.safetensors")
    assert torch.equal(model.ours.bias, weights["theirs.bias"])
    save_file(weights | {"more": torch.zeros(1)}, tmp_path / "w.safetensors")
    with pytest.raises(UserError, match=r"1 unexpected \(more\)"):
        load_weights(model, tmp_path / "w.safetensors")


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
@pytest.mark.parametrize("content", [b"", b"nothing of the kind"])
def test_a_file_that_holds_no_weights_is_named(tmp_path, model, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=f"checkpoint=.*{name}: "):
        load_weights(model, tmp_path / name)


NAMES = ["generator", "model", "model_state_dict", "ema", "state_dict", "params", "params_ema", "net_g", "student", "g"]
PREFIXES = ["", "model.", "module.", "net_g.", "generator.", "_orig_mod.", "module.model.", "model._orig_mod.", "mine."]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("name", NAMES)
def test_weights_load_under_any_name_and_behind_any_prefix(tmp_path, model, name, prefix):
    weights = {key: torch.randn_like(value) for key, value in model.state_dict().items()}
    optimizer = {"state": {0: {"exp_avg": weights["0.weight"]}}, "param_groups": [{"lr": 0.1}]}
    content = {name: {f"{prefix}{key}": value for key, value in weights.items()}, "epoch": 1, "optimizer": optimizer}
    torch.save(content, tmp_path / "w.pth")
    load_weights(model, tmp_path / "w.pth")
    assert all(torch.equal(value, weights[key]) for key, value in model.state_dict().items())


def test_a_lightning_checkpoint_of_several_networks_gives_the_one_that_fits(tmp_path, model):
    weights = {key: torch.randn_like(value) for key, value in model.state_dict().items()}
    state = {f"model.{key}": value for key, value in weights.items()}
    state |= {"discriminator.0.weight": torch.zeros(4), "loss.vgg.0.weight": torch.zeros(8)}
    torch.save(
        {"state_dict": state, "gradients": {f"model.{k}": v * 0 for k, v in weights.items()}}, tmp_path / "w.ckpt"
    )
    load_weights(model, tmp_path / "w.ckpt")
    assert torch.equal(model[0].weight, weights["0.weight"])


@pytest.mark.parametrize(
    "averaged", [lambda w: {"ema": w}, lambda w: {"state_dict": {f"average.module.{k}": v for k, v in w.items()}}]
)
def test_averaged_weights_are_meant_where_there_are_any(tmp_path, model, averaged):
    weights = {key: torch.randn_like(value) for key, value in model.state_dict().items()}
    state = {f"model.{key}": value for key, value in model.state_dict().items()}
    content = averaged(weights)
    content["state_dict"] = state | content.get("state_dict", {})
    torch.save(content, tmp_path / "w.ckpt")
    load_weights(model, tmp_path / "w.ckpt")
    assert torch.equal(model[0].weight, weights["0.weight"])


def test_several_weights_that_fit_are_named(tmp_path, model):
    weights = model.state_dict()
    torch.save({"first": weights, "second": {key: value + 1 for key, value in weights.items()}}, tmp_path / "w.pth")
    with pytest.raises(UserError, match="holds several weights that fit, at first, second; save those meant alone"):
        load_weights(model, tmp_path / "w.pth")


def test_what_a_file_holds_instead_of_weights_is_told(tmp_path, model):
    torch.save({"epoch": 3, "optimizer": {"lr": 0.1}}, tmp_path / "w.pth")
    with pytest.raises(UserError, match="holds no weights by name, but epoch, optimizer"):
        load_weights(model, tmp_path / "w.pth")


def test_a_mismatch_behind_a_prefix_is_told_without_it(tmp_path, model):
    weights = {f"model.{key}": value for key, value in model.state_dict().items() if key != "1.bias"}
    torch.save({"state_dict": weights}, tmp_path / "w.ckpt")
    with pytest.raises(UserError, match=r"w\.ckpt \(state_dict model\.…\): not weights .*: 1 missing \(1\.bias\)$"):
        load_weights(model, tmp_path / "w.ckpt")


def test_a_branch_of_a_larger_network_is_not_taken_for_the_network(tmp_path, model):
    weights = {f"branch{i}.{key}": value.clone() for i in (1, 2) for key, value in model.state_dict().items()}
    save_file(weights, tmp_path / "w.safetensors")
    with pytest.raises(UserError, match="not weights of this Sequential"):
        load_weights(model, tmp_path / "w.safetensors")


def test_authors_names_load_behind_a_prefix_too(tmp_path):
    model = Renamed()
    weights = {key.replace("ours", "theirs"): value + 1 for key, value in model.state_dict().items()}
    torch.save({"net_g": {f"module.{key}": value for key, value in weights.items()}}, tmp_path / "w.pth")
    load_weights(model, tmp_path / "w.pth")
    assert torch.equal(model.ours.bias, weights["theirs.bias"])


def test_weights_of_one_channel_are_told_to_be_by_their_key(tmp_path):
    save_file(FSRCNN(image_channels=1, d=8, s=4, m=1).state_dict(), tmp_path / "grey.safetensors")
    with pytest.raises(UserError, match=r"they are of images of one channel: \+model\.image_channels=1"):
        load_weights(FSRCNN(d=8, s=4, m=1), tmp_path / "grey.safetensors")
    save_file(FSRCNN(d=4, s=4, m=1).state_dict(), tmp_path / "narrow.safetensors")
    with pytest.raises(UserError, match="of another shape") as error:
        load_weights(FSRCNN(d=12, s=4, m=1), tmp_path / "narrow.safetensors")
    assert "one channel" not in str(error.value)
