r"""A report as LaTeX, for a paper: one `table` an ablation, for \usepackage{booktabs,graphicx}."""

from collections.abc import Iterable

from srbench.core.harmless import in_one_line
from srbench.reports.footnotes import Footnotes, Notation
from srbench.reports.marked_table import MarkedTable
from srbench.reports.markups import in_breakable_latex, in_latex
from srbench.reports.report import Report
from srbench.reports.sections import Section

MOST_FLOATS = 18  # tables that every LaTeX can hold until a page has room for them


def to_latex(report: Report) -> str:
    """Best bold, second underlined, the reasons for gaps below each table; what all of them share as comments. A table
    that is wider than the text is made as wide as it."""
    lines = [r"% \usepackage{booktabs,graphicx}", f"% study: {in_one_line(report.study)}"]
    lines += [f"% {name}: {in_one_line(value)}" for name, value in report.facts]
    for number, section in enumerate(report.all_sections):
        lines += ["", *([r"\clearpage"] if number and number % MOST_FLOATS == 0 else []), *latex_table(section).lines]
    return "\n".join(lines) + "\n"


def latex_table(section: Section) -> MarkedTable:
    """A `table` of its own, with its own footnotes."""
    notes = Footnotes(Notation(in_latex, r"\textbf{{{}}}", r"\underline{{{}}}", r"\textsuperscript{{{}}}"))
    facts = [section.title, *(f"{key}: {text}" for key, text in section.facts)]
    head = (
        *(r"\begin{table}", r"\centering", rf"\caption{{{' '.join(map(_sentence, facts))}}}"),
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{{''.join('l' if column.words else 'r' for column in section.columns)}}}",
        *(r"\toprule", _line(map(notes.title, section.columns))),
    )
    groups = tuple(tuple(_line(map(notes.cell, row)) for row in group) for group in section.groups)
    foot = [r"\bottomrule", r"\end{tabular}}"]
    if notes.numbers or section.remarks:
        foot += [r"\par\footnotesize", *map(_sentence, section.remarks)]
    if notes.numbers:
        told = (rf"\textsuperscript{{{number}}} {_sentence(note)}" for note, number in notes.numbers.items())
        foot.append(" ".join(told))
    return MarkedTable(head, groups, (r"\midrule",), (*foot, r"\end{table}"))


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _sentence(text: str) -> str:
    return in_breakable_latex(text) + ("" if text.endswith((".", "?", "!")) else ".")
