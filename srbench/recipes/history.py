"""losses.csv and validation.csv: what they hold when a training begins or goes on, and what is read of them."""

import csv
import logging
import math
from collections.abc import Collection, Sequence
from io import StringIO
from pathlib import Path

from srbench.core.files import naming, write_file

log = logging.getLogger(__name__)

LOSSES = "losses.csv"
VALIDATION = "validation.csv"
LOSS_COLUMNS = ("stage", "step", "epoch", "loss")
GRADIENT_NORM = "gradient_norm"  # the column behind the parts of the loss; with a suffix for a critic's
VALIDATION_COLUMNS = ("stage", "step", "psnr")


def begin(
    path: Path, columns: Sequence[str], parts: Sequence[str], finished: Collection[str], stage: str, step: int
) -> list[str]:
    """Keeps the rows of the `finished` stages and those of `stage` up to `step`; the others are computed again.

    Returns the columns that the file then has: `columns`, those that rows of it fill beside them, and `parts`; norms of
    gradients come last.
    """
    rows = [row for row in _rows(path) if _is_kept(row, finished, stage, step)]
    filled = [name for row in rows for name, value in row.items() if value]
    names = sorted(dict.fromkeys([*columns, *filled, *parts]), key=is_norm)
    text = StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    write_file(path, text.getvalue().encode())
    return names


def is_norm(column: str) -> bool:
    """Whether it holds norms of gradients; no term of a loss may be called so."""
    return column.startswith(GRADIENT_NORM)


def append(path: Path, lines: Sequence[Sequence[str]]) -> None:
    """Adds rows at the end."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.writelines(",".join(line) + "\n" for line in lines)
    except OSError as error:
        raise naming(error, path) from None


def final_loss(path: Path, stage: str) -> float:
    """The mean loss of the last fiftieth of the stage's rows."""
    losses = [float(row["loss"]) for row in _rows(path) if row["stage"] == stage]
    last = losses[-max(1, len(losses) // 50) :]
    return sum(last) / len(last)


def _rows(path: Path) -> list[dict[str, str]]:
    """Without those that are none: cut off as they were written, or damaged; of a file with other columns, none."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    header, *lines = text.split("\n")[:-1] or [""]
    names = header.split(",")
    ours = {"stage", "step"} <= set(names) and len(set(names)) == len(names)
    cells = [line.split(",") for line in lines] if ours else []
    rows = [dict(zip(names, values, strict=True)) for values in cells if len(values) == len(names)]
    whole = [row for row in rows if _is_whole(row)]
    if len(whole) < len(lines):
        log.warning("%s: %d rows that cannot be read are left out", path, len(lines) - len(whole))
    return whole


def _is_whole(row: dict[str, str]) -> bool:
    try:
        numbers = [float(value) for name, value in row.items() if name != "stage" and value]
    except ValueError:
        return False
    return bool(row["stage"]) and row["step"].isdecimal() and all(map(math.isfinite, numbers))


def _is_kept(row: dict[str, str], finished: Collection[str], stage: str, step: int) -> bool:
    return row["stage"] in finished or (row["stage"] == stage and int(row["step"]) <= step)
