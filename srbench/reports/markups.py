"""Text for the files of a report, in which it says what it says and does nothing: one function for each form."""

import re
import unicodedata
from textwrap import wrap

from srbench.core.harmless import in_one_line

# What could begin a link, an image, HTML, an entity, emphasis, mathematics or a cell.
MARKDOWN = re.compile(r"[\\`*<>\[\]&$|]|(?<=\])\(|!(?=\[)|~(?=~)")

LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "[": "{[}",  # a row that begins with [ would be an argument of the \\ before it
    "]": "{]}",
    "*": "{*}",  # and so would *
    "|": r"\textbar{}",
    "–": "--",
    "—": "---",
    "“": "``",
    "”": "''",
    "‘": "`",
    "’": "'",
    "…": r"\ldots{}",
    "×": r"$\times$",
    "±": r"$\pm$",
    "−": "$-$",
    "Δ": r"$\Delta$",
    "≈": r"$\approx$",
    "∞": r"$\infty$",
    "²": "$^2$",
    "σ": r"$\sigma$",
    "→": r"$\rightarrow$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "≠": r"$\neq$",
    "·": r"$\cdot$",
    "°": r"$^\circ$",
    "µ": r"$\mu$",
    "ß": r"\ss{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "ł": r"\l{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}
ACCENTS = dict(
    zip("\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327", "`'^~=u.\"rHvc", strict=True)
)
PLAIN = re.compile(r"[A-Za-z0-9.,:;+/-]{0,100}")  # most cells, which say the same in LaTeX
PIECE = 30  # letters, after which TeX may break a word
LONGEST = 120  # letters of a line in a picture or in a cell of LaTeX's


def in_markdown(text: str) -> str:
    """In a line or a cell."""
    return MARKDOWN.sub(r"\\\g<0>", in_one_line(text))


def as_code(text: str) -> str:
    """A code span in Markdown: between more backticks than stand in the text."""
    line = in_one_line(text)
    fence = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
    space = " " if line.startswith("`") or line.endswith("`") or not line.strip() else ""
    return f"{fence}{space}{line}{space}{fence}"


def in_latex(text: str) -> str:
    """In a cell or an argument, which a long line would blow up. What pdfLaTeX has no sign for is told by its number,
    `[U+65E5]`."""
    if PLAIN.fullmatch(text):
        return text
    return "".join(LATEX.get(sign) or _letter(sign) for sign in _shortened(text))


def in_breakable_latex(text: str) -> str:
    """In a paragraph, in which long words may be broken."""
    words = in_one_line(text).split(" ")
    return " ".join(r"\allowbreak{}".join(map(in_latex, wrap(word, PIECE, break_on_hyphens=False))) for word in words)


def _letter(sign: str) -> str:
    if sign.isascii():
        return sign
    base, marks = (parts := unicodedata.normalize("NFD", sign))[0], parts[1:]
    if base.isascii() and base.isalpha() and marks in ACCENTS:
        return rf"\{ACCENTS[marks]}{{{base}}}"
    return f"{{[}}U+{ord(sign):04X}{{]}}"


def in_picture(text: str) -> str:
    """In a picture, which a long line would blow up. Matplotlib must be told beside that `$` is no mathematics."""
    return _shortened(text)


def _shortened(text: str) -> str:
    line = in_one_line(text)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
