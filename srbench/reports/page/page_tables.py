"""The tables of a report as a page shows them: what a template writes down, without a decision of its own."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from io import StringIO

from srbench.core.harmless import as_cell, in_one_line
from srbench.metrics.table import METRICS, CostColumn
from srbench.reports.cells import Cell
from srbench.reports.columns import Column, DeltaColumn, ScoreColumn
from srbench.reports.footnotes import Footnotes, Notation
from srbench.reports.latex import latex_table
from srbench.reports.markdown import markdown_table
from srbench.reports.marked_table import MarkedTable
from srbench.reports.sections import Cells, Section

MOST_ROWS = 1000  # that a page shows of a table; all are in table.csv
PLAIN_NOTES = Notation(in_one_line, "{}", "{}", "")


@dataclass(frozen=True)
class Whisker:
    """An interval drawn: places from 0 to 100, of its ends, of the difference and of zero."""

    low: float
    value: float
    high: float
    zero: float


@dataclass(frozen=True)
class PageCell:
    """`notes`: numbers of footnotes; `sort`: what the column is sorted by."""

    text: str
    mark: str
    notes: tuple[int, ...]
    sort: float | str
    words: bool
    whisker: Whisker | None


@dataclass(frozen=True)
class PageRow:
    """`group`: rows of one are ranked together. The row in other forms: `markdown`, `latex` and `csv`, a line each."""

    group: int
    model: str
    scale: str
    cells: tuple[PageCell, ...]
    markdown: str
    latex: str
    csv: str


@dataclass(frozen=True)
class Heading:
    """Of a column: its title below that of its group, and the numbers of its footnotes."""

    title: str
    notes: tuple[int, ...]
    words: bool


@dataclass(frozen=True)
class Copied:
    """What stands around the rows of a table in another form, and `between` groups of them."""

    head: str
    between: str
    foot: str


@dataclass(frozen=True)
class PageTable:
    """A section. `spans`: titles of groups of columns, "" for none, and their widths; `hidden`: rows that are left out;
    `copied`: by form."""

    title: str
    facts: tuple[tuple[str, str], ...]
    spans: tuple[tuple[str, int], ...]
    headings: tuple[Heading, ...]
    rows: tuple[PageRow, ...]
    hidden: int
    notes: tuple[str, ...]
    remarks: tuple[str, ...]
    copied: dict[str, Copied]


def page_table(section: Section) -> PageTable:
    """The section with its rows in groups one after the other, and scores before costs: what is asked first."""
    number, section = sum(map(len, section.groups)), _first_rows(section)
    notes = Footnotes(PLAIN_NOTES)
    order = sorted(range(len(section.columns)), key=lambda place: _rank(section.columns[place]))
    columns = tuple(section.columns[place] for place in order)
    every = [(group, cells) for group, own in enumerate(section.groups) for cells in own]
    headings = tuple(
        Heading(_title(column), notes.numbers_of((column.note,) if column.note else ()), column.words)
        for column in columns
    )
    markdown, latex = markdown_table(section), latex_table(section)
    sizes = [[_size([cells[place] for cells in own]) for place in order] for own in section.groups]
    rows = tuple(
        PageRow(
            group=group,
            model=_named(section, cells, "model"),
            scale=_named(section, cells, "scale"),
            cells=tuple(
                _cell(cells[place], column, notes, size)
                for place, column, size in zip(order, columns, sizes[group], strict=True)
            ),
            markdown=in_markdown,
            latex=in_latex,
            csv=_csv(map(_plain, cells)),
        )
        for (group, cells), in_markdown, in_latex in zip(every, _rows(markdown), _rows(latex), strict=True)
    )
    return PageTable(
        title=section.title,
        facts=section.facts,
        spans=tuple(_spans(columns)),
        headings=headings,
        rows=rows,
        hidden=number - len(every),
        notes=tuple(notes.numbers),
        remarks=section.remarks,
        copied={
            "Markdown": _around(markdown),
            "LaTeX": _around(latex),
            "CSV": Copied(_csv(column.title for column in section.columns), "", ""),
        },
    )


def _first_rows(section: Section) -> Section:
    """With the rows that a page shows."""
    groups, left = list[tuple[Cells, ...]](), MOST_ROWS
    for group in section.groups:
        groups.append(group[:left])
        left -= len(groups[-1])
    return replace(section, groups=tuple(filter(None, groups)))


def _rows(table: MarkedTable) -> list[str]:
    return [line for group in table.groups for line in group]


def _around(table: MarkedTable) -> Copied:
    return Copied(*("\n".join(lines) for lines in (table.head, table.between, table.foot)))


def _rank(column: Column) -> int:
    match column.of:
        case CostColumn():
            return 2
        case ScoreColumn() | DeltaColumn():
            return 1
    return 0


def _dataset(column: Column) -> str:
    match column.of:
        case ScoreColumn(dataset=dataset) | DeltaColumn(ScoreColumn(dataset=dataset)):
            return dataset
    return ""


def _title(column: Column) -> str:
    """Without the data set, which stands above."""
    match column.of:
        case ScoreColumn(metric=metric):
            return METRICS[metric].heading if metric in METRICS else metric.upper()
        case DeltaColumn(ScoreColumn(metric=metric)):
            return f"Δ {METRICS[metric].heading if metric in METRICS else metric.upper()}"
    return column.title


def _spans(columns: Sequence[Column]) -> Iterator[tuple[str, int]]:
    names = [_dataset(column) for column in columns]
    begin = 0
    for place in range(1, len(names) + 1):
        if place == len(names) or names[place] != names[begin]:
            yield names[begin], place - begin
            begin = place


def _named(section: Section, cells: Cells, name: str) -> str:
    found = (cell.text for cell, column in zip(cells, section.columns, strict=True) if column.of == name)
    return next(found, "")


def _size(cells: Sequence[Cell]) -> float:
    """The furthest that one of their intervals reaches from zero."""
    return max((abs(end) for cell in cells if cell.ends for end in cell.ends), default=0.0)


def _cell(cell: Cell, column: Column, notes: Footnotes, size: float) -> PageCell:
    return PageCell(
        text=cell.text,
        mark=cell.mark,
        notes=notes.numbers_of(cell.notes),
        sort="" if cell.value is None and not column.words else cell.text if cell.value is None else cell.value,
        words=column.words,
        whisker=_whisker(cell, size),
    )


def _whisker(cell: Cell, size: float) -> Whisker | None:
    if cell.ends is None or cell.value is None or not 0 < size < float("inf"):
        return None
    low, value, high, zero = (50 + 48 * number / size for number in (cell.ends[0], cell.value, cell.ends[1], 0.0))
    return Whisker(low, value, high, zero)


def _plain(cell: Cell) -> str:
    """With all its digits."""
    return repr(cell.value) if isinstance(cell.value, float) else cell.text if cell.value is None else str(cell.value)


def _csv(texts: Iterable[str]) -> str:
    line = StringIO()
    csv.writer(line, lineterminator="").writerow([as_cell(in_one_line(text)) for text in texts])
    return line.getvalue()
