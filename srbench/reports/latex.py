r"""A report as LaTeX, for a paper: one `table` an ablation, for \usepackage{booktabs,graphicx}."""

from collections.abc import Iterable, Iterator

from srbench.core.harmless import in_one_line
from srbench.reports.footnotes import Footnotes, Notation
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
        lines += ["", *([r"\clearpage"] if number and number % MOST_FLOATS == 0 else []), *_table(section)]
    return "\n".join(lines) + "\n"


def _table(section: Section) -> Iterator[str]:
    notes = Footnotes(Notation(in_latex, r"\textbf{{{}}}", r"\underline{{{}}}", r"\textsuperscript{{{}}}"))
    facts = [section.title, *(f"{key}: {text}" for key, text in section.facts)]
    yield from (r"\begin{table}", r"\centering", rf"\caption{{{' '.join(map(_sentence, facts))}}}")
    yield r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
    yield rf"\begin{{tabular}}{{{''.join('l' if column.words else 'r' for column in section.columns)}}}"
    yield from (r"\toprule", _line(map(notes.title, section.columns)))
    for group in section.groups:
        yield r"\midrule"
        yield from (_line(map(notes.cell, row)) for row in group)
    yield from (r"\bottomrule", r"\end{tabular}}")
    if notes.numbers or section.remarks:
        yield r"\par\footnotesize"
        yield from map(_sentence, section.remarks)
    if notes.numbers:
        yield " ".join(rf"\textsuperscript{{{number}}} {_sentence(note)}" for note, number in notes.numbers.items())
    yield r"\end{table}"


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _sentence(text: str) -> str:
    return in_breakable_latex(text) + ("" if text.endswith((".", "?", "!")) else ".")
