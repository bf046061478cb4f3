"""A report as Markdown, for a README."""

from collections.abc import Iterable, Iterator

from srbench.reports.footnotes import Footnotes, Notation
from srbench.reports.markups import as_code, in_markdown
from srbench.reports.report import Report
from srbench.reports.sections import Section


def to_markdown(report: Report) -> str:
    """Best bold, second underlined, the reason for each gap below the tables."""
    notes = Footnotes(Notation(in_markdown, "**{}**", "<u>{}</u>", "<sup>{}</sup>"))
    lines = [f"# {in_markdown(report.study)}", ""]
    for name, value in report.facts:
        lines.append(f"- {name}: {as_code(value) if name == 'command' else in_markdown(value)}")
    for section in report.all_sections:
        lines += ["", f"## {in_markdown(section.title)}", ""]
        lines += [f"- {in_markdown(key)}: {in_markdown(text)}" for key, text in section.facts]
        lines += ["", *_table(section, notes)]
        lines += ["", *(f"- {in_markdown(remark)}" for remark in section.remarks)] if section.remarks else []
    if notes.numbers:
        lines += ["", *(f"<sup>{number}</sup> {in_markdown(note)}<br>" for note, number in notes.numbers.items())]
    return "\n".join(lines) + "\n"


def _table(section: Section, notes: Footnotes) -> Iterator[str]:
    yield _line(map(notes.title, section.columns))
    yield _line("---" if column.words else "---:" for column in section.columns)
    for row in (row for group in section.groups for row in group):
        yield _line(map(notes.cell, row))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
