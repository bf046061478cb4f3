"""A secret that a config looks up stands in no file, and on no line, that a run leaves."""

from pathlib import Path

import pytest
import yaml

from srbench.audits.verify import verify
from tests.cli.conftest import make_images

SECRET = "hunter2hunter2"
PRESET = """
_target_: own.Net
scale: ${scale}
token: ${oc.env:MY_SECRET}
"""
NET = """
import torch

from srbench.models.bicubic import Bicubic

class Net(Bicubic):
    def __init__(self, scale, token):
        super().__init__(scale)
        assert token == "hunter2hunter2"

class Refusing(Net):
    def __init__(self, scale, token):
        raise ValueError(f"token={token} is refused")

class Failing(Net):
    def __init__(self, scale, token):
        super().__init__(scale, token)
        self.token = token

    def forward(self, lr):
        raise RuntimeError(f"no server takes {self.token}")

class FailingLater(Failing):
    def forward(self, lr):
        if lr.device.type == "meta" or lr.shape[-2:] != (20, 24):
            return torch.nn.functional.interpolate(lr, scale_factor=2)
        return super().forward(lr)
"""
WORDS = (
    "budget=none",
    "data=folder",
    "data.root=hr",
    "eval.metrics=[psnr]",
    "eval.latency=false",
    "logger=tensorboard",
)


@pytest.fixture
def run(door, tmp_path, monkeypatch):
    """Runs a command with a preset of one's own that looks a secret up."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("MY_SECRET", SECRET)
    make_images(tmp_path / "hr", 2)
    Path("conf/model").mkdir(parents=True)
    Path("conf/model/mine.yaml").write_text(PRESET)
    Path("own.py").write_text(NET)
    yield lambda *words: door("model=mine", *WORDS, *words)
    import sys

    sys.modules.pop("own", None)


def holding() -> list[str]:
    """The files that hold the secret."""
    files = [path for place in ("runs", "reports", "cache") for path in Path(place).rglob("*") if path.is_file()]
    return [str(path) for path in files if SECRET.encode() in path.read_bytes()]


def test_a_secret_is_not_stored_and_the_stored_config_is_enough_to_build_the_run_again(run, monkeypatch):
    done = run()
    assert done.returncode == 0, done.stderr
    assert holding() == []
    (folder,) = Path("runs/single").glob("mine-*")
    assert yaml.safe_load((folder / "config.yaml").read_text())["model"]["token"] == "${oc.env:MY_SECRET}"
    found = {one.run: one for one in verify(Path("runs/single"), None, lambda *_: None, None, ["own", "MY_SECRET"])}
    assert (found[folder.name].verdict, found[folder.name].unknown) == ("agrees", [])


def test_a_secret_on_the_command_line_is_not_stored(run):
    assert run("+labels_of_mine=1").returncode == 2
    assert run("model.token='${oc.env:MY_SECRET}'").returncode == 0
    assert holding() == []


def test_a_secret_is_on_no_line_of_what_is_refused(run):
    done = run("model._target_=own.Refusing", "model=mine")
    assert (done.returncode, SECRET in done.stderr + done.stdout) == (2, False)
    assert "token=${oc.env:MY_SECRET} is refused" in done.stderr
    done = run("checkpoint='${oc.env:MY_SECRET}'")
    assert (done.returncode, SECRET in done.stderr + done.stdout) == (2, False)
    assert holding() == []


def test_a_secret_is_on_no_line_of_what_failed(run):
    done = run("model._target_=own.Failing", "model=mine")
    assert done.returncode > 0
    assert "no server takes ${oc.env:MY_SECRET}" in done.stderr
    assert SECRET not in done.stderr + done.stdout
    assert holding() == []


def test_a_secret_is_in_no_record_of_what_failed(run):
    with pytest.raises(RuntimeError, match=SECRET):  # a bug of the network's keeps its traceback on the terminal
        run("model._target_=own.FailingLater", "model=mine")
    (record,) = Path("runs/single").glob("FailingLater-*/result.json")
    assert "no server takes ${oc.env:MY_SECRET}" in record.read_text()
    assert holding() == []
