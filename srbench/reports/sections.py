"""The tables for people, one an ablation: columns, rows of cells in groups, what they rest on.

Best and second are ranked as printed, so that equal figures share a mark.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from pandas import DataFrame

from srbench.metrics.table import ALL_COSTS, METRICS, ROUTED_COSTS, CostColumn
from srbench.reports.cells import Cell, Mark, cell_of, printed_value
from srbench.reports.columns import Column, DeltaColumn, ScoreColumn, SettingColumn
from srbench.reports.comparison import TableRow
from srbench.reports.ntire_score import NTIRE_TITLE
from srbench.reports.remarks import remarks
from srbench.reports.row_costs import NOT_MEASURED
from srbench.reports.rows import BICUBIC, DEGRADATION, STUDY

Cells = tuple[Cell, ...]  # of a row, one a column
BEST: tuple[Mark, ...] = ("best", "second")
SHOWN_COSTS = tuple(
    ALL_COSTS[name]
    for name in (
        *("params", "params_frozen", "params_dead", "flops_720p", "flops_256", "activations_720p", "activations_256"),
        *("conv_activations_720p", "conv_activations_256", "latency_ms", *ROUTED_COSTS),
    )
)
SHOWN = "psnr"  # the metric whose deltas are shown; a CSV has those of all


@dataclass(frozen=True)
class Section:
    """A table: its title, facts (question, source, baselines), columns, rows in groups, and remarks.

    The facts stand above the rows; the remarks, on what is in them, below.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    columns: tuple[Column, ...]
    groups: tuple[tuple[Cells, ...], ...]
    remarks: tuple[str, ...] = ()


def sections_of(rows: Sequence[TableRow], ablations: Mapping[str, Any], certain: DataFrame) -> tuple[Section, ...]:
    """One section an ablation, in the order of the rows; `certain` are the lines of `certainty`.

    Rows stand by degradation of LR, and on top of each the bicubic row for the same LR.
    """
    by_ablation: dict[str, list[TableRow]] = {}
    for row in rows:
        by_ablation.setdefault(row.ablation, []).append(row)
    bicubic = [row for row in by_ablation.get("", []) if row.model == BICUBIC]
    compared = {score for row in rows for score, figures in row.scores.items() if figures.delta is not None}
    shown = certain[certain.metric == SHOWN]
    parts = []
    for ablation, own in by_ablation.items():
        if ablation == "" and len(own) == len(bicubic) < len(rows):
            continue  # the reference stands in every ablation already
        lr = {(row.scale, row.degradations) for row in own}
        top = [row for row in bicubic if (row.scale, row.degradations) in lr]
        ranked = own if ablation else [row for row in own if row.model != BICUBIC]
        columns = tuple(_columns([*top, *ranked], compared))
        about = ablations.get(ablation, {})
        title = str(about.get("title", ablation)) if ablation else "Runs outside ablations"
        told = remarks(shown[shown.ablation == ablation])
        parts.append(Section(title, _facts(about, ranked), columns, tuple(_groups(top, ranked, columns)), told))
    return tuple(parts)


def _facts(about: Mapping[str, Any], rows: Sequence[TableRow]) -> tuple[tuple[str, str], ...]:
    baselines = dict.fromkeys(f"{row.model} {row.variant}" for row in rows if row.baseline)
    named = {"Question": about.get("question"), "Source": about.get("source"), "Baseline": ", ".join(baselines)}
    return tuple((key, str(text)) for key, text in named.items() if text)


def _columns(rows: Sequence[TableRow], compared: Set[ScoreColumn]) -> Iterator[Column]:
    """Those with a value or a gap to explain; deltas of the metric SHOWN only."""
    yield from (
        Column("model", "Model", words=True),
        Column("variant", "Variant", words=True),
        Column("scale", "Scale"),
    )
    if any(row.degradations for row in rows):
        yield Column("degradation", "Degradation", words=True)
    # The degradation as recorded stands in place of its override, which may be spelled in several ways.
    for key in rows[0].settings:
        if key != DEGRADATION:
            yield Column(SettingColumn(key), "Study" if key == STUDY else key, words=key == STUDY)
    if any(row.seeds > 1 for row in rows):
        yield Column("seeds", "Seeds")
    yield from (
        Column(cost, f"{cost.title} ({cost.unit})", note=cost.caveat) for cost in SHOWN_COSTS if _tells(cost, rows)
    )
    if rows[0].ntire:
        yield Column("ntire_score", NTIRE_TITLE)
    for score in rows[0].scores:
        known = METRICS.get(score.metric)
        title = f"{score.dataset} {known.heading if known else score.metric.upper()}"
        yield Column(score, title, note=known.caveat if known else "")
        if score.metric == SHOWN and score in compared and any(row.ablation for row in rows):
            yield Column(DeltaColumn(score), f"{score.dataset} Δ PSNR")


def _tells(cost: CostColumn, rows: Sequence[TableRow]) -> bool:
    """Whether a column that most tables can do without has something to tell in this one."""
    figures = [row.costs[cost.name] for row in rows]
    match cost.name:
        case "params_dead":
            unknown = any(row.seeds and row.costs[cost.name].reason not in ("", NOT_MEASURED) for row in rows)
            return unknown or any(figure.value for figure in figures)
        case "params_frozen":  # 24 of a mean shift do not show beside a network's
            return any(1000 * (row.costs[cost.name].value or 0) > (row.costs["params"].value or 0) for row in rows)
        case name if name == "activations_256" or name in ROUTED_COSTS:
            return any(figure.value is not None for figure in figures)
        case "conv_activations_720p" | "conv_activations_256":
            alike = cost.name.removeprefix("conv_")
            pairs = [(row.costs[cost.name].value, row.costs[alike].value) for row in rows]
            return any(
                own is not None and (all_of is None or 1000 * abs(all_of - own) > all_of) for own, all_of in pairs
            )
    return True


def _groups(
    top: Sequence[TableRow], ranked: Sequence[TableRow], columns: Sequence[Column]
) -> Iterator[tuple[Cells, ...]]:
    """By degradation the reference, and the rows by scale, in an ablation also by model."""
    for degradations in dict.fromkeys(row.degradations for row in [*top, *ranked]):
        if reference := [row for row in top if row.degradations == degradations]:
            yield tuple(_cells(row, columns, {}) for row in reference)
        groups: dict[tuple[str, int | None], list[TableRow]] = {}
        for row in ranked:
            if row.degradations == degradations:
                groups.setdefault((row.model if row.ablation else "", row.scale), []).append(row)
        for group in groups.values():
            marks = _marks(group)
            yield tuple(_cells(row, columns, marks) for row in group)


def _cells(row: TableRow, columns: Iterable[Column], marks: Mapping[Hashable, Mark]) -> Cells:
    return tuple(cell_of(row, column, marks.get((row.number, column.of), "")) for column in columns)


def _marks(rows: Sequence[TableRow]) -> dict[Hashable, Mark]:
    """By row and score the best and second best value, as printed; none where all are equal."""
    marks = dict[Hashable, Mark]()
    for score in rows[0].scores:
        if score.metric in METRICS:
            printed = [(row.number, printed_value(row.scores[score], score)) for row in rows]
            known = {value for _, value in printed if value is not None}
            best_first = sorted(known, reverse=METRICS[score.metric].higher_is_better)
            places = dict(zip(best_first, BEST, strict=False)) if len(best_first) > 1 else {}
            marks |= {(number, score): places[value] for number, value in printed if value in places}
    return marks
