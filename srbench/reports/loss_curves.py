"""The loss curves of a report: one panel an ablation and model, one curve a row of the table, smoothed; below it a
smaller one for each part of the loss, where it has parts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan

import numpy as np
from pandas import DataFrame, Series

from srbench.experiments.store.loss_table import parts_of
from srbench.experiments.store.published_figures import PublishedRuns
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
class PublishedCurve:
    """Losses that others have published of a row's training."""

    steps: np.ndarray
    losses: np.ndarray


@dataclass(frozen=True)
class Curve:
    """The curve of one row: mean over its seeds of the smoothed loss; the seeds' range or the raw loss behind it, and
    what is `published`."""

    label: str
    baseline: bool
    steps: np.ndarray
    smooth: np.ndarray
    raw: np.ndarray | None
    low: np.ndarray | None
    high: np.ndarray | None
    final: float  # of `smooth`; the loss itself where that is not finite
    starts: tuple[int, ...]
    published: PublishedCurve | None = None


@dataclass(frozen=True)
class Panel:
    """Curves of one ablation and model, in the table's order; all runs in no ablation share one, whatever the model.
    `parts`: the panels of the parts of the loss, which have the parts' names."""

    title: str
    curves: tuple[Curve, ...]
    parts: tuple["Panel", ...] = ()


def loss_panels(
    losses: DataFrame, rows: Sequence[TableRow], published: Mapping[str, PublishedRuns]
) -> tuple[Panel, ...]:
    """The panels of `losses` (of `loss_frame`), with the curves of what is `published` by sweep; rows of which no run
    has logged a loss have no curve."""
    grouped: dict[str, list[TableRow]] = {}
    for row in rows:
        title = f"{row.model} · {row.ablation}" if row.ablation else "runs outside ablations"
        grouped.setdefault(title, []).append(row)
    logged = {name: _logged(losses, name) for name in ("loss", *parts_of(losses))}
    panels = []
    for title, own in grouped.items():
        if curves := tuple(_curves(own, logged["loss"], published)):
            parts = ((name, tuple(_curves(own, of_part, {}))) for name, of_part in logged.items() if name != "loss")
            panels.append(Panel(title, curves, tuple(Panel(name, part) for name, part in parts if part)))
    return tuple(panels)


def _curves(
    rows: Iterable[TableRow], logged: Mapping[str, Logged], published: Mapping[str, PublishedRuns]
) -> Iterator[Curve]:
    for row in rows:
        if seeds := [member for member in row.members if member.run.name in logged]:
            yield replace(_curve(row, seeds, logged), published=_published(row, published))


def _published(row: TableRow, published: Mapping[str, PublishedRuns]) -> PublishedCurve | None:
    curves = published[row.ablation].curves if row.ablation in published else None
    losses = curves.losses.get(row.variant) if curves else None
    return PublishedCurve(np.array(curves.steps[: len(losses)]), np.array(losses)) if curves and losses else None


def _logged(losses: DataFrame, name: str) -> dict[str, Logged]:
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
