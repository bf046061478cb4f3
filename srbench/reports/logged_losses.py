"""The losses that runs have logged, stage after stage, and smoothed."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from pandas import DataFrame

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
        steps, ours, theirs = self.steps, self.losses, other.losses
        if not np.array_equal(steps, other.steps):
            steps, *places = np.intersect1d(steps, other.steps, assume_unique=True, return_indices=True)
            ours, theirs = ours[places[0]], theirs[places[1]]
        if not len(steps):
            return None
        with np.errstate(invalid="ignore"):
            losses = ours - theirs
        return Logged(steps, losses, _smoothed(losses, np.searchsorted(steps, self.starts, side="right")), self.starts)


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
    kept = loss[there]
    smooth = _smoothed(kept, there.cumsum()[begins - 1] if len(begins) else begins)
    return Logged((step + before.cumsum())[there], kept, smooth, tuple(before[begins].cumsum().tolist()))


def _smoothed(loss: np.ndarray, begins: np.ndarray) -> np.ndarray:
    """`smoothed`, stage by stage; `begins`: where each but the first does."""
    edges = [0, *begins.tolist(), len(loss)]
    return np.concatenate([smoothed(loss[begin:end]) for begin, end in pairwise(edges) if begin < end])


def smoothed(loss: np.ndarray) -> np.ndarray:
    """The running mean of the last 2 % of the curve, at least of ten values; NaN where the loss is not finite.

    The window lies behind the step, so that the last value is a mean over as many losses as all others.
    """
    window = np.ones(max(LEAST, round(0.02 * len(loss))))
    finite = np.isfinite(loss)
    if finite.all():
        return np.convolve(loss, window)[: len(loss)] / np.minimum(np.arange(1, len(loss) + 1), len(window))
    number = np.convolve(finite, window)[: len(loss)]
    # A sum of its own for each window: a running one would not recover from a loss of 1e30.
    total = np.convolve(np.where(finite, loss, 0.0), window)[: len(loss)]
    mean: np.ndarray = np.divide(total, number, out=np.full(len(loss), np.nan), where=finite)
    return mean
