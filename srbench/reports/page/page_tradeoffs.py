"""Scores against costs as numbers for a page."""

from dataclasses import dataclass
from itertools import cycle

from srbench.core.harmless import in_one_line
from srbench.metrics.table import METRICS
from srbench.reports.looks import OKABE_ITO
from srbench.reports.tradeoffs import AGAINST, TradeOffs

SHAPES = ("circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "triangle-left", "triangle-right")


@dataclass(frozen=True)
class PageNetwork:
    """`costs` by title, in the unit of the title; `scores` and `published` by the score's name."""

    label: str
    model: str
    color: str
    shape: str
    costs: dict[str, float]
    scores: dict[str, float]
    published: dict[str, float]


@dataclass(frozen=True)
class PageAxes:
    """What is drawn against what: names of a score and a cost, and the networks on the front, by place."""

    score: str
    cost: str
    higher_is_better: bool
    front: tuple[int, ...]


@dataclass(frozen=True)
class PageTradeOffs:
    """`axes`: those that there are, by score."""

    title: str
    networks: tuple[PageNetwork, ...]
    axes: tuple[PageAxes, ...]


def page_trade_offs(found: TradeOffs) -> PageTradeOffs:
    """A colour and a shape a model, as in tradeoff.png."""
    looks = zip(cycle(OKABE_ITO[1:]), cycle(SHAPES), strict=False)
    of_model = dict(zip(dict.fromkeys(one.model for one in found.networks), looks, strict=False))
    titles = {cost: f"{cost.title} ({cost.unit})" for cost in AGAINST}
    networks = tuple(
        PageNetwork(
            label=in_one_line(one.label),
            model=in_one_line(one.model),
            color=of_model[one.model][0],
            shape=of_model[one.model][1],
            costs={titles[cost]: value / cost.size for cost, value in one.costs.items()},
            scores={score.name: value for score, value in one.scores.items()},
            published={score.name: value for score, value in one.published.items()},
        )
        for one in found.networks
    )
    places = {id(one): place for place, one in enumerate(found.networks)}
    axes = tuple(
        PageAxes(
            score=score.name,
            cost=titles[cost],
            higher_is_better=METRICS[score.metric].higher_is_better,
            front=tuple(places[id(one)] for one in found.front(cost, score)),
        )
        for cost, score in found.axes
    )
    return PageTradeOffs(in_one_line(found.title), networks, axes)
