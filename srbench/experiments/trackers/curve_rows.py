"""The rows of losses.csv and validation.csv as a logger takes them: numbers by name, at steps that never go back."""

import csv
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

PREFIXES = {"losses.csv": "", "validation.csv": "validation/"}  # of the names of the columns
PLACES = ("stage", "step", "epoch")


@dataclass(frozen=True)
class ToldRow:
    """A row that a logger was told, by its place; `step` begins anew in each stage."""

    stage: str
    step: int


@dataclass(frozen=True)
class CurveRow:
    """`step` begins anew in each stage; `total` is that of the stages before and this."""

    stage: str
    step: int
    total: int
    values: dict[str, float]


class CurveRows:
    """Reads on where it stopped, from `told` on: the last row that was told of each file.

    A file without a column `stage` is one stage.
    """

    def __init__(self, folder: Path, told: Mapping[str, ToldRow]) -> None:
        self.folder, self.told = folder, told
        self.readers: dict[str, csv.DictReader[str]] = {}
        self.files = ExitStack()
        self.begins = {"": 0}
        self.end = 0

    def unread(self, name: str) -> Iterator[CurveRow]:
        """What the file holds beyond what was read of it before; losses.csv first, which says how long a stage is."""
        if name not in self.readers:
            if not (self.folder / name).is_file():
                return
            self.readers[name] = csv.DictReader(
                self.files.enter_context((self.folder / name).open(newline="", encoding="utf-8"))
            )
        for row in self.readers[name]:
            stage, step = row.get("stage", ""), int(row["step"])
            total = self.begins.setdefault(stage, self.end) + step
            if name == "losses.csv":
                self.end = total
            if not self._is_told(name, total):
                values = {PREFIXES[name] + key: value for key, value in _numbers(row).items()}
                yield CurveRow(stage, step, total, values)

    def close(self) -> None:
        """Closes the files."""
        self.files.close()

    def _is_told(self, name: str, total: int) -> bool:
        if name not in self.told:
            return False
        last = self.told[name]
        # The row is of an earlier stage than the last that was told, where that stage has not come yet.
        return last.stage not in self.begins or total <= self.begins[last.stage] + last.step


def _numbers(row: Mapping[str, str]) -> dict[str, float]:
    """The columns that hold a number, those apart that say where the row belongs."""
    found = {}
    for key, text in row.items():
        if key not in PLACES:
            try:
                found[key] = float(text)
            except ValueError:
                continue
    return found
