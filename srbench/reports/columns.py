"""What stands in a table's columns, as values; what a CSV calls them is built here and taken apart nowhere."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from srbench.experiments.store.record import Record
from srbench.metrics.table import METRICS, CostColumn, score_name

Part = Literal["std", "delta", "delta_low", "delta_high", "delta_p"]
PARTS: tuple[Part, ...] = get_args(Part)  # what a CSV has of a score beside its mean, in this order


@dataclass(frozen=True)
class ScoreColumn:
    """A metric on a data set."""

    dataset: str
    metric: str

    @property
    def name(self) -> str:
        """`set5.psnr`."""
        return score_name(self.dataset, self.metric)

    def part(self, part: Part) -> str:
        """`set5.psnr.delta_low`."""
        return f"{self.name}.{part}"

    @property
    def told_by(self) -> tuple[str, str]:
        """The names under which a record tells why it is missing, the first one before the second."""
        return self.name, self.metric


@dataclass(frozen=True)
class DeltaColumn:
    """The difference of a score to the baseline's."""

    score: ScoreColumn


@dataclass(frozen=True)
class SettingColumn:
    """An override outside the ablations, by its key."""

    key: str


@dataclass(frozen=True)
class Column:
    """A column of a table for people. `of`: what stands in it, a property of the row by its name. `words`: it stands to
    the left. `note`: what to know of it."""

    of: str | SettingColumn | CostColumn | ScoreColumn | DeltaColumn
    title: str
    words: bool = False
    note: str = ""


def datasets_of(records: Iterable[Record]) -> tuple[str, ...]:
    """Every data set that one of them was evaluated on, in that order."""
    return tuple(dict.fromkeys(name for record in records for name in record.certificates))


def metric_by_name(datasets: Iterable[str]) -> dict[str, str]:
    """The metric by each name under which a record may tell that it is missing: `niqe`, `set5.niqe`."""
    sets = tuple(datasets)
    return {name: metric for metric in METRICS for name in (metric, *(score_name(one, metric) for one in sets))}


def score_columns(records: Sequence[Record]) -> tuple[ScoreColumn, ...]:
    """By data set, metrics in the usual order, those that a set or all of them lack too: the reason stands there."""
    datasets = datasets_of(records)
    by_name = metric_by_name(datasets)
    metrics = {metric for record in records for scores in record.scores.values() for metric in scores}
    metrics |= {by_name[one.what] for record in records for one in record.missing if one.what in by_name}
    order = [*METRICS, *sorted(metrics - set(METRICS))]
    return tuple(ScoreColumn(dataset, metric) for dataset in datasets for metric in order if metric in metrics)
