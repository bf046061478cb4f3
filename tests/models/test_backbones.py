"""LPIPS's backbones: the catalogue, and how they are cut down to what LPIPS loads."""

import hashlib

import pytest
import yaml

from srbench.cli.data import get_data
from srbench.cli.verbs import DataGetVerb
from srbench.core.errors import UserError
from srbench.metrics.table import OF_LPIPS
from srbench.models import backbones as catalog
from srbench.models.backbones import backbones
from srbench.models.weights import digest, read_weights
from tests.http_server import Page, serve


@pytest.fixture
def fetch(tmp_path, monkeypatch):
    """Gets the backbone `name` from a server that has `body` for it; gives the folder of weights and the server."""
    weights = tmp_path / "weights"
    with serve() as server:

        def get_it(name, body, **changed):
            content = yaml.safe_load(catalog.CATALOGUE.read_text())
            address = server.add(f"/{name}.pth", Page(body))
            known = {"address": address, "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
            (tmp_path / "backbones.yaml").write_text(yaml.safe_dump({name: content[name] | known | changed}))
            monkeypatch.setattr(catalog, "CATALOGUE", tmp_path / "backbones.yaml")
            backbones.cache_clear()
            get_data(DataGetVerb(wanted=name, data_root=tmp_path / "data", weights_dir=[weights]))
            monkeypatch.undo()
            return weights, server

        yield get_it
    backbones.cache_clear()


def test_the_catalogue_has_the_networks_that_lpips_and_perceptual_losses_load():
    for network in backbones().values():
        assert network.address.endswith(f"-{network.sha256[:8]}.pth")
    assert {network.file for network in backbones().values()} == {*OF_LPIPS.values(), "vgg19_features.safetensors"}


def test_the_digest_of_alexnet_is_that_of_its_convolutional_part(shared):
    assert digest(read_weights(shared / "weights" / "alexnet_features.safetensors")) == backbones()["alexnet"].digest


def test_a_backbone_is_cut_down_to_what_lpips_loads(fetch, tmp_path, capsys):
    import torch
    import torchvision

    from srbench.metrics.perceptual import LPIPS

    torch.manual_seed(0)
    network = torchvision.models.squeezenet1_1(weights=None).state_dict()
    torch.save(network, tmp_path / "network.pth")
    weights, server = fetch("squeezenet", (tmp_path / "network.pth").read_bytes())
    (file,) = (path for path in weights.iterdir() if path.suffix != ".lock")
    kept = read_weights(file)
    assert kept.keys() == {name for name in network if name.startswith("features.")}
    assert all(torch.equal(kept[name], network[name]) for name in kept)
    LPIPS([weights], "squeeze")
    fetch("squeezenet", b"")
    assert f"squeezenet: is there already ({file})" in capsys.readouterr().out
    assert len(server.log) == 1


def test_a_backbone_with_other_weights_is_refused(fetch, tmp_path):
    import torch

    torch.save({"features.0.weight": torch.zeros(3), "classifier.weight": torch.zeros(2)}, tmp_path / "n.pth")
    with pytest.raises(UserError, match="does not hold AlexNet's convolutional part"):
        fetch("alexnet", (tmp_path / "n.pth").read_bytes())
    assert not (tmp_path / "weights/alexnet_features.safetensors").exists()
