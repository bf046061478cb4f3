"""The real command line, on small images and small networks, in a folder of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from srbench.data.images import write_image

TINY = ["model.width=8", "model.blocks=1", "model.atrous=[1]", "model.units=1"]
BUDGET = ["budget.steps=6", "budget.batch_size=2", "budget.hr_patch=16", "budget.val_every=2"]
EVAL = ["eval.metrics=[psnr,ssim]", "eval.latency=false"]


@dataclass(frozen=True)
class Shell:
    """A folder with images in hr/, and srbench in it."""

    folder: Path
    environment: dict[str, str]

    @property
    def data(self) -> list[str]:
        return ["data=folder", "data.root=hr", *BUDGET, *EVAL]

    def start(self, *words: str, **options) -> subprocess.Popen:
        command = [sys.executable, "-m", "srbench", *words]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=self.folder, env=self.environment, **(pipes | options))

    def __call__(self, *words: str) -> subprocess.CompletedProcess:
        process = self.start(*words)
        out, err = process.communicate(timeout=240)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def records(self, study: str) -> dict[str, dict]:
        """result.json of each run of a study, by folder."""
        files = (self.folder / "runs" / study).glob("*/result.json")
        return {file.parent.name: json.loads(file.read_text()) for file in files}


@pytest.fixture
def srbench(tmp_path: Path) -> Shell:
    make_images(tmp_path / "hr", 4)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("SRBENCH", "HYDRA"))}
    environment |= {"XDG_CACHE_HOME": str(tmp_path / "cache"), "COLUMNS": "200"}
    # Matplotlib would list the fonts anew in each test's own cache.
    return Shell(tmp_path, environment | {"MPLCONFIGDIR": matplotlib.get_configdir()})


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
        done = srbench(*words)
        assert done.returncode == 2, done.stderr
        lines = done.stderr.strip().splitlines()
        assert len(lines) == 1, done.stderr
        assert lines[0].startswith("srbench: ")
        return lines[0]

    return run
