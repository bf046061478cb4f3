"""What is left to do of a run: the one place that decides it, for runs, grids, launchers, `status` and reports."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from srbench.core.errors import UserError
from srbench.experiments.store.plans import Wanted
from srbench.experiments.store.record import Record, read_record
from srbench.metrics.table import score_name

WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class Left:
    """The steps that are left, `score` by data set with the metrics that it lacks. True where anything is left, be it
    only that the run has not ended well."""

    train: bool
    score: dict[str, tuple[str, ...]] = field(hash=False)
    cost: bool
    latency: bool
    ended: bool

    def __bool__(self) -> bool:
        return self.train or bool(self.score) or self.cost or self.latency or not self.ended

    @property
    def steps(self) -> tuple[str, ...]:
        """Their names, for people: `train`, `score set5 (niqe)`, `cost`, `latency`."""
        scores = [f"score {name} ({', '.join(metrics)})" for name, metrics in self.score.items()]
        return (*["train"] * self.train, *scores, *["cost"] * self.cost, *["latency"] * self.latency)


def left(folder: Path, wanted: Wanted, can_be_had: Callable[[str], bool]) -> Left:
    """What is left of `wanted` of the run in `folder`. `can_be_had`: whether the machine has what a metric needs, asked
    of metrics that were missing before. A record that cannot be read counts as none."""
    try:
        record = read_record(folder)
    except UserError:
        record = None
    return left_of(record, (folder / WEIGHTS).is_file(), wanted, can_be_had)


def left_of(record: Record | None, has_weights: bool, wanted: Wanted, can_be_had: Callable[[str], bool]) -> Left:
    """The same of a record, and whether the run's weights lie there."""
    prints = wanted.fingerprints
    if record is None:
        score = dict.fromkeys(prints.score, wanted.metrics)
        return Left(prints.train is not None, score, True, prints.latency is not None, False)
    had = record.fingerprints
    train = prints.train is not None and not (has_weights and had.train == prints.train)
    lacking = {name: wanted.metrics if train else _lacking(record, name, wanted, can_be_had) for name in prints.score}
    return Left(
        train=train,
        score={name: metrics for name, metrics in lacking.items() if metrics},
        cost=record.cost is None or had.cost != prints.cost,
        latency=prints.latency is not None and had.latency != prints.latency,
        ended=record.status == "done",
    )


def _lacking(record: Record, dataset: str, wanted: Wanted, can_be_had: Callable[[str], bool]) -> tuple[str, ...]:
    """The metrics that the run lacks on the data set; all of them where its scores are of something else."""
    if record.fingerprints.score.get(dataset) != wanted.fingerprints.score[dataset]:
        return wanted.metrics
    told = {one.what: one for one in record.missing}
    scores = record.scores.get(dataset, {})
    found = []
    for metric in wanted.metrics:
        missing = told.get(score_name(dataset, metric)) or told.get(metric)
        if metric not in scores and (missing is None or (missing.may_come and can_be_had(metric))):
            found.append(metric)
    return tuple(found)
