"""The loss curves of a report: one panel an ablation and model, one curve a row of the table, smoothed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan

import numpy as np
from pandas import DataFrame, Series

from srbench.reports.comparison import TableRow
from srbench.reports.rows import Member


@dataclass(frozen=True)
class Logged:
    """The losses of one run. `steps`: from the start of the training, through all stages; `starts`: the last step
    before each stage but the first; `smooth`: `smoothed`, stage by stage."""

    steps: np.ndarray
    losses: np.ndarray
    smooth: np.ndarray
    starts: tuple[int, ...]


@dataclass(frozen=True)
class Curve:
    """The curve of one row: mean over its seeds of the smoothed loss; the seeds' range or the raw loss behind it."""

    label: str
    baseline: bool
    steps: np.ndarray
    smooth: np.ndarray
    raw: np.ndarray | None
    low: np.ndarray | None
    high: np.ndarray | None
    final: float  # of `smooth`; the loss itself where that is not finite
    starts: tuple[int, ...]


@dataclass(frozen=True)
class Panel:
    """Curves of one ablation and model, in the table's order; all runs in no ablation share one, whatever the model."""

    title: str
    curves: tuple[Curve, ...]


def loss_panels(losses: DataFrame, rows: Sequence[TableRow]) -> tuple[Panel, ...]:
    """The panels of `losses` (of `loss_frame`); rows of which no run has logged a loss have no curve."""
    logged = _logged(losses)
    panels: dict[str, list[Curve]] = {}
    for row in rows:
        seeds = [member for member in row.members if member.run.name in logged]
        if seeds:
            title = f"{row.model} · {row.ablation}" if row.ablation else "runs outside ablations"
            panels.setdefault(title, []).append(_curve(row, seeds, logged))
    return tuple(Panel(title, tuple(curves)) for title, curves in panels.items())


def _logged(losses: DataFrame) -> dict[str, Logged]:
    """By run."""
    step, loss = losses.step.to_numpy(), losses.loss.to_numpy(float)
    stage = losses.stage.factorize()[0]
    places = losses.groupby("run", observed=True).indices
    return {str(run): _in_stages(step[place], loss[place], stage[place]) for run, place in places.items()}


def _in_stages(step: np.ndarray, loss: np.ndarray, stage: np.ndarray) -> Logged:
    """Stages stand one after another: the last step of each is added to those of the next."""
    begins = np.flatnonzero(np.diff(stage)) + 1
    before = np.zeros_like(step)
    before[begins] = step[begins - 1]
    smooth = np.concatenate([smoothed(part) for part in np.split(loss, begins)])
    return Logged(step + before.cumsum(), loss, smooth, tuple(before[begins].cumsum().tolist()))


def _curve(row: TableRow, seeds: Sequence[Member], logged: Mapping[str, Logged]) -> Curve:
    states = {member.run.status for member in seeds}
    # A seed that stopped early would bend the mean where it ends.
    shown = [logged[one.run.name] for one in seeds if one.run.status == "done" or "done" not in states]
    state = "" if "done" in states else " (failed)" if "failed" in states else " (unfinished)"
    label, final = f"{row.label}{state}", float(np.mean([_final(one) for one in shown]))
    starts = tuple(sorted({start for one in shown for start in one.starts}))
    if len(shown) == 1:
        (only,) = shown
        return Curve(label, row.baseline, only.steps, only.smooth, only.losses, None, None, final, starts)
    steps, table = _aligned(shown)
    with np.errstate(invalid="ignore"):
        mean = np.nansum(table, axis=0) / np.isfinite(table).sum(axis=0)
    low, high = np.fmin.reduce(table), np.fmax.reduce(table)
    return Curve(label, row.baseline, steps, mean, None, low, high, final, starts)


def _final(one: Logged) -> float:
    return float(one.smooth[-1] if isfinite(one.losses[-1]) else one.losses[-1])


def _aligned(curves: Sequence[Logged]) -> tuple[np.ndarray, np.ndarray]:
    """All steps, and one row of smoothed losses a curve, NaN where it has none."""
    union = np.unique(np.concatenate([one.steps for one in curves]))
    table = np.full((len(curves), len(union)), nan)
    for row, one in zip(table, curves, strict=True):
        row[np.searchsorted(union, one.steps)] = one.smooth
    return union, table


def smoothed(loss: np.ndarray) -> np.ndarray:
    """The running mean of the last 2 % of the curve, at least of ten values; NaN where the loss is not finite.

    The window lies behind the step, so that the last value is a mean over as many losses as all others.
    """
    window = max(10, round(0.02 * len(loss)))
    finite = np.isfinite(loss)
    mean = Series(np.where(finite, loss, nan)).rolling(window, min_periods=1).mean().to_numpy()
    return np.where(finite, mean, nan)
