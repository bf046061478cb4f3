"""The logged training steps of a study, losses.csv of every run, as one frame."""

from collections.abc import Sequence
from io import BytesIO
from math import inf
from pathlib import Path

import numpy as np
import pandas as pd
from pandas import DataFrame

from srbench.core.regular_files import read_regular
from srbench.recipes.history import LOSS_COLUMNS, is_norm

FILE = "losses.csv"
NEEDED = {b"step", b"epoch", b"loss"}
BESIDE_MARKS = bytes({*range(256)} - {*b",\n"})  # all that is neither between cells nor between lines
MOST_STEPS = 10**12
LARGEST = 1e100


def loss_frame(folders: Sequence[Path]) -> DataFrame:
    """Every logged step: `run` (categorical: the folders' names), `stage`, `step` (within the stage), `epoch`, `loss`
    and its parts; run by run, as in the files.

    A line that was cut off, or holds no number, is left out, and so is a file that is none. A run without losses has no
    rows. A loss that no picture could hold is infinite.
    """
    files = [_lines(folder / FILE) for folder in folders]
    names = pd.Index([folder.name for folder in folders], dtype=str)
    frames = []
    # One parser call for all files of one header is five times as fast as one call a file.
    for header in dict.fromkeys(header for header, body in files if body):
        bodies = {number: body for number, (first, body) in enumerate(files) if first == header and body}
        counts = [body.count(b"\n") for body in bodies.values()]
        codes = np.repeat(np.array(list(bodies), dtype=np.int64), counts)
        run = pd.Categorical.from_codes(codes, categories=names)
        frames.append(_parsed(header, b"".join(bodies.values())).assign(run=run))
    if not frames:
        empty = {"run": pd.Categorical([], categories=names), "stage": pd.Series([], dtype=str)}
        return DataFrame(empty | {"step": [], "epoch": [], "loss": []})
    # Nearly always there is one header and no bad line: a copy of millions of rows each takes a second.
    losses = frames[0] if len(frames) == 1 else pd.concat(frames).sort_values("run", kind="stable")
    good = losses.step.between(0, MOST_STEPS) & losses.epoch.notna()
    losses = losses if good.all() else losses[good]
    losses = losses.reset_index(drop=True).astype({"step": "int64"})
    first = ["run", "stage", "step", "epoch", "loss"]
    return losses[[*first, *(name for name in losses if name not in first)]]


def parts_of(losses: DataFrame) -> list[str]:
    """The names of the loss's parts: what is logged beside it but the norms of gradients."""
    names = (name for name in map(str, losses) if name not in ("run", *LOSS_COLUMNS))
    return [name for name in names if not is_norm(name)]


def _lines(path: Path) -> tuple[bytes, bytes]:
    """Header and whole lines of a losses.csv; both empty where there is none, or one that has just begun."""
    try:
        header, _, rest = read_regular(path).replace(b"\r", b"").partition(b"\n")
    except OSError:
        return b"", b""
    body = rest[: rest.rfind(b"\n") + 1]
    names = header.split(b",")
    if not (set(names) >= NEEDED and len(set(names)) == len(names) and header.isascii()):
        return b"", b""
    commas = header.count(b",")
    if body.translate(None, BESIDE_MARKS) == (b"," * commas + b"\n") * body.count(b"\n"):
        return header, body  # whole, as nearly all are: three times as quick as line by line
    return header, b"".join(line for line in body.splitlines(keepends=True) if line.count(b",") == commas)


def _parsed(header: bytes, body: bytes) -> DataFrame:
    names = header.decode().split(",")
    # Every line must become a row, as the caller counts lines.
    table = pd.read_csv(
        BytesIO(body),
        names=names,
        skip_blank_lines=False,
        quoting=3,
        dtype={"stage": str},
        encoding_errors="replace",
    )
    stage = table.stage if "stage" in table else ""
    numbers: DataFrame = table.drop(columns="stage", errors="ignore").apply(pd.to_numeric, errors="coerce")
    too_large = ~(numbers.loss.abs().lt(LARGEST) | numbers.loss.isna())
    return numbers.assign(stage=stage, loss=numbers.loss.mask(too_large, inf) if too_large.any() else numbers.loss)
