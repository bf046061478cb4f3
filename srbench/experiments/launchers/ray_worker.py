"""A run in a worker process of Ray's, which carries out one run after the other: torch is imported once."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from srbench.core import hardware
from srbench.experiments.launchers.endings import FOR_GOOD
from srbench.experiments.launchers.worker import Answer, HandedOver, answer
from srbench.experiments.recording import Slot
from srbench.experiments.spec import RunSpec


@dataclass(frozen=True)
class Share:
    """What of a cluster one run gets. `threads`: of each of its processes."""

    cpus: float
    gpus: float
    threads: int

    @property
    def slot(self) -> Slot:
        """Ray has a run see the GPUs that it has a share of, and all where it has none."""
        return Slot("cuda" if self.gpus else "cpu", self.threads)


def work_on(handed: HandedOver, log: Path, share: Share) -> Answer:
    """Does a run. All that it prints, a crash of C code included, goes to its `log`, an absolute path."""

    def slot_of(run: RunSpec) -> Slot:
        hardware.pick_device(share.slot.device)
        return share.slot

    try:
        with _printing_to(log):
            return answer(handed, slot_of)
    except OSError as error:
        place = f"{log.parent}: {error.strerror} on {socket.gethostname()}"
        return Answer(FOR_GOOD, f"{place}; set runs_dir to a folder that all machines share")


@contextmanager
def _printing_to(log: Path) -> Iterator[None]:
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    kept = [os.dup(number) for number in (1, 2)]
    try:
        for number in (1, 2):
            os.dup2(file, number)
        yield
    finally:
        os.close(file)
        for number, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, number)
            os.close(copy)
