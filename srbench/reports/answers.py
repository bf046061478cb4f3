"""What a report says first: the question of each ablation with what its table answers, and the best trade-offs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from srbench.metrics.table import COSTS
from srbench.reports.cells import difference_text, figure_text
from srbench.reports.certified import told_degradations
from srbench.reports.columns import ScoreColumn
from srbench.reports.comparison import TableRow
from srbench.reports.sections import SHOWN
from srbench.reports.significance import LEVEL
from srbench.reports.tradeoffs import TradeOffs

DECIDES = COSTS["flops_720p"]  # of the trade-offs
NAMED = 6  # networks of a front that a sentence names


@dataclass(frozen=True)
class AblationAnswer:
    """`question`: as the ablation's file asks it, or its title; `sentences`: what its rows say, one a model, scale and
    setting."""

    ablation: str
    question: str
    sentences: tuple[str, ...]


def answers(rows: Sequence[TableRow], ablations: Mapping[str, Any]) -> tuple[AblationAnswer, ...]:
    """Of the ablations, in the order of the rows."""
    by_ablation: dict[str, list[TableRow]] = {}
    for row in rows:
        if row.ablation:
            by_ablation.setdefault(row.ablation, []).append(row)
    return tuple(
        AblationAnswer(name, str(about.get("question") or about.get("title", name)), tuple(_sentences(own)))
        for name, own in by_ablation.items()
        for about in [ablations.get(name, {})]
    )


def _sentences(rows: Sequence[TableRow]) -> Iterator[str]:
    groups: dict[tuple[object, ...], list[TableRow]] = {}
    for row in rows:
        groups.setdefault((row.model, row.scale, row.degradations, *row.settings.items()), []).append(row)
    for group in groups.values():
        first = group[0]
        score = next((score for score in first.scores if score.metric == SHOWN and _compared(group, score)), None)
        baseline = next((row for row in group if row.baseline), None)
        if score and baseline:
            found = _found(_compared(group, score), score, baseline.variant)
            yield f"{_named(first, rows)} on {score.dataset}: {found}"


def _named(row: TableRow, rows: Sequence[TableRow]) -> str:
    """The model with what tells its group from others of the ablation."""
    scale = [f"×{row.scale}"] if len({one.scale for one in rows}) > 1 else []
    settings = [f"{key}={value}" for key, value in row.settings.items() if len({one.settings[key] for one in rows}) > 1]
    several = len({one.degradations for one in rows}) > 1
    degraded = [f"({told_degradations(row.degradations) or 'LR not degraded'})"] if several else []
    return " ".join([row.model, *scale, *settings, *degraded])


def _compared(rows: Sequence[TableRow], score: ScoreColumn) -> list[TableRow]:
    """The variants that have a difference to the baseline, the best first."""
    found = [row for row in rows if not row.baseline and row.scores[score].delta is not None]
    return sorted(found, key=lambda row: -(row.scores[score].delta or 0))


def _found(variants: Sequence[TableRow], score: ScoreColumn, baseline: str) -> str:
    """ "4-2-1 comes out best of 4, +0.12 dB [+0.05, +0.19] against the baseline 1-1-1; 2 of 4 can be told from it."""
    best = variants[0].scores[score]
    interval = ""
    if best.delta_low is not None and best.delta_high is not None:
        interval = f" [{difference_text(best.delta_low)}, {difference_text(best.delta_high)}]"
    told = [p for row in variants if (p := row.scores[score].delta_p) is not None]
    sure = sum(p < LEVEL for p in told)
    verdict = "no interval, so no verdict" if not told else f"{sure or 'none'} of {len(told)} can be told from it"
    figures = f"{difference_text(best.delta or 0.0)} dB{interval}"
    name, count = variants[0].variant, len(variants)
    if (best.delta or 0.0) < 0:
        none = "none of its variants beats" if count > 1 else f"{name} does not beat"
        return (
            f"{none} the baseline {baseline}; {f'the nearest, {name}, has ' if count > 1 else ''}{figures}; {verdict}."
        )
    head = f"{name} comes out best of {count}" if count > 1 else name
    return f"{head}, {figures} against the baseline {baseline}; {verdict}."


def best_trade_offs(found: Sequence[TradeOffs]) -> tuple[str, ...]:
    """A sentence for each of them, on its first score."""
    return tuple(_of_front(one) for one in found if (DECIDES, one.axes[0][1]) in one.axes)


def _of_front(one: TradeOffs) -> str:
    score = one.axes[0][1]
    front, networks = one.front(DECIDES, score), one.with_both(DECIDES, score)
    named = [
        f"{n.label} ({_with_unit(score, n.scores[score])}, {n.costs[DECIDES] / DECIDES.size:.3g} G)"
        for n in front[:NAMED]
    ]
    more = f" and {len(front) - NAMED} more" if len(front) > NAMED else ""
    return (
        f"{one.title}: of {len(networks)} networks {len(front)} {'is' if len(front) == 1 else 'are'} beaten by none in "
        f"{score.dataset} {score.metric.upper()} at its FLOPs or fewer: {', '.join(named)}{more}."
    )


def _with_unit(score: ScoreColumn, value: float) -> str:
    return f"{figure_text(score.name, value)}{' dB' if score.metric == SHOWN else ''}"
