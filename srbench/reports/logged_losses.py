"""The losses that runs have logged, stage after stage, and smoothed."""

from dataclasses import dataclass
from math import nan

import numpy as np
from pandas import DataFrame, Series

LEAST = 10  # losses that a smoothed one is the mean of


@dataclass(frozen=True)
class Logged:
    """The losses of one run. `steps`: from the start of the training, through all stages; `starts`: the last step
    before each stage but the first; `smooth`: `smoothed`, stage by stage."""

    steps: np.ndarray
    losses: np.ndarray
    smooth: np.ndarray
    starts: tuple[int, ...]

    def minus(self, other: "Logged") -> "Logged | None":
        """The difference at the steps that both have logged; None where there is none."""
        steps, ours, theirs = np.intersect1d(self.steps, other.steps, assume_unique=True, return_indices=True)
        if not len(steps):
            return None
        with np.errstate(invalid="ignore"):
            losses = self.losses[ours] - other.losses[theirs]
        parts = np.split(losses, np.searchsorted(steps, self.starts, side="right"))
        return Logged(steps, losses, np.concatenate([smoothed(part) for part in parts]), self.starts)


def logged_losses(losses: DataFrame, name: str) -> dict[str, Logged]:
    """By run the loss, or a part of it: where it has that part."""
    step, loss = losses.step.to_numpy(), losses[name].to_numpy(float)
    stage = losses.stage.factorize()[0]
    there = np.full(len(loss), True) if name == "loss" else ~np.isnan(loss)
    places = losses.groupby("run", observed=True).indices.items()
    return {
        str(run): _in_stages(step[place], loss[place], stage[place], there[place])
        for run, place in places
        if there[place].any()
    }


def _in_stages(step: np.ndarray, loss: np.ndarray, stage: np.ndarray, there: np.ndarray) -> Logged:
    """Stages stand one after another: the last step of each is added to those of the next."""
    begins = np.flatnonzero(np.diff(stage)) + 1
    before = np.zeros_like(step)
    before[begins] = step[begins - 1]
    smooth = np.concatenate([smoothed(part) for part in _split(loss, begins, there)])
    return Logged((step + before.cumsum())[there], loss[there], smooth, tuple(before[begins].cumsum().tolist()))


def _split(loss: np.ndarray, begins: np.ndarray, there: np.ndarray) -> list[np.ndarray]:
    parts = zip(np.split(loss, begins), np.split(there, begins), strict=True)
    return [part[kept] for part, kept in parts if kept.any()]


def smoothed(loss: np.ndarray) -> np.ndarray:
    """The running mean of the last 2 % of the curve, at least of ten values; NaN where the loss is not finite.

    The window lies behind the step, so that the last value is a mean over as many losses as all others.
    """
    window = max(LEAST, round(0.02 * len(loss)))
    finite = np.isfinite(loss)
    mean = Series(np.where(finite, loss, nan)).rolling(window, min_periods=1).mean().to_numpy()
    return np.where(finite, mean, nan)
