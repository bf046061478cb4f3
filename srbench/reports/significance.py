"""How sure a difference to the baseline is: its confidence interval, its p-value, and what a table could have shown.

A difference is the mean, over images and seeds, of a run's score minus its baseline's on the same image and seed.

With one seed: Student's t over the images, for every number of images. It covers 95 % of normal differences, and at a
skewness of 1 93 % with 5 images and 95 % with 100 (at a skewness of 2: 88 % with 5). The percentile bootstrap over
images, the usual choice, covers 84 % with 5 and 92 % with 14 (tests/reports/test_significance.py). The noise of the
training is not in this interval.

With several: images and seeds are both random. The variance of the mean is estimated as the variance over images of
the seeds' mean, divided by the number of images, plus the variance over seeds of the images' mean, divided by the
number of seeds; the noise of a single image in a single seed is in both, which errs on the safe side. Each part is
multiplied by the square of its own t quantile, and the root of the sum is half the interval's width: Banerjee,
"Approximate confidence interval for linear functions of means of k populations when the population variances are not
equal", Sankhyā 22, 1960, who proves that it covers at least what it promises. Satterthwaite's degrees of freedom, which
are more common, give as little as 87 % with two seeds.

The p-values are those at which an interval's end touches zero, corrected for the comparisons of one ablation: Holm,
"A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979.
"""

from collections.abc import Iterator, Mapping, Sequence, Set

import numpy as np
import pandas as pd
from pandas import DataFrame, Index, Series
from scipy.special import stdtrit

from srbench.metrics.table import METRICS
from srbench.reports.baselines import BaselinePair
from srbench.reports.columns import ScoreColumn
from srbench.reports.rows import Member

LEVEL = 0.05  # of an interval to miss, and of an ablation's marks to be wrong
POWER = 0.8
MOST_SEEDS = 1000
CERTAINTY = [
    "row",
    "dataset",
    "metric",
    "ablation",
    "images",
    "seeds",
    "mean",
    "image_part",
    "seed_part",
    "low",
    "high",
    "p",
    "improved",
    "reason",
]


def certainty(
    members: Sequence[Member],
    beside: Sequence[BaselinePair],
    deltas: Mapping[tuple[int, ScoreColumn], float],
    images: DataFrame,
) -> DataFrame:
    """How sure each of `deltas` (by row of the table) is: one line each, by row, in the order of data sets and metrics.

    `row`, `dataset`, `metric`, `ablation`, `images`, `seeds`, `mean`, and the parts of the mean's variance,
    `image_part` and `seed_part` (0 with one seed); `improved`: the share of images and seeds on which the row is better
    than its baseline; `low`, `high` and `p`, or the `reason` why they are NaN. A baseline has no line, nor has a row
    without a score of a single image. `images` are those of `score_frame`.
    """
    rows, wanted = {row for row, _ in deltas}, {score for _, score in deltas}
    told = [pair for pair in beside if pair.member != pair.against and members[pair.member].row in rows]
    told.sort(key=lambda pair: members[pair.member].row)
    parts = []
    for score, values in _differences(members, told, images, wanted):
        part = noise(values.to_numpy(), values.index.to_numpy()).rename_axis("row").reset_index()
        delta = np.array([deltas.get((row, score), np.nan) for row in part.row])
        known = METRICS.get(score.metric)
        better = 1 - part.higher if known and not known.higher_is_better else part.higher
        part = part.assign(dataset=score.dataset, metric=score.metric, delta=delta, improved=better)
        parts.append(part.dropna(subset="delta"))
    if not parts:
        return DataFrame(columns=CERTAINTY)
    ablations = {members[pair.member].row: members[pair.member].ablation for pair in told}
    table = pd.concat(parts, ignore_index=True)
    return _judged(table.assign(ablation=table.row.map(ablations)))[CERTAINTY]


def _differences(
    members: Sequence[Member], beside: Sequence[BaselinePair], images: DataFrame, wanted: Set[ScoreColumn]
) -> Iterator[tuple[ScoreColumn, DataFrame]]:
    """A score of those `wanted`; one line a pair, indexed by its row of the table, one column an image.

    NaN where both runs lack an image, infinite where one does.
    """
    rows = np.array([members[pair.member].row for pair in beside], dtype=int)
    ours, theirs = (
        Index([members[place].run.name for place in places], dtype=object)
        for places in ([pair.member for pair in beside], [pair.against for pair in beside])
    )
    for dataset, part in images.groupby("dataset", sort=False, observed=True):
        image, names = pd.factorize(part.image)
        run, runs = part.run.cat.codes, part.run.cat.categories
        for score in (ScoreColumn(str(dataset), str(name)) for name in part.columns.drop(["run", "dataset", "image"])):
            if score not in wanted:
                continue
            values = np.full((len(runs), len(names)), np.nan)
            values[run, image] = part[score.metric]
            one, other = values[runs.get_indexer(ours)], values[runs.get_indexer(theirs)]
            with np.errstate(invalid="ignore"):
                differences = one - other
            differences[np.isnan(one) != np.isnan(other)] = np.inf
            known = ~np.isnan(differences).all(axis=1)
            yield score, DataFrame(differences[known], index=rows[known])


def _judged(table: DataFrame) -> DataFrame:
    agree = np.isclose(table["mean"], table.delta, rtol=0, atol=1e-4)
    reasons = ["it has other images than its baseline", "it is of a single image", "scores.csv gives another mean"]
    reason = np.select([table.images == 0, table.images == 1, ~agree], reasons, "")
    half = half_width(table, LEVEL).where(reason == "")
    p = p_values(table).where(reason == "")
    corrected = p.groupby([table.ablation, table.metric], sort=False).transform(holm)
    return table.assign(low=table["mean"] - half, high=table["mean"] + half, p=corrected, reason=reason)


# The statistics


def noise(differences: np.ndarray, rows: np.ndarray) -> DataFrame:
    """`images`, `seeds`, `mean`, `image_part` and `seed_part` of the differences (pairs × images), one row a row, and
    `higher`, the share of those above zero; one of zero counts half.

    `rows` are ascending; the pairs of one row are its seeds. `images` is 0 where they have not the same images.
    """
    index, starts, place, seeds = np.unique(rows, return_index=True, return_inverse=True, return_counts=True)
    finite, absent = np.isfinite(differences), np.isnan(differences)
    present = np.logical_and.reduceat(finite, starts)
    whole = (present | np.logical_and.reduceat(absent, starts)).all(axis=1)
    images = np.where(whole, present.sum(axis=1), 0)
    known = np.where(finite, differences, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        by_image = np.add.reduceat(known, starts) / seeds[:, None]
        by_seed = known.sum(axis=1) / images[place]
        mean = by_image.sum(axis=1) / images
        squares = np.where(present, by_image - mean[:, None], 0.0) ** 2
        image_part = np.where(images > 1, squares.sum(axis=1) / (images - 1) / images, np.nan)
        seed_part = np.add.reduceat((by_seed - mean[place]) ** 2, starts) / (seeds - 1) / seeds
        higher = np.add.reduceat(np.where(finite, (np.sign(known) + 1) / 2, 0.0).sum(axis=1), starts) / (seeds * images)
    parts = {"image_part": image_part, "seed_part": np.where(seeds > 1, seed_part, 0.0), "higher": higher}
    return DataFrame({"images": images, "seeds": seeds, "mean": mean} | parts, index=index)


def half_width(noise: DataFrame, level: float | np.ndarray) -> Series:
    """Half the width of the intervals that miss with a probability of `level`."""
    by_image = stdtrit(np.maximum(noise.images.to_numpy() - 1, 1), 1 - level / 2)
    by_seed = stdtrit(np.maximum(noise.seeds.to_numpy() - 1, 1), 1 - level / 2)
    half: Series = np.sqrt(by_image**2 * noise.image_part + by_seed**2 * noise.seed_part)
    return half


def p_values(noise: DataFrame) -> Series:
    """The level at which the interval around `mean` ends at zero, to 1e-9; 1 for a mean of zero."""
    low, high = np.zeros(len(noise)), np.ones(len(noise))
    for _ in range(30):
        middle = (low + high) / 2
        inside = (half_width(noise, middle) >= noise["mean"].abs()).to_numpy()
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    return Series(high, index=noise.index)


def holm(p: Series) -> Series:
    """The p-values corrected for their number; NaN stay and do not count."""
    ordered = p.dropna().sort_values()
    corrected = (ordered * np.arange(len(ordered), 0, -1)).cummax().clip(upper=1)
    return corrected.reindex(p.index)


def detectable(noise: DataFrame, comparisons: int) -> Series:
    """The smallest true difference that is told from none with a probability of POWER, among so many comparisons.

    Bloom, "Minimum detectable effects", Evaluation Review 19, 1995, at the level of Holm's first step.
    """
    return half_width(noise, LEVEL / comparisons) + half_width(noise, 2 * (1 - POWER))


def seeds_to_halve(noise: DataFrame, comparisons: int) -> int | None:
    """How many more seeds halve what is `detectable` in the only row of `noise`; None where no number of seeds does.

    The images' part is taken to stay, which it does but for the noise of single images in it.
    """
    seeds = int(noise.seeds.iloc[0])
    more = np.arange(seeds + 1, MOST_SEEDS + 1)
    future = noise.iloc[[0] * len(more)].assign(seeds=more, seed_part=noise.seed_part.iloc[0] * seeds / more)
    enough = (detectable(future, comparisons) <= detectable(noise, comparisons).iloc[0] / 2).to_numpy()
    return int(enough.argmax()) + 1 if enough.any() else None
