"""What trainings have found when they validated, validation.csv of every run."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from math import isfinite
from pathlib import Path

from srbench.core.regular_files import read_regular
from srbench.recipes.history import VALIDATION


@dataclass(frozen=True)
class Validated:
    """The PSNR in dB after so many steps of a stage."""

    stage: str
    step: int
    psnr: float


def read_validations(folder: Path) -> tuple[Validated, ...]:
    """Those of the run in `folder`, in the order of the file; a line that holds none is left out, and so is a file."""
    try:
        text = read_regular(folder / VALIDATION).decode(errors="replace")
    except OSError:
        return ()
    return tuple(_read(text[: text.rfind("\n") + 1]))


def _read(text: str) -> Iterator[Validated]:
    try:
        for line in csv.DictReader(StringIO(text)):
            try:
                found = Validated(line["stage"] or "", int(line["step"]), float(line["psnr"]))
            except (KeyError, TypeError, ValueError):
                continue
            if found.step >= 0 and isfinite(found.psnr):
                yield found
    except csv.Error:
        return
