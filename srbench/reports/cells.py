"""One place of a table for people: rounded, with its unit, its mark, and the reasons for what is missing in it."""

from dataclasses import dataclass, replace
from typing import Literal

from srbench.metrics.table import ALL_COSTS, METRICS, CostColumn
from srbench.reports.certified import told_degradations
from srbench.reports.columns import Column, DeltaColumn, ScoreColumn, SettingColumn
from srbench.reports.comparison import TableRow
from srbench.reports.row_costs import Figure
from srbench.reports.row_scores import ScoreFigures
from srbench.reports.significance import LEVEL

Mark = Literal["", "best", "second"]
ABSENT = "–"
DECIMALS = 4  # of a metric that is not in the table of metrics


@dataclass(frozen=True)
class Cell:
    """`notes`: the reasons for what is missing, or what to know of it, for footnotes. `value`: the number that the text
    rounds, None for words; `ends`: of its interval."""

    text: str
    mark: Mark = ""
    notes: tuple[str, ...] = ()
    value: float | None = None
    ends: tuple[float, float] | None = None


def cell_of(row: TableRow, column: Column, mark: Mark) -> Cell:
    """The row's figure in the column; `mark` where it is a score."""
    match column.of:
        case ScoreColumn() as score:
            return _score(row.scores[score], score, mark, _notes(row, score.dataset))
        case DeltaColumn(score):
            return _delta(row.scores[score], row.baseline)
        case CostColumn(name=name, size=size):
            return _figure(row.costs[name], size)
        case SettingColumn(key):
            return Cell(row.settings[key])
        case name:
            return _property(row, name)


def _property(row: TableRow, name: str) -> Cell:
    if name == "variant":
        return Cell(f"{row.variant} (baseline)" if row.baseline else row.variant, "", row.absent)
    if name == "model":
        return Cell(row.model, "", row.remarks)
    if name == "ntire_score":
        cell = _figure(row.ntire or Figure(), 1)
        return replace(cell, text=f"{cell.text} (unranked)") if row.below_floor else cell
    texts = {
        "scale": "" if row.scale is None else f"×{row.scale}",
        "degradation": told_degradations(row.degradations) or "none",
        "seeds": str(row.seeds),
    }
    return Cell(texts[name], value={"scale": row.scale, "seeds": row.seeds}.get(name))


def _figure(figure: Figure, size: float) -> Cell:
    if figure.value is None:
        return _absent(figure.reason)
    text = "∞" if figure.value == float("inf") else _three_digits(figure.value / size)
    return Cell(text, "", (figure.note,) if figure.note else (), figure.value)


def _absent(reason: str) -> Cell:
    return Cell(ABSENT, "", (reason,)) if reason else Cell("")


def _notes(row: TableRow, dataset: str) -> tuple[str, ...]:
    tiled = row.tiled.get(dataset, ())
    return (*tiled, row.partial[dataset]) if dataset in row.partial else tiled


def _score(score: ScoreFigures, column: ScoreColumn, mark: Mark, notes: tuple[str, ...]) -> Cell:
    if score.mean is None:
        return _absent(score.reason)
    places = _places(column.metric)
    deviation = "" if score.std is None else f" ± {score.std:.{places}f}"
    return Cell(_signed(score.mean, f".{places}f") + deviation, mark, notes, score.mean)


def _delta(score: ScoreFigures, baseline: bool) -> Cell:
    """With its interval, marked where it cannot be told from none; or with the reason why it has no interval."""
    if score.delta is None:
        return _absent(score.delta_reason)
    text = difference_text(score.delta)
    if baseline:
        return Cell(text, value=score.delta)
    if score.delta_p is None or score.delta_low is None or score.delta_high is None:
        return Cell(text, "", (f"no interval: {score.interval_reason}",), score.delta)
    ends = f"[{difference_text(score.delta_low)}, {difference_text(score.delta_high)}]"
    told = f"{'≈ ' if score.delta_p >= LEVEL else ''}{text} {ends}"
    return Cell(told, value=score.delta, ends=(score.delta_low, score.delta_high))


def figure_text(name: str, value: float) -> str:
    """A loss, a score (`set5.psnr`) or a cost by its name, with its unit."""
    if cost := ALL_COSTS.get(name):
        return f"{_three_digits(value / cost.size)} {cost.unit}".strip()
    _, dot, metric = name.partition(".")
    return _signed(value, f".{_places(metric)}f" if dot else "#.4g")


def printed_value(score: ScoreFigures, column: ScoreColumn) -> float | None:
    """The mean as it is printed."""
    return None if score.mean is None else round(score.mean, _places(column.metric))


def _places(metric: str) -> int:
    return METRICS[metric].decimals if metric in METRICS else DECIMALS


def difference_text(value: float, places: int = 3) -> str:
    """ "+0.120", "−0.003"; never −0.000."""
    return _signed(round(value, places) + 0.0, f"+.{places}f")


def _signed(value: float, form: str) -> str:
    return "∞" if value == float("inf") else format(value, form).replace("-", "−")


def _three_digits(value: float) -> str:
    """1592.0 → 1,592; 24.34 → 24.3; 0.0123 → 0.0123."""
    places = next((places for limit, places in ((99.95, 0), (9.995, 1), (0.9995, 2)) if value >= limit), None)
    return f"{value:,.{places}f}" if places is not None else f"{value:.3g}"
