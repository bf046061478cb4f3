"""Scores against costs drawn, for a paper: the front a line, a colour and a mark a model, what is published hollow."""

from collections.abc import Sequence
from itertools import cycle

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from srbench.metrics.table import METRICS, CostColumn
from srbench.reports.columns import ScoreColumn
from srbench.reports.looks import OKABE_ITO
from srbench.reports.markups import in_picture
from srbench.reports.tradeoffs import AGAINST, Network, TradeOffs

MARKS = "osD^v<>P"
WIDE, HIGH = 3.4, 3.0  # inches of a panel with what stands around it
LEFT, TOP, BOTTOM, BETWEEN = 0.75, 0.6, 1.0, 0.9  # inches
LETTERS = 28  # of a network's label
FRONT = "#8C8C8C"
ROWS = 12  # of panels, of a study of very many scales and degradations

Looks = dict[str, tuple[str, str]]


def draw_trade_offs(found: Sequence[TradeOffs], title: str) -> Figure | None:
    """A row of panels for each of `found`, of its first score: one for each cost; None where there is nothing to draw.

    The networks on a front have their labels.
    """
    shown = found[:ROWS]
    if not shown:
        return None
    models = dict.fromkeys(network.model for one in shown for network in one.networks)
    looks = dict(zip(models, zip(cycle(OKABE_ITO[1:]), cycle(MARKS), strict=False), strict=False))
    costs = [cost for cost in AGAINST if any((cost, one.axes[0][1]) in one.axes for one in shown)]
    width, height = LEFT + len(costs) * WIDE, len(shown) * HIGH + TOP + BOTTOM
    drawn = Figure(figsize=(width, height))
    drawn.text(0.15 / width, 1 - 0.1 / height, in_picture(title), fontsize=11, fontweight="bold", va="top")
    grid = drawn.subplots(len(shown), len(costs), squeeze=False)
    # Set by hand: to find room for every letter takes longer than to draw them.
    sides = {"left": LEFT / width, "right": 1 - 0.2 / width, "top": 1 - TOP / height, "bottom": BOTTOM / height}
    drawn.subplots_adjust(**sides, wspace=LEFT / WIDE, hspace=BETWEEN / HIGH)
    for one, row in zip(shown, grid, strict=True):
        score = one.axes[0][1]
        for cost, axes in zip(costs, row, strict=True):
            if (cost, score) in one.axes:
                _draw_panel(axes, one, cost, score, looks)
            else:
                axes.set_axis_off()
    handles = [
        axes.plot([], [], mark, color=color, markersize=5, label=in_picture(model))[0]
        for model, (color, mark) in looks.items()
    ]
    drawn.legend(handles=handles, loc="lower left", ncols=6, fontsize=8, frameon=False)
    return drawn


def _draw_panel(axes: Axes, one: TradeOffs, cost: CostColumn, score: ScoreColumn, looks: Looks) -> None:
    networks, front = one.with_both(cost, score), one.front(cost, score)
    for model in dict.fromkeys(network.model for network in networks):  # one by one, thousands take minutes
        color, mark = looks[model]
        own = [network for network in networks if network.model == model]
        places = [_place(network, cost, network.scores[score]) for network in own]
        axes.plot(*zip(*places, strict=True), mark, color=color, markersize=5, zorder=3)
        told = [_place(network, cost, network.published[score]) for network in own if score in network.published]
        if told:
            axes.plot(*zip(*told, strict=True), mark, color=color, markersize=8, fillstyle="none", zorder=2)
    if len(front) > 1:
        axes.plot(*zip(*(_place(n, cost, n.scores[score]) for n in front), strict=True), color=FRONT, lw=1, zorder=1)
    costs = [network.costs[cost] for network in networks]
    if max(costs) > 4 * min(costs):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
    axes.margins(0.12)
    for number, network in enumerate(front):
        _label(axes, network, _place(network, cost, network.scores[score]), below=bool(number % 2))
    metric = METRICS[score.metric]
    axes.set_title(f"{in_picture(score.dataset)} {one.title}", loc="left", fontsize=8)
    axes.set_ylabel(f"{metric.heading} {'↑' if metric.higher_is_better else '↓'}", fontsize=8)
    axes.set_xlabel(f"{cost.title} ({cost.unit})", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.grid(True, color="#E6E6E6", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _place(network: Network, cost: CostColumn, score: float) -> tuple[float, float]:
    return network.costs[cost] / cost.size, score


def _label(axes: Axes, network: Network, place: tuple[float, float], below: bool) -> None:
    text = in_picture(network.label)
    text = text if len(text) <= LETTERS else f"{text[: LETTERS - 1]}…"
    share = axes.transAxes.inverted().transform(axes.transData.transform(place))[0]
    side = "left" if share < 0.3 else "right" if share > 0.7 else "center"
    axes.annotate(
        text,
        place,
        (0, -9 if below else 5),
        textcoords="offset points",
        fontsize=6,
        ha=side,
        va="top" if below else "bottom",
    )
