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

from collections.abc import Iterator

import numpy as np
import pandas as pd
from pandas import DataFrame, Series
from scipy.special import stdtrit

LEVEL = 0.05  # of an interval to miss, and of an ablation's marks to be wrong
POWER = 0.8
MOST_SEEDS = 1000
NOISE = ["images", "seeds", "mean", "image_part", "seed_part"]


# Which run is compared with which


def trained(runs: DataFrame) -> Series:
    """Which runs were trained, so that their seed counts: fixed weights score the same with every seed."""
    return runs.train_steps > 0


def pairs(members: DataFrame) -> DataFrame:
    """`row`, `ablation` and `run` of the finished runs that have a baseline, with its place in `members` as `against`.

    The baseline is the run of the same ablation, model, scale, seed and overrides outside the ablation (`context`); of
    two none is taken. Of the seeds of a row with fixed weights, and a baseline with fixed weights, there is one pair.
    """
    group = ["ablation", "model", "scale", "seed", "context"]
    compared = members[(members.status == "done") & (members.ablation != "")]
    # Two are left by an ablation file whose baseline was changed between two commands of a study.
    baseline = compared[compared.baseline].drop_duplicates(group, keep=False)
    against = Series(baseline.index, index=pd.MultiIndex.from_frame(baseline[group]), name="against", dtype="Int64")
    beside = compared[["row", "run", *group]].join(against, on=group).dropna(subset="against")
    beside = beside.astype({"against": int})[["row", "ablation", "run", "against"]]
    drawn = trained(members)
    fixed = ~drawn[beside.index] & ~drawn[beside.against].to_numpy()
    return beside[~(fixed & beside.assign(fixed=fixed).duplicated(["row", "fixed"]))]


def certainty(members: DataFrame, deltas: DataFrame, scores: DataFrame) -> DataFrame:
    """How sure each of `deltas` (by row of the table and `<dataset>.<metric>`) is, indexed by these two.

    `images`, `seeds`, `mean`, and the parts of the mean's variance, `image_part` and `seed_part` (0 with one seed);
    `low`, `high` and `p`, or the `reason` why they are NaN. A baseline has no entry, nor has a row without a score of a
    single image. `scores` are those of `results.read_scores`.
    """
    beside = pairs(members)
    beside = beside[(beside.against != beside.index) & beside.row.isin(deltas.index)]
    beside = beside.sort_values("row", kind="stable")
    beside["against"] = members.run[beside.against].to_numpy()
    parts = [noise(np.empty((0, 0)), np.empty(0, int)).assign(score="")]  # without rows, where there are no scores
    for name, values in _differences(beside, scores, deltas):
        parts.append(noise(values.to_numpy(), values.index.to_numpy()).assign(score=name))
    table = pd.concat(parts).rename_axis("row").reset_index()
    delta = [deltas.at[row, score] for row, score in zip(table.row, table.score, strict=True)]
    ablation = table.row.map(beside.drop_duplicates("row").set_index("row").ablation)
    table = table.assign(ablation=ablation, delta=np.array(delta, dtype=float)).dropna(subset="delta")
    return _judged(table.set_index(["row", "score"])).drop(columns="delta")


def _differences(beside: DataFrame, scores: DataFrame, deltas: DataFrame) -> Iterator[tuple[str, DataFrame]]:
    """Name of the score; one row a pair, indexed by its row of the table, one column an image.

    NaN where both runs lack an image, infinite where one does.
    """
    for dataset, part in scores.groupby("dataset", sort=False, observed=True):
        image, names = pd.factorize(part.image)
        run, places = part.run.cat.codes, part.run.cat.categories
        for metric in part.columns.drop(["run", "dataset", "image"]):
            if f"{dataset}.{metric}" in deltas:
                values = np.full((len(places), len(names)), np.nan)
                values[run, image] = part[metric]
                ours, theirs = (values[places.get_indexer(pd.Index(beside[side]))] for side in ("run", "against"))
                with np.errstate(invalid="ignore"):
                    differences = ours - theirs
                differences[np.isnan(ours) != np.isnan(theirs)] = np.inf
                known = ~np.isnan(differences).all(axis=1)
                yield f"{dataset}.{metric}", DataFrame(differences[known], index=beside.row[known])


def _judged(table: DataFrame) -> DataFrame:
    agree = np.isclose(table["mean"], table.delta, rtol=0, atol=1e-4)
    reasons = ["it has other images than its baseline", "it is of a single image", "scores.csv gives another mean"]
    reason = np.select([table.images == 0, table.images == 1, ~agree], reasons, "")
    half = half_width(table, LEVEL).where(reason == "")
    p = p_values(table).where(reason == "")
    metric = Series([score.rpartition(".")[2] for _, score in table.index], index=table.index, dtype=str)
    corrected = p.groupby([table.ablation, metric], sort=False).transform(holm)
    return table.assign(low=table["mean"] - half, high=table["mean"] + half, p=corrected, reason=reason)


# The statistics


def noise(differences: np.ndarray, rows: np.ndarray) -> DataFrame:
    """`images`, `seeds`, `mean`, `image_part` and `seed_part` of the differences (pairs × images), one row a row.

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
    parts = {"image_part": image_part, "seed_part": np.where(seeds > 1, seed_part, 0.0)}
    return DataFrame({"images": images, "seeds": seeds, "mean": mean} | parts, index=index)


def half_width(noise: DataFrame, level: float | np.ndarray) -> Series:
    """Half the width of the intervals that miss with a probability of `level`."""
    by_image = stdtrit(np.maximum(noise.images.to_numpy() - 1, 1), 1 - level / 2)
    by_seed = stdtrit(np.maximum(noise.seeds.to_numpy() - 1, 1), 1 - level / 2)
    return np.sqrt(by_image**2 * noise.image_part + by_seed**2 * noise.seed_part)


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


# In words


def remarks(certain: DataFrame) -> list[str]:
    """What the intervals and marks of one ablation's table rest on: the rows of `certainty` for its Δ PSNR."""
    certain = certain[certain.p.notna()]
    if certain.empty:
        return []
    score = certain.index.get_level_values("score")
    sets = {str(name).removesuffix(".psnr"): rows for name, rows in certain.groupby(score, sort=False)}
    count = len(certain)
    return [
        _method(sets, certain.seeds),
        f"≈: cannot be told from no difference, at {100 * LEVEL:g} % after Holm's correction for the table's "
        f"{f'{count} comparisons' if count > 1 else 'only comparison'}.",
        _limits(sets, count),
    ]


def _method(sets: dict[str, DataFrame], seeds: Series) -> str:
    images = ", ".join(f"{name} {_range(rows.images)}" for name, rows in sets.items())
    text = (
        f"In brackets: the {100 - 100 * LEVEL:g} % confidence interval of each difference on its own, paired per image"
    )
    if seeds.max() == 1:
        return f"{text} (images: {images}), by Student's t. There is one seed: the noise of training is not in it."
    text += f" (images: {images}; seeds: {_range(seeds)}), by Student's t over images and over seeds (Banerjee 1960)."
    return text + (" Where there is one seed, the noise of training is not in it." if seeds.min() == 1 else "")


def _limits(sets: dict[str, DataFrame], count: int) -> str:
    """By data set, for the middle one of its comparisons."""
    parts, one_seed = [], False
    for name, rows in sets.items():
        smallest = detectable(rows, count).sort_values(kind="stable")
        middle = smallest.index[(len(smallest) - 1) // 2]
        one_seed |= rows.seeds[middle] == 1
        parts.append(f"{name} {smallest[middle]:.3f} dB{_halved(rows.loc[[middle]], count)}")
    text = (
        f"Smallest difference that this table could have shown with a chance of {100 * POWER:g} % "
        f"(median of its rows): {', '.join(parts)}."
    )
    return text + (" With one seed it cannot be known how many more would halve it." if one_seed else "")


def _halved(noise: DataFrame, count: int) -> str:
    if noise.seeds.iloc[0] == 1:
        return ""
    more = seeds_to_halve(noise, count)
    return f" ({more} more seed{'s' * (more > 1)} would halve it)" if more else " (more seeds alone would not halve it)"


def _range(numbers: Series) -> str:
    low, high = numbers.min(), numbers.max()
    return str(low) if low == high else f"{low} to {high}"
