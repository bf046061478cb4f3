"""What quality costs: scores against parameters, operations, activations and latency, and which networks lie on the
front, where none is at once cheaper and better."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from srbench.metrics.table import COSTS, METRICS, CostColumn
from srbench.reports.columns import ScoreColumn
from srbench.reports.comparison import TableRow
from srbench.reports.published import PublishedScore

AGAINST = tuple(COSTS[name] for name in ("params", "flops_720p", "activations_720p", "latency_ms"))
Axes = tuple[CostColumn, ScoreColumn]


@dataclass(frozen=True)
class Network:
    """A network that was scored. `label`: its model and variant, in several ablations those of each; `rows`: of the
    table; `costs` and `scores`: those that are known; `published`: what others have published of its scores, where
    that was measured in the same way."""

    label: str
    model: str
    rows: tuple[int, ...]
    costs: dict[CostColumn, float]
    scores: dict[ScoreColumn, float]
    published: dict[ScoreColumn, float]


@dataclass(frozen=True)
class TradeOffs:
    """Networks that may be compared: of one scale, on LR of one degradation, in the table's order."""

    title: str
    networks: tuple[Network, ...]

    @cached_property
    def axes(self) -> tuple[Axes, ...]:
        """The pairs of a score and a cost that two networks or more have, by score."""
        scores = dict.fromkeys(score for network in self.networks for score in network.scores)
        every = [(cost, score) for score in scores for cost in AGAINST]
        return tuple((cost, score) for cost, score in every if len(self.with_both(cost, score)) > 1)

    def with_both(self, cost: CostColumn, score: ScoreColumn) -> tuple[Network, ...]:
        """Those of which both are known."""
        return tuple(one for one in self.networks if cost in one.costs and score in one.scores)

    def front(self, cost: CostColumn, score: ScoreColumn) -> tuple[Network, ...]:
        """Those that no other one beats: cheaper and not worse, or better and not dearer; the cheapest first."""
        sign = -1 if METRICS[score.metric].higher_is_better else 1
        ordered = sorted(self.with_both(cost, score), key=lambda one: (one.costs[cost], sign * one.scores[score]))
        found: list[Network] = []
        for one in ordered:
            last = found[-1] if found else None
            if last is None or sign * one.scores[score] < sign * last.scores[score] or _equal(one, last, cost, score):
                found.append(one)
        return tuple(found)


def _equal(one: Network, other: Network, cost: CostColumn, score: ScoreColumn) -> bool:
    return (one.costs[cost], one.scores[score]) == (other.costs[cost], other.scores[score])


def trade_offs(rows: Sequence[TableRow], published: Iterable[PublishedScore]) -> tuple[TradeOffs, ...]:
    """One for each scale and degradation of which there are networks; interpolation, which costs next to nothing, is
    none."""
    groups: dict[str, dict[tuple[str, ...], list[TableRow]]] = {}
    for row in rows:
        runs = tuple(sorted(one.run.name for one in row.members if one.record))
        if runs and row.costs["params"].value and row.scale:
            groups.setdefault(row.conditions, {}).setdefault(runs, []).append(row)
    by_run: dict[str, dict[ScoreColumn, float]] = {}
    for one in published:
        by_run.setdefault(one.run, {}).update(_comparable(one))
    found = (
        TradeOffs(title, tuple(_network(runs, same, by_run.get(runs[0], {})) for runs, same in own.items()))
        for title, own in groups.items()
    )
    return tuple(one for one in found if one.axes)


def _network(runs: Sequence[str], rows: Sequence[TableRow], published: dict[ScoreColumn, float]) -> Network:
    first = rows[0]
    labels = dict.fromkeys(f"{row.model} {row.label}" if row.ablation else row.label for row in rows)
    return Network(
        label=" = ".join(labels),
        model=first.model,
        rows=tuple(row.number for row in rows),
        costs={cost: value for cost in AGAINST if (value := first.costs[cost.name].value)},
        scores={
            score: figures.mean
            for score, figures in first.scores.items()
            if score.metric in METRICS and figures.mean is not None and figures.mean != float("inf")
        },
        published=published if len(runs) == 1 else {},
    )


def _comparable(one: PublishedScore) -> Iterator[tuple[ScoreColumn, float]]:
    if one.difference is not None:
        known = {"psnr": one.published_psnr, "ssim": one.published_ssim}
        yield from ((ScoreColumn(one.dataset, name), value) for name, value in known.items() if value is not None)
