"""Trainings that wait in the middle, so that what is done to them there does not hang on how fast they are."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from tests.cli.conftest import Shell

NETWORK = """
import signal
import time
from pathlib import Path

from srbench.models.carn import CARN


class Held(CARN):
    # Waits in a validation after the first checkpoint: while the file `hold` is there, or until it is to stop.

    def __init__(self, scale):
        super().__init__(scale=scale, width=8, blocks=1, units=1, atrous=[1])

    def forward(self, lr):
        while not self.training and lr.shape[-1] == 24 and Path("hold").exists() and not asked_to_stop():
            if not list(Path("runs").rglob("last.ckpt")):
                break
            time.sleep(0.01)
        return super().forward(lr)


def asked_to_stop():
    return getattr(getattr(signal.getsignal(signal.SIGTERM), "__self__", None), "asked", False)
"""
LONG = ["budget.steps=100", "budget.val_every=20"]


def with_held_network(shell: Shell) -> Shell:
    (shell.folder / "held.py").write_text(NETWORK)
    return shell


def held_in(shell: Shell) -> Path:
    """The file that holds the trainings in a shell's folder."""
    hold = shell.folder / "hold"
    hold.touch()
    return hold


def words_of(shell: Shell) -> list[str]:
    """Two runs of that network."""
    return ["-m", *shell.data, *LONG, "model._target_=held.Held", "seed=0,1", "study=held"]


def wait_for(found: Callable[[], Any], seconds: float = 120) -> Any:
    """What `found()` returns once it is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := found():
            return result
        time.sleep(0.05)
    raise AssertionError("waited in vain")


def process_of(log: Path) -> int | None:
    """The process whose output goes to `log`."""
    for link in Path("/proc").glob("[0-9]*/fd/1"):
        try:
            if link.resolve() == log:
                return int(link.parts[2])
        except OSError:
            continue
    return None


def checkpointed(folder: Path) -> list[Path]:
    return sorted(folder.glob("runs/held/Held-*/last.ckpt"))


def weights_of(folder: Path) -> dict[str, dict[str, Tensor]]:
    return {path.parent.name: load_file(path) for path in folder.rglob("weights.safetensors")}
