"""Loss curves: one panel an ablation and model, one line a row of the table, smoothed, the raw values behind it."""

from dataclasses import dataclass, replace
from itertools import cycle, groupby
from math import isfinite, log10, nan
from operator import itemgetter
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator
from pandas import DataFrame, Series

# Okabe and Ito, "Color Universal Design", 2008; without yellow, which is too pale for a line on white.
OKABE_ITO = ["#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C8C8C"]
STYLES = ["-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5))]
GREY = "#CCCCCC"
NAMED = 40  # lines that a legend can hold; the others are drawn in grey
POINTS = 9_000  # of all lines together, so that a browser can show a large study's SVG
SETTLED = 0.05  # of the steps: past the first fall, which would flatten the rest
PANEL_WIDTH, MARGIN, LEFT, TOP, BOTTOM = 5.0, 0.25, 0.75, 0.45, 0.5  # inches


@dataclass(frozen=True)
class Line:
    """The curve of one row: mean over its seeds of the smoothed loss; the seeds' range or the raw loss behind it."""

    label: str
    baseline: bool
    steps: np.ndarray
    smooth: np.ndarray
    raw: np.ndarray | None
    low: np.ndarray | None
    high: np.ndarray | None
    final: float  # of `smooth`; the loss itself where that is not finite


def figure(losses: DataFrame, runs: DataFrame, title: str, log: bool | None = None) -> Figure:
    """The curves of `losses` (of `results.read_losses`) for `runs` (of `tables.memberships`).

    `log`: the loss axis; None takes a logarithmic one in a panel whose smoothed losses span more than a factor of five.
    A legend beside each panel lists its lines by final smoothed loss, lowest first.
    """
    panels = _panels(losses, runs)
    points = int(np.clip(POINTS / max(1, sum(map(len, panels.values()))), 50, 500))
    columns = 1 if len(panels) == 1 else 2
    legend = 0.6 + 0.066 * max(len(_entry(line)) for lines in panels.values() for line in lines)
    grid = [list(panels.items())[start : start + columns] for start in range(0, len(panels), columns)]
    heights = [max(3.2, *(0.165 * min(len(lines), NAMED + 1) + 0.6 for _, lines in row)) for row in grid]
    width, height = columns * (LEFT + PANEL_WIDTH + legend) + MARGIN, sum(heights) + len(grid) * (TOP + BOTTOM) + MARGIN
    drawn = Figure(figsize=(width, height))
    drawn.text(0.15 / width, 1 - 0.08 / height, title, fontsize=11, fontweight="bold", va="top")
    top = height - MARGIN
    for row, panel_height in zip(grid, heights, strict=True):
        for column, (name, lines) in enumerate(row):
            left = LEFT + column * (LEFT + PANEL_WIDTH + legend)
            box = (left / width, (top - TOP - panel_height) / height, PANEL_WIDTH / width, panel_height / height)
            _draw(drawn.add_axes(box), name, lines, points, log)
        top -= TOP + panel_height + BOTTOM
    return drawn


# The lines


def _panels(losses: DataFrame, runs: DataFrame) -> dict[str, list[Line]]:
    """Title and lines of each panel, in the table's order. Runs in no ablation share one panel, whatever the model."""
    step, loss = losses.step.to_numpy(), losses.loss.to_numpy(float)
    curves = {run: (step[place], loss[place]) for run, place in losses.groupby("run", observed=True).indices.items()}
    columns = runs[["run", "row", "model", "ablation", "baseline", "status", "label"]]
    logged = [run for run in columns.to_dict("records") if run["run"] in curves]
    panels: dict[str, list[Line]] = {}
    for _, group in groupby(sorted(logged, key=itemgetter("row")), key=itemgetter("row")):
        seeds = list(group)
        first = seeds[0]
        name = f"{first['model']} · {first['ablation']}" if first["ablation"] else "runs outside ablations"
        panels.setdefault(name, []).append(_line(seeds, curves))
    return panels


def _line(seeds: list[dict], curves: dict[Any, tuple[np.ndarray, np.ndarray]]) -> Line:
    states = {run["status"] for run in seeds}
    # A seed that stopped early would bend the mean where it ends.
    shown = [curves[run["run"]] for run in seeds if run["status"] == "done" or "done" not in states]
    state = "" if "done" in states else " (failed)" if "failed" in states else " (unfinished)"
    label, baseline = f"{seeds[0]['label']}{state}", seeds[0]["baseline"]
    smooth = [smoothed(loss) for _, loss in shown]
    final = float(
        np.mean([s[-1] if isfinite(loss[-1]) else loss[-1] for s, (_, loss) in zip(smooth, shown, strict=True)])
    )
    if len(shown) == 1:
        return Line(label, baseline, shown[0][0], smooth[0], shown[0][1], None, None, final)
    steps, table = _aligned([step for step, _ in shown], smooth)
    with np.errstate(invalid="ignore"):
        mean = np.nansum(table, axis=0) / np.isfinite(table).sum(axis=0)
    return Line(label, baseline, steps, mean, None, np.fmin.reduce(table), np.fmax.reduce(table), final)


def _aligned(steps: list[np.ndarray], values: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """All steps, and one row of values a curve, NaN where it has none."""
    union = np.unique(np.concatenate(steps))
    table = np.full((len(values), len(union)), nan)
    for row, step, value in zip(table, steps, values, strict=True):
        row[np.searchsorted(union, step)] = value
    return union, table


def smoothed(loss: np.ndarray) -> np.ndarray:
    """The running mean of the last 2 % of the curve, at least of ten values; NaN where the loss is not finite.

    The window lies behind the step, so that the last value is a mean over as many losses as all others.
    """
    window = max(10, round(0.02 * len(loss)))
    finite = np.isfinite(loss)
    mean = Series(np.where(finite, loss, nan)).rolling(window, min_periods=1).mean().to_numpy()
    return np.where(finite, mean, nan)


# The panel


def _draw(axes: Axes, name: str, lines: list[Line], points: int, log: bool | None) -> None:
    ranked = sorted(lines, key=lambda line: (not isfinite(line.final), line.final))
    looks = _looks(lines, ranked)
    _scale(axes, lines, log)
    for order, (line, look) in enumerate(zip(ranked, looks, strict=True)):
        _draw_line(axes, _thinned(line, points), look, zorder=4 - order / len(lines), crowd=len(lines))
    _decorate(axes, name)
    named = [place for place, line in enumerate(ranked) if place < NAMED or line.baseline]
    handles = [Line2D([], [], label=_entry(ranked[place]), **looks[place]) for place in named]
    if len(ranked) > len(named):
        handles.append(Line2D([], [], color=GREY, label=f"{len(ranked) - len(named)} more"))
    place = (1.01, 1.0)
    legend = axes.legend(
        handles=handles, loc="upper left", bbox_to_anchor=place, fontsize=7, handlelength=3, frameon=False
    )
    legend.set_title("final loss")
    legend.get_title().set_fontsize(8)
    legend.set_alignment("left")
    for text in legend.get_texts():
        text.set_fontfamily("monospace")


def _entry(line: Line) -> str:
    baseline = " (baseline)" if line.baseline else ""
    return f"{f'{line.final:#.4g}':<8} {line.label}{baseline}"


def _looks(lines: list[Line], ranked: list[Line]) -> list[dict[str, Any]]:
    """Colour, style and width of each ranked line. Black is the baseline's; few lines take colours in table order."""
    ordinary = [line for line in (lines if len(lines) <= len(OKABE_ITO) else ranked[:NAMED]) if not line.baseline]
    palette = [*OKABE_ITO[1:], OKABE_ITO[0]] if len(lines) <= len(OKABE_ITO) else _sequence(len(ordinary))
    styles = cycle(["-"] if len(lines) <= len(OKABE_ITO) else STYLES)
    looks = {id(line): {"color": c, "linestyle": s} for line, c, s in zip(ordinary, palette, styles, strict=False)}
    looks |= {id(line): {"color": OKABE_ITO[0], "linestyle": "-"} for line in lines if line.baseline}
    width = 1.5 if len(lines) <= len(OKABE_ITO) else 1.1
    unnamed = {"color": GREY, "linestyle": "-"}
    return [{**looks.get(id(line), unnamed), "linewidth": 2.0 if line.baseline else width} for line in ranked]


def _sequence(count: int) -> list[str]:
    """Colours from dark to light; the lightest end of the map is too pale for white paper."""
    return [to_hex(colormaps["viridis"](place)) for place in np.linspace(0.0, 0.88, count)]


def _draw_line(axes: Axes, line: Line, look: dict[str, Any], zorder: float, crowd: int) -> None:
    if line.raw is not None and crowd <= NAMED:
        faint = {"color": look["color"], "linewidth": 0.5, "alpha": float(np.clip(0.8 / crowd, 0.06, 0.2))}
        axes.plot(line.steps, line.raw, zorder=1, **faint)
    if line.low is not None and line.high is not None:
        axes.fill_between(line.steps, line.low, line.high, color=look["color"], alpha=0.15, linewidth=0, zorder=2)
    axes.plot(line.steps, line.smooth, zorder=zorder, **look)


def _thinned(line: Line, points: int) -> Line:
    if len(line.steps) <= points:
        return line
    kept = np.linspace(0, len(line.steps) - 1, points).round().astype(int)
    arrays = {name: getattr(line, name) for name in ("steps", "smooth", "raw", "low", "high")}
    return replace(line, **{name: values[kept] for name, values in arrays.items() if values is not None})


def _scale(axes: Axes, lines: list[Line], log: bool | None) -> None:
    """Limits of the loss axis: the smoothed lines once settled.

    A line that diverges leaves the panel instead of flattening the others.
    """
    extents = np.array([_extent(line) for line in lines])
    extents = extents[np.isfinite(extents).all(axis=1)]
    if not len(extents):
        return
    bottom, top = extents[:, 0].min(), min(extents[:, 1].max(), 10 * np.median(extents[:, 1]))
    if log if log is not None else bottom > 0 and top > 5 * bottom:
        axes.set_yscale("log")
        axes.set_ylim(bottom / 1.05, top * 1.05)
    else:
        margin = 0.05 * (top - bottom) or 0.05 * abs(top) or 1.0
        axes.set_ylim(bottom - margin, top + margin)


def _extent(line: Line) -> tuple[float, float]:
    """Lowest and highest smoothed loss once settled; NaN for a line without a finite value there."""
    settled = line.smooth[line.steps >= line.steps[0] + SETTLED * (line.steps[-1] - line.steps[0])]
    finite = settled[np.isfinite(settled)]
    return (float(finite.min()), float(finite.max())) if len(finite) else (nan, nan)


def _decorate(axes: Axes, name: str) -> None:
    axes.set_title(name, loc="left", fontsize=9)
    axes.set_xlabel("step", fontsize=8)
    axes.set_ylabel("training loss", fontsize=8)
    axes.margins(x=0.01)
    axes.tick_params(labelsize=7)
    axes.grid(True, color="#E6E6E6", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda step, _: f"{step / 1000:g}k" if abs(step) >= 1000 else f"{step:g}")
    )
    if axes.get_yscale() == "log":
        low, high = axes.get_ylim()
        # Within one decade the powers of ten alone would label a single line.
        subs = (1.0, 2.0, 5.0) if log10(high / low) > 1.5 else (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)
        axes.yaxis.set_major_locator(LogLocator(subs=subs))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda loss, _: f"{loss:g}"))
        axes.minorticks_off()
