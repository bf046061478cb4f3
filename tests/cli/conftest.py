"""The real command line, on small images and small networks, in a folder of its own."""

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from srbench.__main__ import main
from srbench.core.paths import cache_folder
from srbench.data.images import write_image
from srbench.reports.page.charts import vega
from tests.warm_interpreter import HERE, WarmCommand, of_interpreters

TINY = ["model.width=8", "model.blocks=1", "model.atrous=[1]", "model.units=1"]
BUDGET = ["budget.steps=6", "budget.batch_size=2", "budget.hr_patch=16", "budget.val_every=2"]
EVAL = ["eval.metrics=[psnr,ssim]", "eval.latency=false"]


Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Shell:
    """A folder with images in hr/, and srbench in it. `warm`: its commands are forked from what has imported all that
    they need; `started`: its processes up to now."""

    folder: Path
    environment: dict[str, str]
    warm: bool = True
    started: list[subprocess.Popen] = field(default_factory=list)

    @property
    def data(self) -> list[str]:
        return ["data=folder", "data.root=hr", *BUDGET, *EVAL]

    def start(self, *words: str, **options) -> subprocess.Popen:
        """A command, `warm` unless its interpreter finds a terminal, or must be told something, when it starts."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        places = {"cwd": self.folder, "env": self.environment}
        terminal = any(isinstance(one, int) and os.isatty(one) for one in options.values())
        told = terminal or of_interpreters(self.environment) != of_interpreters(os.environ | HERE)
        if self.warm and not told and "preexec_fn" not in options:
            self.started.append(WarmCommand(words, **(places | pipes | options)))
        else:
            command, places = [sys.executable, "-m", "srbench", *words], places | {"preexec_fn": _hear_interrupts}
            self.started.append(subprocess.Popen(command, **(places | pipes | options)))
        return self.started[-1]

    def __call__(self, *words: str) -> Done:
        with self.start(*words) as process:
            try:
                out, err = process.communicate(timeout=240)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return Done(words, process.returncode, out, err)

    def records(self, study: str) -> dict[str, dict]:
        """result.json of each run of a study, by folder."""
        files = (self.folder / "runs" / study).glob("*/result.json")
        return {file.parent.name: json.loads(file.read_text()) for file in files}


def _hear_interrupts() -> None:
    """Also where the tests themselves run in the background, in which a shell has them ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def shell_in(folder: Path) -> Shell:
    """srbench in a folder that now has four images in hr/."""
    make_images(folder / "hr", 4)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("SRBENCH", "HYDRA", "OMP_"))}
    environment |= {"XDG_CACHE_HOME": str(folder / "cache"), **HERE}
    # Each test's own cache would cost it a second for the script of pages, and some for Matplotlib's list of fonts.
    (folder / "cache" / "srbench").mkdir(parents=True, exist_ok=True)
    (folder / "cache" / "srbench" / "vega").symlink_to(_made_once(), target_is_directory=True)
    return Shell(folder, environment | {"MPLCONFIGDIR": matplotlib.get_configdir()})


@cache
def _made_once() -> Path:
    """The folder with the script of pages, in the user's own cache."""
    vega()
    return cache_folder("vega").resolve()


@pytest.fixture
def srbench(tmp_path: Path) -> Shell:
    return shell_in(tmp_path)


def make_images(folder: Path, number: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[:40, :48]
    for i in range(number):
        image = 127 + 120 * np.sin(np.stack([x / (3 + i), y / 4, (x + y) / 5], axis=2))
        write_image(folder / f"{i}.png", image.astype(np.uint8))


@pytest.fixture
def fails(srbench: Shell) -> Callable[..., str]:
    """Runs a command that the user got wrong: status 2, one line, no traceback. Returns the line."""

    def run(*words: str) -> str:
        return told(srbench(*words))

    return run


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Iterator[Callable[..., Done]]:
    """Runs a command in this process and in the current folder; another interpreter would take seconds to start."""
    before, level = signal.getsignal(signal.SIGTERM), logging.getLogger("srbench").level

    def run(*words: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["srbench", *words])
        monkeypatch.setattr(sys, "path", [*sys.path])  # to which the front door adds the current folder
        capsys.readouterr()
        status = main()
        return Done(words, status, *capsys.readouterr())

    yield run
    signal.signal(signal.SIGTERM, before)
    logging.getLogger("srbench").setLevel(level)


@pytest.fixture
def mistake(door: Callable[..., Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """As `fails`, in this process and in an empty folder. Returns the line without its `srbench: `."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("SRBENCH_DATA", "SRBENCH_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: str) -> str:
        return told(door(*words)).removeprefix("srbench: ")

    return run


def told(done: Done) -> str:
    """The one line of a command that the user got wrong."""
    assert done.returncode == 2, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("srbench: ")
    return lines[0]
