"""The curve of one row of a table: the mean over its seeds, in a band of their range."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, nan

import numpy as np

from srbench.reports.logged_losses import Logged


@dataclass(frozen=True)
class PublishedCurve:
    """Losses that others have published of a row's training."""

    steps: np.ndarray
    losses: np.ndarray


@dataclass(frozen=True)
class Curve:
    """The curve of one row. `raw` and `smooth`: means over its seeds of the loss, and of the smoothed one; `low` and
    `high`: the range of the latter over the seeds, None for one seed; `published`: what others have of it."""

    label: str
    baseline: bool
    steps: np.ndarray
    raw: np.ndarray
    smooth: np.ndarray
    low: np.ndarray | None
    high: np.ndarray | None
    final: float  # of `smooth`; the loss itself where that is not finite
    starts: tuple[int, ...]
    published: PublishedCurve | None = None


def curve_of_seeds(label: str, baseline: bool, seeds: Sequence[Logged]) -> Curve:
    """Of one seed or more."""
    final, starts = float(np.mean([_final(one) for one in seeds])), {start for one in seeds for start in one.starts}
    about = (final, tuple(sorted(starts)))
    if len(seeds) == 1:
        (only,) = seeds
        return Curve(label, baseline, only.steps, only.losses, only.smooth, None, None, *about)
    alike = all(np.array_equal(seeds[0].steps, one.steps) for one in seeds[1:])
    steps = seeds[0].steps if alike else np.unique(np.concatenate([one.steps for one in seeds]))
    raw, smooth = (_table(steps, seeds, name) for name in ("losses", "smooth"))
    low, high = np.fmin.reduce(smooth), np.fmax.reduce(smooth)
    return Curve(label, baseline, steps, _mean(raw), _mean(smooth), low, high, *about)


def _final(one: Logged) -> float:
    return float(one.smooth[-1] if isfinite(one.losses[-1]) else one.losses[-1])


def _table(steps: np.ndarray, seeds: Sequence[Logged], name: str) -> np.ndarray:
    """One row a seed, NaN where it has logged nothing."""
    if all(len(one.steps) == len(steps) for one in seeds):
        return np.stack([getattr(one, name) for one in seeds])
    table = np.full((len(seeds), len(steps)), nan)
    for row, one in zip(table, seeds, strict=True):
        row[np.searchsorted(steps, one.steps)] = getattr(one, name)
    return table


def _mean(table: np.ndarray) -> np.ndarray:
    """Over the seeds that have a value."""
    with np.errstate(invalid="ignore"):
        mean: np.ndarray = np.nansum(table, axis=0) / np.isfinite(table).sum(axis=0)
    return mean


def published_within(curve: Curve) -> PublishedCurve | None:
    """What is published of it, as far as the curve goes; None where there is nothing."""
    if curve.published is None or curve.published.steps[0] > curve.steps[-1]:
        return None
    reached = curve.published.steps <= curve.steps[-1]
    return PublishedCurve(curve.published.steps[reached], curve.published.losses[reached])
