"""The difference between two rows of a table in a loss, a score or a cost, with its interval, paired by image and seed.

Of scores the interval is that of `significance`: over images with one seed, over images and seeds with several. Of
losses it is Student's t over the seeds; with one seed there is none. A cost is exact.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pandas import DataFrame, Series
from scipy.special import stdtrit

from srbench.experiments.store.record import Record
from srbench.experiments.store.stated_claims import FINAL_LOSS
from srbench.reports.columns import ScoreColumn
from srbench.reports.comparison import TableRow
from srbench.reports.reasons import undone
from srbench.reports.row_scores import NO_IMAGES
from srbench.reports.significance import LEVEL, half_width, noise

Pair = tuple[Record, Record]
ByRun = Mapping[str, DataFrame]  # what runs have left: lines of `loss_frame` or `score_frame`
ONE_SEED = "one seed: the noise of training is not in the interval"


@dataclass(frozen=True)
class Difference:
    """`first` and `second`: means over the pairs; `low` and `high`: the ends of the interval of the first minus the
    second, None where there is none; `remarks`: what it rests on."""

    first: float
    second: float
    low: float | None = None
    high: float | None = None
    remarks: tuple[str, ...] = ()

    @property
    def value(self) -> float:
        """The first minus the second."""
        return self.first - self.second


def by_run(frame: DataFrame) -> dict[str, DataFrame]:
    """The lines of each run."""
    return {str(run): lines for run, lines in frame.groupby("run", observed=True)}


class NotComparedError(ValueError):
    """Two rows have nothing to compare; the message says what is missing."""


def difference(metric: str, first: TableRow, second: TableRow, losses: ByRun, images: ByRun) -> Difference:
    """Of the first row minus the second. NotComparedError where one of them lacks the figure."""
    dataset, dot, of_score = metric.partition(".")
    if dot:
        return _of_scores(ScoreColumn(dataset, of_score), first, second, images)
    if metric == FINAL_LOSS:
        return _of_losses(seed_pairs(first, second), losses)
    return Difference(_cost(metric, first), _cost(metric, second))


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


def _cost(name: str, row: TableRow) -> float:
    figure = row.costs[name]
    if figure.value is None:
        raise NotComparedError(f"{name} of {row.label}: {figure.reason or 'it has none'}")
    return figure.value


# Scores


def _of_scores(score: ScoreColumn, first: TableRow, second: TableRow, images: ByRun) -> Difference:
    for row in (first, second):
        figures = row.scores.get(score)
        if figures is None or figures.mean is None:
            raise NotComparedError(f"{score.name} of {row.label}: {figures.reason if figures else 'not evaluated'}")
    pairs = [pair for pair in seed_pairs(first, second) if all(_has(record, score) for record in pair)]
    if not pairs:
        raise NotComparedError(f"{score.name}: {first.label} and {second.label} have it of no seed in common")
    certificates = {record.certificates[score.dataset] for pair in pairs for record in pair}
    if len({one.pixels for one in certificates}) > 1:
        raise NotComparedError(f"{score.name}: scored by {' and by '.join(sorted(map(str, certificates)))}")
    ours, theirs = np.mean([[record.scores[score.dataset][score.metric] for record in pair] for pair in pairs], axis=0)
    if not np.isfinite(ours - theirs):
        raise NotComparedError(f"{score.name}: {ours:g} against {theirs:g} is no difference")
    half, reason = _half_width(score, pairs, images, ours - theirs)
    if half is None:
        return Difference(ours, theirs, remarks=(f"no interval: {reason}",))
    trained = any(record.train.steps for pair in pairs for record in pair)
    remarks = (ONE_SEED,) if trained and len(pairs) == 1 else ()
    return Difference(ours, theirs, ours - theirs - half, ours - theirs + half, remarks)


def _has(record: Record, score: ScoreColumn) -> bool:
    return score.dataset in record.certificates and score.metric in record.scores.get(score.dataset, {})


def _half_width(score: ScoreColumn, pairs: Sequence[Pair], images: ByRun, mean: float) -> tuple[float | None, str]:
    """Of the interval; None with the reason why there is none."""
    differences = DataFrame([_by_image(score, pair, images) for pair in pairs])
    if differences.empty:
        return None, NO_IMAGES.reason
    found = noise(differences.to_numpy(float), np.zeros(len(pairs), dtype=int))
    if found.images.iloc[0] < 2:
        return None, "it is of a single image" if found.images.iloc[0] else "they have not the same images"
    if not np.isclose(found["mean"].iloc[0], mean, rtol=0, atol=1e-4):
        return None, "scores.csv gives another mean"
    return float(half_width(found, LEVEL).iloc[0]), ""


def _by_image(score: ScoreColumn, pair: Pair, images: ByRun) -> Series:
    """The differences of a pair; infinite where one of the two lacks the image."""
    both = DataFrame({side: _of_run(score, images.get(record.run)) for side, record in enumerate(pair)})
    with np.errstate(invalid="ignore"):
        differences: Series = both[0] - both[1]
    return differences.mask(both[0].isna() != both[1].isna(), np.inf)


def _of_run(score: ScoreColumn, lines: DataFrame | None) -> Series:
    if lines is None or score.metric not in lines:
        return Series(dtype=float)
    own: Series = lines[lines.dataset == score.dataset].drop_duplicates("image").set_index("image")[score.metric]
    return own.rename(index=str)


# Losses


def _of_losses(pairs: Sequence[Pair], losses: ByRun) -> Difference:
    """As far as both of a pair were trained, so that a longer training is no advantage."""
    steps = {record.train.steps for pair in pairs for record in pair}
    if 0 in steps:
        raise NotComparedError("final_loss: fixed weights have none")
    found = np.array([[_loss(record, min(steps), losses) for record in pair] for pair in pairs])
    ours, theirs = found.mean(axis=0)
    told = (f"after {min(steps):,} steps, where the shorter ends",) if len(steps) > 1 else ()
    if len(pairs) == 1:
        return Difference(ours, theirs, remarks=(*told, "no interval: one seed"))
    differences = found[:, 0] - found[:, 1]
    half = stdtrit(len(pairs) - 1, 1 - LEVEL / 2) * differences.std(ddof=1) / np.sqrt(len(pairs))
    return Difference(ours, theirs, ours - theirs - half, ours - theirs + half, told)


def _loss(record: Record, steps: int, losses: ByRun) -> float:
    """At the end, or after so many steps: the mean of the last fiftieth of the logged ones up to there."""
    if record.train.steps == steps and record.train.final_loss is not None:
        return record.train.final_loss
    lines, stages = losses.get(record.run), record.train.stages
    if lines is None or not stages:
        raise NotComparedError(f"the losses of {record.run}")
    before = sum(stage.steps for stage in stages[:-1])
    own = lines[(lines.stage == stages[-1].name) & (lines.step <= steps - before)].loss
    if own.empty:
        raise NotComparedError(f"the losses of {record.run} within its first {steps:,} steps")
    return float(own.iloc[-max(1, len(own) // 50) :].mean())
