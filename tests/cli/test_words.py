"""What users type: flags anywhere, names as they are, classes of their own."""

import re
from pathlib import Path

import pytest

from tests.cli.conftest import BUDGET, EVAL, make_images

NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self, scale=2, width=4):
        super().__init__()
        self.scale = scale
        self.layers = nn.Sequential(nn.Conv2d(3, 3 * scale**2, 3, padding=1), nn.PixelShuffle(scale))

    def forward(self, lr):
        return self.layers(lr)

class Other(Net):
    pass
"""


@pytest.fixture
def planned(door, tmp_path, monkeypatch):
    """Plans a command in a folder with images in hr/ and a module mynet.py, and returns the names of its runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    make_images(Path("hr"), 4)
    Path("mynet.py").write_text(NET, encoding="utf-8")

    def run(*words: str) -> list[str]:
        done = door(*words, "data=folder", "data.root=hr", *BUDGET, *EVAL, "dry_run=true")
        assert done.returncode == 0, done.stderr
        folders = re.findall(r"^(\S+-x2-s\d)-[0-9a-f]{8} ", done.stdout, re.MULTILINE)
        return [name for name in folders if not name.startswith("bicubic-")]

    return run


@pytest.mark.parametrize(
    "words",
    [
        ["-m", "model._target_=mynet.Net", "seed=0,1"],
        ["model._target_=mynet.Net", "seed=0,1", "-m"],
        ["seed=0,1", "--multirun", "model._target_=mynet.Net"],
        ["-m", "model=custom", "model._target_=mynet.Net", "seed=0,1"],
        ["hydra.mode=MULTIRUN", "model._target_=mynet.Net", "seed=0,1"],
    ],
)
def test_a_grid_over_ones_own_class_needs_no_preset(planned, words):
    assert planned(*words) == ["Net-default-x2-s0", "Net-default-x2-s1"]


def test_the_keys_of_a_swept_preset_are_its_own_and_not_the_defaults(planned):
    found = planned("-m", "model=mossnet,mossnet_m", "model.widths=[4,4,4]")
    assert found == ["mossnet-default-x2-s0", "mossnet_m-default-x2-s0"]


def test_a_grid_takes_several_classes_of_ones_own(planned):
    assert planned("-m", "model._target_=mynet.Net,mynet.Other") == ["Net-default-x2-s0", "Other-default-x2-s0"]


def test_flags_may_stand_between_the_words(planned):
    assert planned("model=fsrcnn", "-m", "seed=0,1") == ["fsrcnn-default-x2-s0", "fsrcnn-default-x2-s1"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["train", "model=fsrcnn"], "train: no such command (there are check, data, explain, export, "),
        (["model=fsrcnn", "train"], "train: not of the form key=value, as in model=fsrcnn"),
        (["--mutlirun", "model=carn"], "unrecognized arguments: --mutlirun; see: python -m srbench --help"),
        (["--cfg", "jobs"], "argument --cfg/-c: invalid choice: 'jobs' (choose from "),
        (["-m", "--cfg", "job"], "Only one of --run, --multirun, --cfg, "),
        (["runs_dir=a,b"], "runs_dir=a,b: commas separate the values of a grid; add -m, or "),
        (["checkpoint=epoch=9-step=100.ckpt"], "checkpoint=epoch=9-step=100.ckpt: no such file (looked in "),
        (["data=folder", "data.root=photos (1),ü"], "data.root=photos (1),ü: no such folder"),
        (
            ["ablation=off"],
            "ablation=off: ablation expands into several runs; add -m: python -m srbench -m ablation=off",
        ),
    ],
)
def test_a_word_that_is_wrong_is_told_in_one_line(mistake, words, line):
    assert mistake(*words).startswith(line)


def test_who_types_a_verb_that_does_not_exist_is_told_how_a_run_is_begun(mistake):
    assert mistake("train", "model=fsrcnn").endswith("; a run has none: python -m srbench model=fsrcnn")
