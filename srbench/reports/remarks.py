"""What the intervals and marks of a table rest on, in words."""

from pandas import DataFrame, Series

from srbench.reports.significance import LEVEL, POWER, detectable, seeds_to_halve


def remarks(certain: DataFrame) -> tuple[str, ...]:
    """Of one ablation's table: `certain` are the lines of `certainty` for its Δ PSNR. None where it has no interval."""
    known = certain[certain.p.notna()]
    if known.empty:
        return ()
    sets = {str(dataset): lines for dataset, lines in known.groupby("dataset", sort=False)}
    count = len(known)
    return (
        _method(sets, known.seeds),
        f"≈: cannot be told from no difference, at {100 * LEVEL:g} % after Holm's correction for the table's "
        f"{f'{count} comparisons' if count > 1 else 'only comparison'}.",
        _limits(sets, count),
    )


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
