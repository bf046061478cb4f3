"""The curves of a report as numbers for a page: thinned by means over as many logged losses each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle
from math import isfinite
from typing import Any

import numpy as np

from srbench.core.harmless import in_one_line
from srbench.reports.logged_losses import LEAST
from srbench.reports.looks import DASHES, GREY, CurveLook, looks_of
from srbench.reports.loss_curves import Panel
from srbench.reports.loss_ranges import LossRange, difference_range, loss_range
from srbench.reports.seed_curves import Curve, published_within

POINTS = 12_000  # of all curves of a panel
ALL_POINTS = 120_000  # of all panels of a page, which would else grow with a study beyond what a browser likes to open
MOST_POINTS, LEAST_POINTS = 240, 24  # of a curve
MOST_CURVES = 200  # of a panel

Numbers = list[float | None]  # None for what is not finite


@dataclass(frozen=True)
class PageCurve:
    """`dash`: strokes and gaps in pixels, none for a solid line; `least`: points that `smoothed` takes the mean of at
    least; `band`: the low and high ends of the seeds' range."""

    label: str
    baseline: bool
    final: str
    color: str
    dash: tuple[float, ...]
    width: float
    least: int
    step: list[int]
    loss: Numbers
    band: tuple[Numbers, Numbers] | None
    published: tuple[list[int], Numbers] | None


@dataclass(frozen=True)
class PageChart:
    """One kind of loss: the whole (`loss`), a part of it, or the difference to the baseline (`difference`)."""

    name: str
    curves: tuple[PageCurve, ...]
    low: float | None
    high: float | None
    log: bool


@dataclass(frozen=True)
class PagePanel:
    """`starts`: the last step before each stage but the first; `hidden`: curves that are left out."""

    title: str
    charts: tuple[PageChart, ...]
    starts: tuple[int, ...]
    hidden: int


def page_panels(panels: Sequence[Panel]) -> list[PagePanel]:
    """Those of one page."""
    points = min(POINTS, ALL_POINTS // max(1, len(panels)))
    return [_panel(panel, points) for panel in panels]


def _panel(panel: Panel, points: int) -> PagePanel:
    """The curves by their final loss, lowest first; the baseline is never left out."""
    ranked = sorted(panel.curves, key=lambda curve: (not isfinite(curve.final), curve.final))
    shown = [curve for place, curve in enumerate(ranked) if place < MOST_CURVES or curve.baseline]
    looks = dict(zip((curve.label for curve in shown), _looks(panel.curves, shown), strict=True))
    kinds = {"loss": panel.curves, "difference": panel.differences} | {one.title: one.curves for one in panel.parts}
    charts = (
        _chart(name, [one for one in curves if one.label in looks], looks, points) for name, curves in kinds.items()
    )
    return PagePanel(
        title=in_one_line(panel.title),
        charts=tuple(chart for chart in charts if chart.curves),
        starts=tuple(sorted({start for curve in shown for start in curve.starts})),
        hidden=len(ranked) - len(shown),
    )


def _looks(curves: Sequence[Curve], ranked: Sequence[Curve]) -> list[CurveLook]:
    """Those of curves.png, and dashes wherever two could be told apart by their colours alone."""
    dashes = cycle(DASHES)
    found = []
    for curve, look in zip(ranked, looks_of(curves, ranked), strict=True):
        known = look or CurveLook(GREY, None, 1.0)
        found.append(known if curve.baseline else CurveLook(known.color, next(dashes), known.width))
    return found


def _chart(name: str, curves: Sequence[Curve], looks: dict[str, CurveLook], points: int) -> PageChart:
    of_each = int(np.clip(points / max(1, len(curves)), LEAST_POINTS, MOST_POINTS))
    shown: LossRange | None = difference_range(curves) if name == "difference" else loss_range(curves)
    return PageChart(
        name=name,
        curves=tuple(_curve(curve, looks[curve.label], of_each) for curve in curves),
        low=shown.low if shown else None,
        high=shown.high if shown else None,
        log=bool(shown and shown.log),
    )


def _curve(curve: Curve, look: CurveLook, points: int) -> PageCurve:
    size, number = len(curve.steps), min(points, len(curve.steps))
    first = -(-np.arange(number) * size // number)
    last = np.append(first[1:], size) - 1
    published = published_within(curve)
    band = None
    if curve.low is not None and curve.high is not None:
        band = (_means(curve.low, first), _means(curve.high, first))
    return PageCurve(
        label=in_one_line(curve.label),
        baseline=curve.baseline,
        final=f"{curve.final:#.4g}".replace("-", "−"),
        color=look.color,
        dash=tuple(3 * stroke for stroke in look.dashes or ()),
        width=look.width,
        least=-(-LEAST * number // size),
        step=curve.steps[last].astype(int).tolist(),
        loss=_means(curve.raw, first),
        band=band,
        published=(published.steps.tolist(), _finite(published.losses)) if published else None,
    )


def _means(values: np.ndarray, first: np.ndarray) -> Numbers:
    """Of each part, told by the place that it begins at, over its finite values."""
    finite = np.isfinite(values)
    counts = np.add.reduceat(finite.astype(int), first)
    sums = np.add.reduceat(np.where(finite, values, 0.0), first)
    return _finite(np.divide(sums, counts, out=np.full(len(first), np.nan), where=counts > 0).tolist())


def _finite(values: Iterable[Any]) -> Numbers:
    """With six digits, which no screen can show more of."""
    return [float(f"{value:.6g}") if isfinite(value) else None for value in values]
