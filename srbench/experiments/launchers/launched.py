"""The runs of a grid as launchers see them: which comes next, what is measured last, and how each ended."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

from srbench.core.heartbeat import Watch
from srbench.core.progress import console
from srbench.experiments.inputs import wanted_latency
from srbench.experiments.launchers.endings import known_record
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


def waits_for_latency(run: RunSpec) -> bool:
    """Whether a run that is done otherwise has yet to be timed."""
    record = known_record(run)
    return run.evaluation.latency and not (record and is_timed(record, wanted_latency(run)))
