r"""A report as LaTeX, for a paper: one `table` an ablation, for \usepackage{booktabs}."""

from collections.abc import Iterable, Iterator

from srbench.core.harmless import in_one_line
from srbench.reports.footnotes import Footnotes, Notation
from srbench.reports.markups import in_latex
from srbench.reports.report import Report
from srbench.reports.sections import Section


def to_latex(report: Report) -> str:
    """Best bold, second underlined, the reasons for gaps below each table; what all of them share as comments."""
    lines = [r"% \usepackage{booktabs}", f"% study: {in_one_line(report.study)}"]
    lines += [f"% {name}: {in_one_line(value)}" for name, value in report.facts]
    for section in report.all_sections:
        lines += ["", *_table(section)]
    return "\n".join(lines) + "\n"


def _table(section: Section) -> Iterator[str]:
    notes = Footnotes(Notation(in_latex, r"\textbf{{{}}}", r"\underline{{{}}}", r"\textsuperscript{{{}}}"))
    facts = [section.title, *(f"{key}: {text}" for key, text in section.facts)]
    yield from (r"\begin{table}", r"\centering", rf"\caption{{{' '.join(map(_sentence, facts))}}}")
    yield rf"\begin{{tabular}}{{{''.join('l' if column.words else 'r' for column in section.columns)}}}"
    yield from (r"\toprule", _line(map(notes.title, section.columns)))
    for group in section.groups:
        yield r"\midrule"
        yield from (_line(map(notes.cell, row)) for row in group)
    yield from (r"\bottomrule", r"\end{tabular}")
    if notes.numbers or section.remarks:
        yield r"\par\footnotesize"
        yield from map(_sentence, section.remarks)
    if notes.numbers:
        yield " ".join(rf"\textsuperscript{{{number}}} {_sentence(note)}" for note, number in notes.numbers.items())
    yield r"\end{table}"


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _sentence(text: str) -> str:
    return in_latex(text) + ("" if text.endswith((".", "?", "!")) else ".")
