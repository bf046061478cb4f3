"""Text that somebody else may have written (names, titles, commands, errors, paths), made harmless to show.

Here is what all forms share, and the forms of the terminal and of spreadsheets; those of a report are in
`reports.markups`.
"""

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it takes half a second to import
    from pandas import DataFrame

# Control characters, those that turn or hide what stands beside them, halves of characters, ends of lines.
HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
FORMULA = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "'",
    "＝",
    "＋",
    "－",
    "＠",
)  # by which a spreadsheet knows one, and what is put before it


def in_one_line(text: str) -> str:
    r"""The text as one line in which nothing is hidden: a tab or the end of a line is a space, and what else cannot be
    seen is spelled, `\u202e`."""
    return visible(" ".join(text.split()))


def visible(text: str) -> str:
    r"""The text with all that cannot be seen spelled as in Python, the ends of lines too: `\x1b`, `\n`."""
    if text.isprintable():  # as nothing of a category above is
        return text
    return "".join(_spelled(sign) if unicodedata.category(sign) in HIDDEN else sign for sign in text)


def _spelled(sign: str) -> str:
    return sign.encode("unicode_escape").decode()


def as_cell(text: str) -> str:
    """For a spreadsheet, that would compute what begins like a formula: with ' before it. Numbers stay numbers."""
    return f"'{text}" if text.startswith(FORMULA) and not _is_number(text) else text


def from_cell(text: str) -> str:
    """What `as_cell` was given."""
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA) else text


def cells_of(table: "DataFrame") -> "DataFrame":
    """The table, its texts `as_cell`."""
    return table.map(lambda value: as_cell(value) if isinstance(value, str) else value)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.isprintable()
