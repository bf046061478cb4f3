"""How much memory GPUs have free, and how much of it runs take: asked of a process of its own, as whoever asks a GPU
holds some of its memory from then on, and as a prediction runs code of the user's."""

import multiprocessing
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from srbench.core import hardware
from srbench.core.interrupts import uninterrupted
from srbench.experiments.spec import RunSpec

ASKED_SECONDS = 60.0  # for both answers, the imports of the process included
END_SECONDS = 5.0


@dataclass(frozen=True)
class Room:
    """`free`: bytes of each device; `needed`: bytes that one run takes at most. None: nobody knows."""

    free: tuple[int, ...] | None
    needed: int | None


def room_on(devices: Sequence[str], runs: Sequence[RunSpec], environment: Mapping[str, str]) -> Room:
    """The room on the devices for these runs; of no runs only what is free is asked. `environment`: variables that the
    asking process has besides. Without an answer in ASKED_SECONDS there is none."""
    context, until = multiprocessing.get_context("forkserver"), time.monotonic() + ASKED_SECONDS
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(theirs, list(devices), _distinct(runs), dict(environment)))
    with uninterrupted():  # else it may have started, and nobody knows of it
        process.start()
    theirs.close()
    try:
        return Room(free=_heard(ours, until), needed=_heard(ours, until) if runs else None)
    finally:
        ours.close()
        process.join(END_SECONDS)
        process.kill()
        process.join()
        process.close()


def _distinct(runs: Sequence[RunSpec]) -> list[RunSpec]:
    """One of those that differ in nothing that takes memory."""
    return list({repr((run.model, run.scale, run.stages, run.precision)): run for run in runs}.values())


def _heard(pipe: Connection, until: float) -> Any:
    """None for what is not said until then, or never, as its process has ended."""
    try:
        return pipe.recv() if pipe.poll(max(0.0, until - time.monotonic())) else None
    except EOFError:
        return None


def _answer(pipe: Connection, devices: list[str], runs: list[RunSpec], environment: dict[str, str]) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # what networks of the user's print is told by their runs
    os.dup2(nowhere, 2)
    os.environ.update(environment)
    free = [memory.free for memory in map(hardware.memory, devices) if memory]
    pipe.send(tuple(free))
    if runs:
        from srbench.experiments.launchers.run_memory import most_memory  # Lightning takes seconds to import

        pipe.send(most_memory(runs, devices[0], min(free)))
