"""A difference between two rows of a table, and the runs that stand beside each other in it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pandas import DataFrame
from scipy.special import stdtrit

from srbench.experiments.store.record import Record
from srbench.reports.comparison import TableRow
from srbench.reports.reasons import undone
from srbench.reports.significance import LEVEL

Pair = tuple[Record, Record]
ByRun = Mapping[str, DataFrame]  # what runs have left: lines of `loss_frame` or `score_frame`


class NotComparedError(ValueError):
    """Two rows have nothing to compare; the message says what is missing."""


@dataclass(frozen=True)
class Difference:
    """`first` and `second`: means over the `pairs` of runs, which are none where no training is in the figure; `low`
    and `high`: the ends of the interval of the first minus the second, None where there is none; `remarks`: what it
    rests on."""

    first: float
    second: float
    low: float | None = None
    high: float | None = None
    remarks: tuple[str, ...] = ()
    pairs: tuple[Pair, ...] = ()

    @property
    def value(self) -> float:
        """The first minus the second."""
        return self.first - self.second


class _LinesByRun(Mapping[str, DataFrame]):
    """Cuts out the lines of a run when it is asked for: most of thousands never are."""

    def __init__(self, frame: DataFrame) -> None:
        self.frame = frame
        self.places = {str(run): place for run, place in frame.groupby("run", observed=True).indices.items()}

    def __getitem__(self, run: str) -> DataFrame:
        return self.frame.iloc[self.places[run]]

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


def by_run(frame: DataFrame) -> ByRun:
    """The lines of each run."""
    return _LinesByRun(frame)


def seed_pairs(first: TableRow, second: TableRow) -> list[Pair]:
    """The finished runs of two rows by seed; fixed weights, which are the same with every seed, beside each of the
    other's. NotComparedError where there are none."""
    ours, theirs = _by_seed(first), _by_seed(second)
    both = ((seed, other) for seed in ours for other in theirs)
    pairs = [(ours[one], theirs[other]) for one, other in both if one == other or None in (one, other)]
    if not pairs:
        raise NotComparedError(f"{first.label} and {second.label} have no seed in common")
    return pairs


def _by_seed(row: TableRow) -> dict[int | None, Record]:
    """None is the seed of fixed weights. NotComparedError for a row without a finished run."""
    done = {one.seed if one.trained else None: one.record for one in row.members if one.record}
    if not done:
        raise NotComparedError(f"{row.label}: {'; '.join(dict.fromkeys(undone(one.run) for one in row.members))}")
    return done


def over_seeds(pairs: Sequence[Pair], figures: Sequence[tuple[float, float]], *remarks: str) -> Difference:
    """Of the figures of these pairs, with Student's interval over them; with one pair there is none."""
    found = np.array(figures)
    ours, theirs = map(float, found.mean(axis=0))
    if len(pairs) == 1:
        return Difference(ours, theirs, remarks=(*remarks, "no interval: one seed"), pairs=tuple(pairs))
    differences = found[:, 0] - found[:, 1]
    half = float(stdtrit(len(pairs) - 1, 1 - LEVEL / 2) * differences.std(ddof=1) / np.sqrt(len(pairs)))
    value = ours - theirs
    return Difference(ours, theirs, value - half, value + half, remarks, tuple(pairs))
