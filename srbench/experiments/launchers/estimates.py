"""What the trainings of a grid will take, before any begins: each kind of them is probed, as many at once as runs will
be at once."""

import heapq
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

from srbench.core import progress
from srbench.core.errors import first_line_with_type
from srbench.core.interrupts import uninterrupted
from srbench.experiments.launchers.pool import shared_gpus
from srbench.experiments.launchers.server import warm_up
from srbench.experiments.recording import Slot
from srbench.experiments.spec import RunSpec

if TYPE_CHECKING:
    from srbench.experiments.launchers.probe import Measured

    Answer = Measured | str  # else why there is none

PROBE_SECONDS = 180.0  # for one, the imports of the process included
ALL_SECONDS = 600.0


@dataclass(frozen=True)
class Estimate:
    """Of a run's training. `seconds`, `bytes`: None where they are not known, for a `reason`."""

    seconds: float | None = None
    bytes: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class Estimates:
    """`by_run`: by folder; `interrupted`: by Ctrl-C, so that not all was measured."""

    by_run: Mapping[str, Estimate]
    interrupted: bool = False


def estimates(runs: Sequence[RunSpec], slots: Sequence[Slot]) -> Estimates:
    """Of each run, in these slots. Ctrl-C ends the probes, and so do ALL_SECONDS; what is known by then is kept."""
    answers: dict[str, list[Answer]] = {_kind(run): [] for run in runs}
    interrupted = False
    if runs:
        warm_up()
        try:
            _probe(runs, slots, answers)
        except KeyboardInterrupt:
            interrupted = True
    return Estimates({run.folder.name: _estimate(answers[_kind(run)]) for run in runs}, interrupted)


def time_of_all(seconds: Sequence[float], at_once: int) -> float:
    """Until the last has ended, where each begins as soon as one of the others has."""
    ends = [0.0] * at_once
    for one in seconds:
        heapq.heapreplace(ends, ends[0] + one)
    return max(ends)


def _kind(run: RunSpec) -> str:
    """Runs of one kind train alike: they differ in their seeds at most, and in what is done afterwards."""
    how = (run.precision, run.compile, run.capture, run.memory_format, run.devices)
    return repr((run.model, run.scale, run.stages, *how))


def _estimate(answers: Sequence["Answer"]) -> Estimate:
    found = [one for one in answers if not isinstance(one, str)]
    if found:
        return Estimate(mean(one.seconds for one in found), max(one.bytes for one in found))
    return Estimate(reason=next((one for one in answers if isinstance(one, str)), "not measured"))


@dataclass
class _Probe:
    """One at work."""

    kind: str
    slot: Slot
    process: ForkServerProcess
    pipe: Connection
    until: float = field(default_factory=lambda: time.monotonic() + PROBE_SECONDS)


def _probe(runs: Sequence[RunSpec], slots: Sequence[Slot], answers: Mapping[str, list["Answer"]]) -> None:
    kinds = list({_kind(run): run for run in runs}.values())
    at_once = min(len(slots), len(runs))
    # Fewer kinds than runs at once: some are probed several times, as they share caches and memory with each other.
    waiting = [kinds[i % len(kinds)] for i in range(max(len(kinds), at_once))]
    free, over, total = list(slots[:at_once]), time.monotonic() + ALL_SECONDS, len(waiting)
    with (
        tempfile.TemporaryDirectory() as scratch,
        shared_gpus(runs[0], free, Path(scratch)) as environment,
        _at_work() as probes,
        progress.bar("measures") as tell,
    ):
        tell("", 0, total)
        while (waiting or probes) and time.monotonic() < over:
            while waiting and free:
                probes.append(_started(waiting.pop(0), free.pop(0), Path(scratch), environment))
            for probe, answer in _heard(probes, over):
                answers[probe.kind].append(answer)
                probes.remove(probe)
                free.append(probe.slot)
            tell("", total - len(waiting) - len(probes), total)


@contextmanager
def _at_work() -> Iterator[list[_Probe]]:
    """A list of probes, whose processes end with it."""
    probes: list[_Probe] = []
    try:
        yield probes
    finally:
        for probe in probes:
            _end(probe)


def _started(run: RunSpec, slot: Slot, scratch: Path, environment: Mapping[str, str]) -> _Probe:
    context = multiprocessing.get_context("forkserver")
    ours, theirs = context.Pipe(duplex=False)
    folder = tempfile.mkdtemp(dir=scratch)
    process = context.Process(target=_answer, args=(theirs, run, slot, folder, dict(environment)))
    with uninterrupted():  # else it may have started, and nobody knows of it
        process.start()
    theirs.close()
    return _Probe(_kind(run), slot, process, ours)


def _heard(probes: Sequence[_Probe], over: float) -> Iterator[tuple[_Probe, "Answer"]]:
    """Waits for an answer, and ends the processes of those that have given one, or take too long."""
    until = min([over, *(probe.until for probe in probes)])
    ready: list[Any] = wait([probe.pipe for probe in probes], max(0.0, until - time.monotonic()))
    for probe in list(probes):
        if probe.pipe in ready:
            try:
                answer = probe.pipe.recv()
            except EOFError:
                answer = "its process was killed; out of memory?"
        elif time.monotonic() >= probe.until:
            answer = f"was not measured within {PROBE_SECONDS:.0f} s"
        else:
            continue
        _end(probe)
        yield probe, answer


def _end(probe: _Probe) -> None:
    probe.process.kill()
    probe.process.join()
    probe.process.close()
    probe.pipe.close()


def _answer(pipe: Connection, run: RunSpec, slot: Slot, folder: str, environment: dict[str, str]) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # what networks of the user's print is told by their runs
    os.dup2(nowhere, 2)
    os.environ.update(environment)
    try:
        from srbench.experiments.launchers.probe import measured  # Lightning takes seconds to import

        pipe.send(measured(run, slot, Path(folder)))
    except Exception as error:  # whatever a network of the user's does; the run will say it in its own words
        pipe.send(first_line_with_type(error))
