"""Runs that wait where they can go on from a checkpoint, until they are let go, asked to stop, or killed."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from tests.cli.conftest import Shell
from tests.cli.held import wait_for

NETWORK = """
import os
import signal
import time
from pathlib import Path

from srbench.models.carn import CARN


class Waiting(CARN):
    # Waits in a validation while the file `hold` is there, once its training has a checkpoint, which is gone when the
    # run is scored. It lies beside the log, which a run's process prints to.

    def __init__(self, scale):
        super().__init__(scale=scale, width=8, blocks=1, units=1, atrous=[1])

    def forward(self, lr):
        checkpoint = Path("/proc/self/fd/1").resolve().with_name("last.ckpt")
        if not self.training and lr.shape[-1] == 24 and checkpoint.is_file():
            mark = Path("held", str(os.getpid()))
            while Path("hold").exists() and not asked_to_stop():
                mark.parent.mkdir(exist_ok=True)
                mark.touch()
                time.sleep(0.01)
            mark.unlink(missing_ok=True)
        return super().forward(lr)


def asked_to_stop():
    return getattr(getattr(signal.getsignal(signal.SIGTERM), "__self__", None), "asked", False)
"""
STEPS = list(range(1, 41))
LENGTH = ["budget.steps=40", "budget.val_every=10", "precision=32"]


@dataclass(frozen=True)
class HeldRun:
    """A run that waits, and its process."""

    folder: Path
    pid: int

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


def with_waiting_network(shell: Shell) -> Shell:
    (shell.folder / "waiting.py").write_text(NETWORK)
    return shell


def words_of_grid(shell: Shell, seeds: int) -> list[str]:
    """Of so many runs of that network, one that fails, and the bicubic one beside them."""
    runs = [f"  s{seed}: {{seed: {seed}}}" for seed in range(seeds)]
    lines = ["title: a grid", "overrides: {}", "runs:", *runs, "  fails: {recipe.optimizer.lr: 1.0e+20}"]
    (shell.folder / "sweeps").mkdir(exist_ok=True)
    (shell.folder / "sweeps/held.yaml").write_text("\n".join(lines))
    return ["-m", *shell.data, *LENGTH, "model._target_=waiting.Waiting", "sweep=held"]


def held_runs(folder: Path, number: int) -> list[HeldRun]:
    """Those that wait, as soon as there are so many."""

    def found() -> list[HeldRun]:
        there = [_held_run(int(mark.name)) for mark in (folder / "held").glob("*")]
        held = [run for run in there if run]
        return held if len(held) >= number else []

    return wait_for(found, 600)


def _held_run(pid: int) -> HeldRun | None:
    try:
        log = Path(f"/proc/{pid}/fd/1").resolve(strict=True)
    except OSError:  # killed by now
        return None
    return HeldRun(log.parent, pid) if log.name == "run.log" else None


def is_gone(pid: int) -> bool:
    try:
        return "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
