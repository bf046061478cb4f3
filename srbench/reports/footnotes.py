"""Cells with the numbers of their footnotes, in the notation of a markup."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from srbench.reports.cells import Cell
from srbench.reports.columns import Column


@dataclass(frozen=True)
class Notation:
    """How a markup escapes text, and writes the best and the second best figure and a note's number, each with {} for
    the text."""

    escape: Callable[[str], str]
    best: str
    second: str
    note: str


class Footnotes:
    """Numbers footnotes as they come, each text once."""

    def __init__(self, notation: Notation) -> None:
        self.notation = notation
        self.numbers: dict[str, int] = {}

    def cell(self, cell: Cell) -> str:
        """The cell's text with its mark and its footnotes' numbers."""
        text = self.notation.escape(cell.text)
        if cell.mark:
            text = getattr(self.notation, cell.mark).format(text)
        numbers = ",".join(map(str, self.numbers_of(cell.notes)))
        return text + (self.notation.note.format(numbers) if numbers else "")

    def numbers_of(self, notes: Iterable[str]) -> tuple[int, ...]:
        """Those of these notes."""
        return tuple(self.numbers.setdefault(note, len(self.numbers) + 1) for note in notes)

    def title(self, column: Column) -> str:
        """The column's title, likewise."""
        return self.cell(Cell(column.title, "", (column.note,) if column.note else ()))
