"""checkpoint=: files, and published weights by name."""

import hashlib
import os
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from torch import nn

from srbench.core.errors import UserError
from srbench.models import hub
from srbench.models.hub import at_hand, bring, checkpoint_catalogue, fetch, identity, load_checkpoint, named
from srbench.models.weights import digest, read_weights
from tests.http_server import Page, serve


def test_every_entry_is_the_weights_that_the_reference_holds(shared):
    folders = [shared / "reference" / name for name in ("checkpoints", "span")]
    files = {path.name: path for folder in folders for path in folder.glob("*.safetensors")}
    assert {entry.file for entry in checkpoint_catalogue()} == files.keys()
    for entry in checkpoint_catalogue():
        assert digest(read_weights(files[entry.file])) == entry.digest, entry.file


def test_weights_are_named_by_what_they_are(shared):
    folder = str(shared / "reference" / "checkpoints")
    assert at_hand("mdrn", folder, 3).name == "mdrn_x3.safetensors"
    assert identity("mdrn", "", 3) == named("mdrn", 3).digest
    assert len({identity("mdrn", "", scale) for scale in (2, 3, 4)}) == 3
    with pytest.raises(UserError, match=r"checkpoint=mdrn_s: published for scale=4, not for 2"):
        at_hand("mdrn_s", folder, 2)
    with pytest.raises(UserError, match="no such published weights, did you mean mdrn_s"):
        at_hand("mdrn-s", folder, 4)


def test_the_current_folder_comes_before_weights_dir(tmp_path, monkeypatch):
    for folder in ("here", "a", "b"):
        (tmp_path / folder).mkdir()
    for folder in ("a", "b"):
        (tmp_path / folder / "w.pth").touch()
    monkeypatch.chdir(tmp_path / "here")
    folders = f"{tmp_path / 'none'}{os.pathsep}{tmp_path / 'a'}{os.pathsep}{tmp_path / 'b'}"
    assert at_hand("w.pth", folders, 2) == tmp_path / "a" / "w.pth"
    (tmp_path / "here" / "w.pth").touch()
    assert at_hand("w.pth", folders, 2).resolve() == tmp_path / "here" / "w.pth"


def test_a_missing_file_names_where_it_was_looked_for(tmp_path):
    with pytest.raises(UserError, match=rf"checkpoint=x\.pth: no such file \(looked in .*{tmp_path}"):
        at_hand("x.pth", str(tmp_path), 2)


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A catalogue of one entry, `tiny`, whose file a server of our own holds, in the authors' form."""
    model = nn.Conv2d(3, 3, 1)
    torch.save({"params": model.state_dict(), "step": 3}, tmp_path / "authors.pth")
    with serve() as server:
        address = server.add("/authors.pth", Page((tmp_path / "authors.pth").read_bytes()))
        file = {"scales": [2], "file": "tiny.safetensors", "key": "params", "digest": digest(model.state_dict())}
        entry = {"model": "any", "licence": "MIT", "source": "here", "files": [{**file, "address": address}]}
        (tmp_path / "checkpoints.yaml").write_text(yaml.safe_dump({"tiny": entry}))
        monkeypatch.setattr(hub, "CATALOGUE", tmp_path / "checkpoints.yaml")
        checkpoint_catalogue.cache_clear()
        yield model, server
    checkpoint_catalogue.cache_clear()


def test_published_weights_are_downloaded_once_and_checked(tmp_path, published):
    model, server = published
    other = nn.Conv2d(3, 3, 1)
    assert at_hand("tiny", str(tmp_path / "w"), 2) is None
    bring(other, "tiny", str(tmp_path / "w"), 2, lambda *_: None)
    assert torch.equal(other.weight, model.weight)
    asked = len(server.log)
    path = at_hand("tiny", str(tmp_path / "w"), 2)
    assert fetch("tiny", str(tmp_path / "w"), 2, lambda *_: None) == path
    assert len(server.log) == asked


def test_a_file_of_that_name_with_other_weights_is_refused(tmp_path, published):
    other = nn.Conv2d(3, 3, 1)
    save_file(other.state_dict(), tmp_path / "tiny.safetensors")
    assert load_file(tmp_path / "tiny.safetensors").keys() == other.state_dict().keys()
    path = at_hand("tiny", str(tmp_path), 2)
    with pytest.raises(UserError, match=r"checkpoint=tiny: .*tiny\.safetensors does not hold the published weights"):
        load_checkpoint(other, "tiny", path, 2)


def test_a_pattern_means_the_one_file_that_it_matches(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a-1", "b-2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "weights").write_bytes(name.encode())
    assert hub.at_hand("a-*/weights", str(tmp_path / "none"), 2) == Path("a-1/weights")
    assert hub.identity("?-2/weights", "", 2) == hashlib.sha256(b"b-2").hexdigest()
    assert hub.at_hand("?-2/weights", str(tmp_path), 2) == Path("b-2/weights")
    with pytest.raises(UserError, match=r"^checkpoint=\*/weights: may be a-1/weights, b-2/weights; name the one"):
        hub.identity("*/weights", "", 2)
    with pytest.raises(UserError, match=r"^start=c-\*/weights: no such file"):
        hub.identity("c-*/weights", "", 2, "start")
