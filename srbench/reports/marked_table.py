"""A table in a markup, in parts: others put rows of it in another order, or leave some out."""

from dataclasses import dataclass


@dataclass(frozen=True)
class MarkedTable:
    """Lines: the `head`, the rows in their `groups`, `between` two groups (and before the first), and the `foot`."""

    head: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    between: tuple[str, ...]
    foot: tuple[str, ...]

    @property
    def lines(self) -> list[str]:
        """Of the whole table."""
        rows = [line for group in self.groups for line in (*self.between, *group)]
        return [*self.head, *rows, *self.foot]
