"""Tables as Markdown for a README and as LaTeX for a paper."""

import re
from collections.abc import Callable, Iterable, Iterator

from pandas import DataFrame

from srbench.experiments.store.results import Study
from srbench.reports import published
from srbench.reports.provenance import header
from srbench.reports.tables import Cell, Section, sections

WORDS = ("model", "variant", "degradation", "network", "dataset", "verdict")  # columns of words stand to the left


def to_markdown(table: DataFrame, study: Study) -> str:
    """The tables of `comparison` for a README: best bold, second underlined, the reason for each gap below."""
    notes: dict[str, int] = {}
    lines = [f"# {_markdown(study.plan['study'])}", ""]
    lines += [
        f"- {name}: {f'`{value}`' if name == 'command' else _markdown(value)}" for name, value in header(table, study)
    ]
    for section in _all(table, study):
        lines += ["", f"## {_markdown(section.title)}", ""]
        lines += [f"- {key}: {_markdown(text)}" for key, text in section.facts]
        lines += ["", *_markdown_rows(section, notes)]
        lines += ["", *(f"- {_markdown(remark)}" for remark in section.remarks)] if section.remarks else []
    if notes:
        lines += ["", *(f"<sup>{number}</sup> {_markdown(note)}<br>" for note, number in notes.items())]
    return "\n".join(lines) + "\n"


def _all(table: DataFrame, study: Study) -> list[Section]:
    beside = published.section(study)
    return [*sections(table, study), *([beside] if beside else [])]


def _markdown_rows(section: Section, notes: dict[str, int]) -> Iterator[str]:
    def line(cells: Iterable[str]) -> str:
        return f"| {' | '.join(cells)} |"

    yield line(_noted(title, notes, _markdown, MARKDOWN) for title in _titles(section))
    yield line("---" if name in WORDS else "---:" for name in section.columns)
    for row in (row for group in section.groups for row in group):
        yield line(_noted(cell, notes, _markdown, MARKDOWN) for cell in row.values())


def _titles(section: Section) -> Iterator[Cell]:
    for name, title in section.columns.items():
        yield Cell(title, "", (section.notes[name],) if name in section.notes else ())


MARKDOWN = {"best": "**{}**", "second": "<u>{}</u>", "note": "<sup>{}</sup>"}


def _noted(cell: Cell, notes: dict[str, int], escape: Callable[[str], str], notation: dict[str, str]) -> str:
    """The cell's text with its mark and its footnotes' numbers; new footnotes are added to `notes`."""
    text = notation[cell.mark].format(escape(cell.text)) if cell.mark else escape(cell.text)
    numbers = [str(notes.setdefault(note, len(notes) + 1)) for note in cell.notes]
    return text + (notation["note"].format(",".join(numbers)) if numbers else "")


def _markdown(text: str) -> str:
    return re.sub(r"([\\|<*`])", r"\\\1", " ".join(str(text).split()))


LATEX = {"best": r"\textbf{{{}}}", "second": r"\underline{{{}}}", "note": r"\textsuperscript{{{}}}"}
SIGNS = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "[": "{[}",  # a row that begins with [ would be an argument of the \\ before it
    "]": "{]}",
    "–": "--",
    "…": r"\ldots{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    **{
        "×": r"$\times$",
        "±": r"$\pm$",
        "−": "$-$",
        "Δ": r"$\Delta$",
        "≈": r"$\approx$",
        "∞": r"$\infty$",
        "²": "$^2$",
        "σ": r"$\sigma$",
    },
    **{"→": r"$\rightarrow$", "≤": r"$\leq$", "≥": r"$\geq$", "<": r"\textless{}", ">": r"\textgreater{}"},
}


def to_latex(table: DataFrame, study: Study) -> str:
    r"""The same for a paper: one `table` an ablation, for \usepackage{booktabs}; the header as comments."""
    lines = [r"% \usepackage{booktabs}", f"% study: {' '.join(str(study.plan['study']).split())}"]
    lines += [f"% {name}: {' '.join(value.split())}" for name, value in header(table, study)]
    for section in _all(table, study):
        notes: dict[str, int] = {}
        lines += ["", *_latex_table(section, notes)]
    return "\n".join(lines) + "\n"


def _latex_table(section: Section, notes: dict[str, int]) -> Iterator[str]:
    facts = [section.title, *(f"{key}: {text}" for key, text in section.facts)]
    yield from (r"\begin{table}", r"\centering", rf"\caption{{{' '.join(map(_latex_sentence, facts))}}}")
    yield rf"\begin{{tabular}}{{{''.join('l' if name in WORDS else 'r' for name in section.columns)}}}"
    yield from (r"\toprule", " & ".join(_noted(title, notes, _latex, LATEX) for title in _titles(section)) + r" \\")
    for group in section.groups:
        yield r"\midrule"
        yield from (" & ".join(_noted(cell, notes, _latex, LATEX) for cell in row.values()) + r" \\" for row in group)
    yield from (r"\bottomrule", r"\end{tabular}")
    if notes or section.remarks:
        yield r"\par\footnotesize"
        yield from map(_latex_sentence, section.remarks)
    if notes:
        yield " ".join(rf"\textsuperscript{{{number}}} {_latex_sentence(note)}" for note, number in notes.items())
    yield r"\end{table}"


def _latex_sentence(text: str) -> str:
    return _latex(text) + ("" if text.endswith((".", "?", "!")) else ".")


def _latex(text: str) -> str:
    return "".join(SIGNS.get(sign, sign) for sign in " ".join(str(text).split()))
