"""Text for the files of a report, in which it says what it says and does nothing: one function for each form."""

import re

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
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}
LONGEST = 120  # letters of a line in a picture


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
    """In a line, a cell or an argument."""
    return "".join(LATEX.get(sign, sign) for sign in in_one_line(text))


def in_picture(text: str) -> str:
    """In a picture, which a long line would blow up. Matplotlib must be told beside that `$` is no mathematics."""
    line = in_one_line(text)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
