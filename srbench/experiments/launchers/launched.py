"""The runs of a grid as launchers see them: which comes next, what is measured last, and how each ended."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

from srbench.core.heartbeat import Watch
from srbench.core.progress import console
from srbench.experiments.inputs import wanted_latency
from srbench.experiments.launchers.endings import DONE, INTERRUPTED, known_record
from srbench.experiments.messages import result_in_words
from srbench.experiments.recording import Slot, record_death
from srbench.experiments.spec import RunSpec
from srbench.experiments.store.left import is_timed


@dataclass(eq=False)  # a list of a thousand is searched for one
class Launched:
    """One run, and how it ended: None or the reason why not well. `told`: that another process works on it; `failures`:
    tries that did not end well."""

    run: RunSpec
    error: str | None = None
    told: bool = False
    failures: int = 0

    @cached_property
    def watch(self) -> Watch:
        """Over the run's folder."""
        return Watch(self.run.folder)


Job = TypeVar("Job", bound=Launched)


def first_free(waiting: Sequence[Job]) -> Job | None:
    """The first that no other process works on; the others are told, once each, and looked at again."""
    for job in waiting:
        worker = job.watch.worker()
        if worker is None:
            return job
        if not job.told:
            job.told = True
            console.print(f"{job.run.folder.name}: {worker} works on it; comes after the others", markup=False)
    return None


def untimed(run: RunSpec) -> RunSpec:
    """The run without its latency, which is measured when no other run is busy."""
    return replace(run, evaluation=replace(run.evaluation, latency=False))


def to_be_timed(jobs: Sequence[Job], runs: Sequence[RunSpec]) -> list[Job]:
    """Of jobs that were done `untimed`, now with their whole runs, those that have yet to be timed."""
    late = []
    for job, run in zip(jobs, runs, strict=True):
        job.run = run
        record = known_record(run)
        timed = record is not None and is_timed(record, wanted_latency(run), can_be_had=True)
        if job.error is None and run.evaluation.latency and not timed:
            late.append(job)
    return late


def has_failed(job: Launched, status: int | None, reason: str, slot: Slot, more: str = "") -> bool:
    """Whether a run that has ended for good, with this status of `endings`, has failed, for this reason. Says how it
    ended, and `more`; records it, as of a run in `slot`, where its process could not."""
    record, name = known_record(job.run), job.run.folder.name
    if status == DONE and record and record.status == "done":
        console.print(f"{name}: {result_in_words(record)}{more}")
        return False
    job.error = reason
    if status != INTERRUPTED and not (record and record.error == reason):
        record_death(job.run, slot, reason)
    console.print(f"{name}: failed: {reason} ({job.run.folder / 'run.log'}){more}", style="red")
    return status != INTERRUPTED


def left_as_stopped(jobs: Iterable[Launched], error: str) -> None:
    """What runs that were asked to stop have ended with: they may have been done by then."""
    for job in jobs:
        record = known_record(job.run)
        job.error = None if record and record.status == "done" else error
