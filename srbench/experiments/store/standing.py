"""How a study stands at one moment, from its folder alone: what is done, what is at work, and how long it may take."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import mean
from typing import Literal

from srbench.core.heartbeat import is_worked_on
from srbench.experiments.store.left import left
from srbench.experiments.store.run_progress import RunProgress, read_progress
from srbench.experiments.store.study import Study, StudyRun, open_study

State = Literal["done", "running", "failed", "missing"]
STATES: tuple[State, ...] = ("done", "running", "failed", "missing")

Kind = tuple[str, int, bool]  # class, scale and whether it is trained: runs of one take about as long


@dataclass(frozen=True)
class RunStanding:
    """`state`: `running` for a run that a process works on right now, whatever it was before. `progress`: of such a
    one; `lacks`: the steps that are left to do of one that is done, or was planned to be."""

    run: StudyRun
    state: State
    progress: RunProgress | None
    lacks: tuple[str, ...]

    @property
    def kind(self) -> Kind | None:
        """None where nothing tells it."""
        planned, record = self.run.planned, self.run.record
        if planned:
            return planned.class_name, planned.scale, planned.wanted.train is not None
        return (record.class_name, record.scale, record.train.steps > 0) if record else None

    @property
    def took(self) -> float | None:
        """Seconds that the run took, or by its rate will have taken for its training; None where that is not known."""
        if self.state == "done" and self.run.record:
            return self.run.record.seconds
        told = self.progress
        return told.total / told.rate if told and told.part == "train" and told.rate else None


@dataclass(frozen=True)
class Standing:
    """Of all runs of the study, in its order."""

    study: Study
    runs: tuple[RunStanding, ...]

    @property
    def counts(self) -> dict[State, int]:
        """How many there are of each state, but for those of which there are none."""
        found = Counter(one.state for one in self.runs)
        return {state: found[state] for state in STATES if found[state]}

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen, unless somebody begins anew: all is done, or has failed."""
        return all(one.state == "failed" or (one.state == "done" and not one.lacks) for one in self.runs)

    @cached_property
    def seconds_left(self) -> float | None:
        """Until all that is running or missing is done, by as many at once as are running now; None where none is, or
        where nothing tells how long one takes. What has failed is not in it."""
        running = sum(one.state == "running" for one in self.runs)
        times = [self._left_of(one) for one in self.runs if one.state in ("running", "missing")]
        known = [seconds for seconds in times if seconds is not None]
        if not running or len(known) < len(times):
            return None
        return max(sum(known) / running, *known)

    def _left_of(self, one: RunStanding) -> float | None:
        own = one.progress.seconds_left if one.progress and one.progress.part == "train" else None
        return self._usual(one.kind) if own is None else own

    def _usual(self, kind: Kind | None) -> float | None:
        """What runs of the kind take, else others that are trained, or not, as it is."""
        alike = self._times.get(kind) if kind else None
        others = (times for other, times in self._times.items() if kind and other[2] == kind[2])
        found = alike or [seconds for times in others for seconds in times]
        return mean(found) if found else None

    @cached_property
    def _times(self) -> dict[Kind, list[float]]:
        found: dict[Kind, list[float]] = {}
        for one in self.runs:
            if one.kind and one.took is not None:
                found.setdefault(one.kind, []).append(one.took)
        return found


def look(folder: Path) -> Standing:
    """How the study in `folder` stands. UserError where there is none."""
    study = open_study(folder)
    return Standing(study, tuple(_standings(study)))


def _standings(study: Study) -> Iterator[RunStanding]:
    for run in study.runs:
        if is_worked_on(run.folder):
            yield RunStanding(run, "running", read_progress(run.folder), ())
        else:
            lacks = left(run.folder, run.planned.wanted, lambda metric: False).steps if run.planned else ()
            yield RunStanding(run, run.status, None, lacks)
