"""What others have published of the runs of a sweep, beside what was measured, as a table for people."""

from collections.abc import Iterator, Mapping, Sequence

from srbench.experiments.store.published_figures import PublishedRun, PublishedRuns
from srbench.experiments.store.stated_claims import FINAL_LOSS, is_known
from srbench.metrics.table import ALL_COSTS, COSTS, MORE_COSTS
from srbench.reports.cells import ABSENT, Cell, figure_text
from srbench.reports.columns import Column, ScoreColumn
from srbench.reports.comparison import TableRow
from srbench.reports.sections import Cells, Section
from srbench.reports.trained_on import shortened

COLUMNS = (
    Column("run", "Run", words=True),
    Column("figure", "Figure", words=True),
    Column("published", "Published"),
    Column("measured", "Measured"),
)


def sections_of_published_runs(published: Mapping[str, PublishedRuns], rows: Sequence[TableRow]) -> tuple[Section, ...]:
    """One a sweep, in it a group a run with figures, a row a figure. Runs that are not in the study are left out."""
    found = []
    for sweep, told in published.items():
        own = [(told.runs[row.variant], row) for row in rows if row.ablation == sweep and row.variant in told.runs]
        groups = tuple(group for run, row in own if (group := tuple(_rows(run, row))))
        if groups:
            title = "Published figures beside measured"
            found.append(Section(title, (("Source", told.source),), COLUMNS, groups))
    return tuple(found)


def _rows(run: PublishedRun, row: TableRow) -> Iterator[Cells]:
    records = [one.record for one in row.members if one.record]
    for place, (name, value) in enumerate(run.figures.items()):
        label = Cell("" if place else row.label, "", (run.note,) if run.note and not place else ())
        measured, short = _measured(name, row), shortened(records)
        untrained = name in COSTS | MORE_COSTS  # the same whatever was trained
        notes = (short,) if short and measured is not None and not untrained else ()
        text = ABSENT if measured is None else _digits(name, measured)
        yield (label, Cell(name), Cell(_digits(name, value)), Cell(text, "", notes))


def _measured(name: str, row: TableRow) -> float | None:
    dataset, _, metric = name.partition(".")
    if metric:
        figures = row.scores.get(ScoreColumn(dataset, metric))
        return figures.mean if figures else None
    figure = row.costs.get(name)
    return row.final_loss if name == FINAL_LOSS else figure.value if figure else None


def _digits(name: str, value: float) -> str:
    """All digits of a count, which a unit would round."""
    cost = ALL_COSTS.get(name)
    if cost and cost.whole:
        return f"{value:,.0f}"
    return figure_text(name, value) if is_known(name) else f"{value:g}"
