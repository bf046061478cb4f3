"""The scores of a row: means, deviations, deltas and their intervals, or the reasons why they are missing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pandas import DataFrame

from srbench.reports.baselines import BaselinePair, degraded_alike
from srbench.reports.certified import told_degradations
from srbench.reports.columns import ScoreColumn
from srbench.reports.means import ScoreOfRow
from srbench.reports.reasons import why_missing
from srbench.reports.refusals import Refusal
from srbench.reports.rows import BICUBIC, Member

PlaceOfSet = tuple[int, str]  # row and data set


@dataclass(frozen=True)
class ScoreFigures:
    """A score of a row. `std`: over seeds; `delta`: to the baseline; `delta_low` and `delta_high`: the ends of its
    interval; `delta_p`: its p-value, corrected. None where there is none, and the reasons: why there is no `mean`,
    no delta, no interval; without a reason where none is to be expected."""

    mean: float | None = None
    std: float | None = None
    delta: float | None = None
    delta_low: float | None = None
    delta_high: float | None = None
    delta_p: float | None = None
    reason: str = ""
    delta_reason: str = ""
    interval_reason: str = ""


@dataclass(frozen=True)
class Interval:
    """Around a delta; None with the `reason` why there is none."""

    low: float | None
    high: float | None
    p: float | None
    reason: str


NO_IMAGES = Interval(None, None, None, "the scores of its images are missing")
NOT_EXPECTED = Interval(None, None, None, "")  # of the baseline to itself
NO_BASELINE = "no baseline with this value to compare with"


@dataclass(frozen=True)
class Numbers:
    """Of all rows, by row and score; `refused` and `no_delta`: why scores and deltas on a data set are left out."""

    means: Mapping[ScoreOfRow, float]
    deviations: Mapping[ScoreOfRow, float]
    deltas: Mapping[ScoreOfRow, float]
    intervals: Mapping[ScoreOfRow, Interval]
    refused: Mapping[PlaceOfSet, str]
    no_delta: Mapping[PlaceOfSet, str]


def intervals(certain: DataFrame) -> dict[ScoreOfRow, Interval]:
    """Of the lines of `certainty`."""
    names = ["row", "dataset", "metric", "low", "high", "p", "reason"]
    return {
        (row, ScoreColumn(dataset, metric)): Interval(None, None, None, reason)
        if reason
        else Interval(low, high, p, "")
        for row, dataset, metric, low, high, p, reason in certain[names].itertuples(index=False)
    }


def no_delta(
    members: Sequence[Member], beside: Sequence[BaselinePair], refused: Iterable[Refusal], datasets: Sequence[str]
) -> dict[PlaceOfSet, str]:
    """Why deltas are left out: LR of the two differ, the row's own scores are refused, or its baseline's."""
    own = {(one.row, one.dataset): one.reason for one in refused}
    found = dict[PlaceOfSet, str]()
    otherwise = dict[PlaceOfSet, str]()
    for pair in beside:
        row, against = members[pair.member].row, members[pair.against]
        for dataset in datasets:
            if reason := own.get((against.row, dataset)):
                found[row, dataset] = f"its baseline: {reason}"
            if not degraded_alike(members, pair):
                lr = told_degradations(against.degradations) or "none"
                otherwise[row, dataset] = f"its baseline has LR of another degradation: {lr}"
    return found | own | otherwise


def scores_of(
    members: Sequence[Member], columns: Iterable[ScoreColumn], numbers: Numbers
) -> dict[ScoreColumn, ScoreFigures]:
    """Of the members of a row, in every column."""
    return {column: _figures(members, column, numbers) for column in columns}


def _figures(members: Sequence[Member], column: ScoreColumn, numbers: Numbers) -> ScoreFigures:
    first = members[0]
    place, dataset = (first.row, column), (first.row, column.dataset)
    mean, delta = numbers.means.get(place), numbers.deltas.get(place)
    interval = numbers.intervals.get(place, NO_IMAGES) if delta is not None and not first.baseline else NOT_EXPECTED
    # The bicubic row has no baseline.
    expected = delta is None and not (first.model == BICUBIC and any(one.record for one in members))
    return ScoreFigures(
        mean=mean,
        std=numbers.deviations.get(place),
        delta=delta,
        delta_low=interval.low,
        delta_high=interval.high,
        delta_p=interval.p,
        reason="" if mean is not None else _reason(members, column, numbers.refused.get(dataset), "not evaluated"),
        delta_reason=_reason(members, column, numbers.no_delta.get(dataset), NO_BASELINE) if expected else "",
        interval_reason=interval.reason,
    )


def _reason(members: Sequence[Member], column: ScoreColumn, known: str | None, else_: str) -> str:
    return known or why_missing(members, column.told_by, else_)
