"""The difference between two rows of a table in a loss, a score or a cost, with its interval, paired by image and seed.

Of scores the interval is that of `significance`: over images with one seed, over images and seeds with several. Of
losses, and costs that depend on the training, it is Student's t over the seeds; with one seed there is none. Of a
latency it spans the quantiles; a count is exact.
"""

from collections.abc import Sequence

import numpy as np
from pandas import DataFrame, Series

from srbench.experiments.store.record import Record
from srbench.experiments.store.stated_claims import FINAL_LOSS
from srbench.reports.columns import ScoreColumn
from srbench.reports.comparison import TableRow
from srbench.reports.cost_differences import of_costs
from srbench.reports.differences import ByRun, Difference, NotComparedError, Pair, seed_pairs
from srbench.reports.loss_differences import of_losses
from srbench.reports.row_scores import NO_IMAGES
from srbench.reports.significance import LEVEL, half_width, noise

ONE_SEED = "one seed: the noise of training is not in the interval"


def difference(metric: str, first: TableRow, second: TableRow, losses: ByRun, images: ByRun) -> Difference:
    """Of the first row minus the second. NotComparedError where one of them lacks the figure, or what they have are not
    the same figures."""
    dataset, dot, of_score = metric.partition(".")
    if dot:
        return _of_scores(ScoreColumn(dataset, of_score), first, second, images)
    if metric == FINAL_LOSS:
        return of_losses(seed_pairs(first, second), losses)
    return of_costs(metric, first, second)


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
        return Difference(ours, theirs, remarks=(f"no interval: {reason}",), pairs=tuple(pairs))
    trained = any(record.train.steps for pair in pairs for record in pair)
    remarks = (ONE_SEED,) if trained and len(pairs) == 1 else ()
    return Difference(ours, theirs, ours - theirs - half, ours - theirs + half, remarks, tuple(pairs))


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
    return own
