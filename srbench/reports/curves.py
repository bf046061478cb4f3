"""Loss curves drawn: the smoothed lines, behind them raw losses, the range of the seeds, or what is published; below
them the differences to the baseline, and the parts of the loss."""

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite, log10

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

from srbench.reports.looks import BLACK, GREY, NAMED, OKABE_ITO, THIN, CurveLook, looks_of
from srbench.reports.loss_curves import Panel
from srbench.reports.loss_ranges import LossRange, difference_range, loss_range
from srbench.reports.markups import in_picture
from srbench.reports.seed_curves import Curve, published_within

POINTS = 9_000  # of all curves together, so that a browser can show a large study's SVG
FEW_PANELS = 6  # each with NAMED curves; of many panels each has fewer, as nobody could tell them apart
UNNAMED_POINTS = 20  # of a curve that is not in the legend
FAINT = 0.15  # opacity of the range of the seeds
FEW_BANDS = 8  # of a panel; of more curves the baseline alone has one, as they would hide the lines
PANEL_WIDTH, EDGE, LEFT, TOP, BOTTOM = 5.0, 0.25, 0.75, 0.45, 0.5  # inches
PART_HEIGHT = 1.2  # inches of the panel of a part of the loss
PUBLISHED_WIDTH = 0.6

Looks = tuple[Curve, CurveLook | None]  # None for a curve without a place in the legend


def draw_curves(panels: Sequence[Panel], title: str) -> Figure:
    """One panel beside or below the other, in each a legend that lists its curves by final smoothed loss, lowest first;
    below it the differences to the baseline and the parts of the loss. Published losses are thin, in the colour of
    their curve.

    The axis of the loss is logarithmic in a panel whose smoothed losses span more than a factor of five.
    """
    points = int(np.clip(POINTS / max(1, sum(len(panel.curves) for panel in panels)), 50, 500))
    columns = 1 if len(panels) == 1 else 2
    most = NAMED if len(panels) <= FEW_PANELS else max(len(OKABE_ITO), NAMED * FEW_PANELS // len(panels))
    legend = 0.6 + 0.066 * max(len(_entry(curve)) for panel in panels for curve in panel.curves)
    grid = [panels[start : start + columns] for start in range(0, len(panels), columns)]
    heights = [max(3.2, *(0.165 * min(len(panel.curves), most + 1) + 0.6 for panel in row)) for row in grid]
    below = [max(len(_smaller(panel)) for panel in row) * (TOP + PART_HEIGHT + BOTTOM) for row in grid]
    width = columns * (LEFT + PANEL_WIDTH + legend) + EDGE
    height = sum(heights) + len(grid) * (TOP + BOTTOM) + EDGE + sum(below)
    drawn = Figure(figsize=(width, height))
    drawn.text(0.15 / width, 1 - 0.08 / height, in_picture(title), fontsize=11, fontweight="bold", va="top")
    top = height - EDGE
    for row, panel_height, parts_height in zip(grid, heights, below, strict=True):
        for column, panel in enumerate(row):
            left = LEFT + column * (LEFT + PANEL_WIDTH + legend)
            box = (left / width, (top - TOP - panel_height) / height, PANEL_WIDTH / width, panel_height / height)
            axes, ranked = drawn.add_axes(box), _ranked(panel, most)
            _draw(axes, panel.title, ranked, points)
            _add_legend(axes, ranked)
            looks = {curve.label: look for curve, look in ranked}
            for place, part in enumerate(_smaller(panel), 1):
                bottom = top - TOP - panel_height - place * (BOTTOM + TOP + PART_HEIGHT)
                small = drawn.add_axes((box[0], bottom / height, box[2], PART_HEIGHT / height), sharex=axes)
                own = [(curve, looks[curve.label]) for curve in part.curves]
                _draw(small, part.title, own, points, is_difference=part not in panel.parts)
                if part not in panel.parts:
                    small.set_ylabel("difference", fontsize=8)
                    small.axhline(0, color=BLACK, linewidth=THIN, zorder=1.5)
        top -= TOP + panel_height + BOTTOM + parts_height
    return drawn


def _smaller(panel: Panel) -> list[Panel]:
    """What stands below a panel."""
    title = "minus the baseline's, at the same steps and batches"
    differences = [Panel(title, panel.differences)] if panel.differences else []
    return [*differences, *panel.parts]


def _ranked(panel: Panel, most: int) -> list[Looks]:
    """Its curves by their final loss."""
    ranked = sorted(panel.curves, key=lambda curve: (not isfinite(curve.final), curve.final))
    return list(zip(ranked, looks_of(panel.curves, ranked, most), strict=True))


def _draw(axes: Axes, title: str, ranked: Sequence[Looks], points: int, is_difference: bool = False) -> None:
    named = [(curve, look) for curve, look in ranked if look]
    unnamed = [_thinned(curve, UNNAMED_POINTS) for curve, look in ranked if not look]
    # What is published stands behind the curves in place of the raw losses.
    published = any(published_within(curve) for curve, _ in ranked)
    with_raw = not is_difference and not unnamed and not published
    curves = [curve for curve, _ in ranked]
    _scale(axes, difference_range(curves) if is_difference else loss_range(curves))
    if unnamed:
        _draw_unnamed(axes, unnamed)
    for order, (curve, look) in enumerate(named):
        crowd = len(ranked) if with_raw else 0
        banded = len(ranked) <= FEW_BANDS or curve.baseline
        _draw_curve(axes, _thinned(curve, points), look, zorder=4 - order / len(named), crowd=crowd, banded=banded)
    for start in {start for curve, _ in ranked for start in curve.starts}:
        axes.axvline(start, color=GREY, linewidth=0.8, zorder=0.5)
    _decorate(axes, title)


def _draw_unnamed(axes: Axes, curves: Sequence[Curve]) -> None:
    """In grey, behind the others. One artist for all is twenty times as fast as one each."""
    lines = [np.column_stack([curve.steps, curve.smooth]) for curve in curves]
    axes.add_collection(LineCollection(lines, colors=GREY, linewidths=THIN, zorder=2.5))


def _draw_curve(axes: Axes, curve: Curve, look: CurveLook, zorder: float, crowd: int, banded: bool) -> None:
    """`crowd`: the number of curves beside raw ones, 0 for none of these."""
    if crowd and curve.low is None:
        faint = float(np.clip(0.8 / crowd, 0.06, 0.2))
        axes.plot(curve.steps, curve.raw, color=look.color, linewidth=0.5, alpha=faint, zorder=1)
    if banded and curve.low is not None and curve.high is not None:
        axes.fill_between(curve.steps, curve.low, curve.high, color=look.color, alpha=FAINT, linewidth=0, zorder=2)
    if (published := published_within(curve)) is not None:
        axes.plot(published.steps, published.losses, color=look.color, linewidth=PUBLISHED_WIDTH, zorder=1.5)
    axes.plot(curve.steps, curve.smooth, color=look.color, linestyle=look.style, linewidth=look.width, zorder=zorder)


def _thinned(curve: Curve, points: int) -> Curve:
    if len(curve.steps) <= points:
        return curve
    kept = np.linspace(0, len(curve.steps) - 1, points).round().astype(int)
    arrays = {name: getattr(curve, name) for name in ("steps", "smooth", "raw", "low", "high")}
    return replace(curve, **{name: values[kept] for name, values in arrays.items() if values is not None})


def _add_legend(axes: Axes, ranked: Sequence[Looks]) -> None:
    handles = [
        Line2D([], [], label=_entry(curve), color=look.color, linestyle=look.style, linewidth=look.width)
        for curve, look in ranked
        if look
    ]
    if unnamed := len(ranked) - len(handles):
        handles.append(Line2D([], [], color=GREY, label=f"{unnamed} more"))
    if any(look and published_within(curve) for curve, look in ranked):
        handles.append(Line2D([], [], color=GREY, linewidth=PUBLISHED_WIDTH, label="thin: published"))
    place = (1.01, 1.0)
    legend = axes.legend(
        handles=handles, loc="upper left", bbox_to_anchor=place, fontsize=7, handlelength=3, frameon=False
    )
    legend.set_title("final loss")
    legend.get_title().set_fontsize(8)
    legend.set_alignment("left")
    for text in legend.get_texts():
        text.set_fontfamily("monospace")


def _entry(curve: Curve) -> str:
    baseline = " (baseline)" if curve.baseline else ""
    return f"{f'{curve.final:#.4g}':<8} {in_picture(curve.label)}{baseline}"


def _scale(axes: Axes, shown: LossRange | None) -> None:
    if shown:
        axes.set_yscale("log" if shown.log else "linear")
        axes.set_ylim(shown.low, shown.high)


def _decorate(axes: Axes, name: str) -> None:
    axes.set_title(in_picture(name), loc="left", fontsize=9, y=1.0)  # else every draw measures all texts
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
