"""The scores of single images, scores.csv: written by one run, read back by it, and of a whole study as one frame."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO, StringIO
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from srbench.core.errors import UserError, first_line
from srbench.core.files import write_file
from srbench.core.harmless import as_cell, from_cell
from srbench.core.regular_files import is_plain_name, read_regular
from srbench.metrics.table import ALWAYS, METRICS

if TYPE_CHECKING:  # pandas takes half a second to import, which a run does not need
    from pandas import DataFrame

FILE = "scores.csv"
ABOUT = ("dataset", "image", "protocol", "resizer", "sr_sha256")  # columns of text


@dataclass(frozen=True)
class ImageRow:
    """A line: `scores` by metric, NaN for what is no number; `protocol` and `resizer` for people, of the data set's
    certificate; `sr_sha256`: the `image_digest` of SR."""

    dataset: str
    image: str
    scores: dict[str, float] = field(hash=False)
    protocol: str
    resizer: str
    sr_sha256: str

    def joined(self, other: "ImageRow") -> "ImageRow":
        """`other`, of the same image, with these scores besides."""
        return replace(other, scores={**self.scores, **other.scores})


def sr_file(folder: Path, row: ImageRow) -> Path:
    """Where a run keeps the SR image of a row."""
    return folder / "images" / row.dataset / f"{row.image}.png"


def write_rows(folder: Path, rows: Iterable[ImageRow]) -> None:
    """Replaces the run's scores.csv in one step. The usual metrics have a column each, others where they are there."""
    lines = list(rows)
    metrics = [*ALWAYS, *(name for name in METRICS if name not in ALWAYS and any(name in x.scores for x in lines))]
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["dataset", "image", *metrics, "protocol", "resizer", "sr_sha256"])
    for line in lines:
        scores = (f"{line.scores[name]:.9g}" if name in line.scores else "" for name in metrics)
        dataset, image, *about = map(as_cell, (line.dataset, line.image, line.protocol, line.resizer))
        writer.writerow([dataset, image, *scores, *about, line.sr_sha256])
    write_file(folder / FILE, text.getvalue().encode())


def read_rows(folder: Path) -> tuple[ImageRow, ...]:
    """The run's scores.csv, in its order. UserError where there is none, or a line lacks its data set or image."""
    path = folder / FILE
    try:
        file = StringIO(read_regular(path).decode(), newline="")
        lines = [{key: text for key, text in line.items() if key and text} for line in csv.DictReader(file)]
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read: {first_line(error)}") from error
    if not all({"dataset", "image", "protocol"} <= set(line) for line in lines):
        raise UserError(f"{path}: cannot be read: a line lacks its data set, image or protocol")
    rows = tuple(_row(line) for line in lines)
    if not all(is_plain_name(row.dataset) and is_plain_name(f"{row.image}.png") for row in rows):
        raise UserError(f"{path}: cannot be read: a line names a place outside its run")
    return rows


def _row(line: dict[str, str]) -> ImageRow:
    about = {name: from_cell(line.get(name, "")) for name in ABOUT}
    return ImageRow(scores={name: _number(text) for name, text in line.items() if name not in ABOUT}, **about)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return nan


def score_frame(folders: Sequence[Path]) -> "DataFrame":
    """The scores of the runs in `folders`, run by run: `run` (categorical: the folders' names), `dataset`, `image`, and
    a column a metric, NaN where it was not computed. A line that was cut off is left out, and so is a file that is
    none."""
    import pandas as pd

    names = [folder.name for folder in folders]
    bodies: dict[bytes, list[bytes]] = {}
    for number, folder in enumerate(folders):
        header, _, body = _content(folder / FILE).partition(b"\n")
        cut_off = body.count(b'"') % 2  # within a name in quotation marks
        if body and not cut_off and _is_header(header):
            # One parser call serves all files of a header, five times as fast as one a file: each line tells its run.
            bodies.setdefault(header, []).append(b"%d," % number + body.replace(b"\n", b"\n%d," % number) + b"\n")
    frames = [frame for header, files in bodies.items() for frame in _frames(header.decode().split(","), files, names)]
    if len(frames) == 1:
        return frames[0]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["run", "dataset", "image"])


def _content(path: Path) -> bytes:
    try:
        return read_regular(path).replace(b"\r", b"").rstrip(b"\n")
    except OSError:
        return b""


def _is_header(header: bytes) -> bool:
    """Whether it names the columns of a scores.csv, each once."""
    names = header.split(b",")
    return {b"dataset", b"image"} <= set(names) and len(set(names)) == len(names) and header.isascii()


def _frames(header: list[str], files: list[bytes], runs: list[str]) -> Iterator["DataFrame"]:
    try:
        yield _parsed(header, b"".join(files), runs)
    except ValueError:  # one of them is no CSV; the others are read without it
        for file in files if len(files) > 1 else ():
            yield from _frames(header, [file], runs)


def _parsed(header: list[str], body: bytes, runs: list[str]) -> "DataFrame":
    import pandas as pd

    metrics = [name for name in header if name not in ABOUT]
    table = pd.read_csv(
        BytesIO(body),
        names=["number", *header],
        usecols=["number", "dataset", "image", *metrics],
        dtype={"dataset": str, "image": str},  # "category" would make numbers of names like 0801
        keep_default_na=False,  # an image may be called NA
        na_values={name: ["", "nan"] for name in metrics},
        on_bad_lines="skip",
        encoding_errors="replace",
    )
    run = pd.Categorical.from_codes(np.asarray(table.number), categories=pd.Index(runs, dtype=str))
    return (
        table[["dataset", "image"]]
        .astype("category")
        .assign(run=run, **table[metrics].apply(pd.to_numeric, errors="coerce"))
    )
