"""A report as Markdown, for a README."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from srbench.reports.footnotes import Footnotes, Notation
from srbench.reports.marked_table import MarkedTable
from srbench.reports.markups import as_code, in_markdown
from srbench.reports.report import Report
from srbench.reports.sections import Section

NOTATION = Notation(in_markdown, "**{}**", "<u>{}</u>", "<sup>{}</sup>")


def to_markdown(report: Report) -> str:
    """Best bold, second underlined, the reason for each gap below the tables."""
    notes = Footnotes(NOTATION)
    lines = [f"# {in_markdown(report.study)}", ""]
    for name, value in report.facts:
        lines.append(f"- {name}: {as_code(value) if name == 'command' else in_markdown(value)}")
    for section in report.all_sections:
        lines += ["", f"## {in_markdown(section.title)}", ""]
        lines += [f"- {in_markdown(key)}: {in_markdown(text)}" for key, text in section.facts]
        lines += ["", *_table(section, notes).lines]
        lines += ["", *(f"- {in_markdown(remark)}" for remark in section.remarks)] if section.remarks else []
    lines += _footnotes(notes)
    return "\n".join(lines) + "\n"


def markdown_table(section: Section) -> MarkedTable:
    """The table alone, with its own footnotes."""
    notes = Footnotes(NOTATION)
    table = _table(section, notes)
    return replace(table, foot=tuple(_footnotes(notes)))


def _table(section: Section, notes: Footnotes) -> MarkedTable:
    head = (
        _line(map(notes.title, section.columns)),
        _line("---" if column.words else "---:" for column in section.columns),
    )
    groups = tuple(tuple(_line(map(notes.cell, row)) for row in group) for group in section.groups)
    return MarkedTable(head, groups, (), ())


def _footnotes(notes: Footnotes) -> Iterator[str]:
    if notes.numbers:
        yield ""
        yield from (f"<sup>{number}</sup> {in_markdown(note)}<br>" for note, number in notes.numbers.items())


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
