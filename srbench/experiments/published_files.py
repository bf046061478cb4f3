"""What a sweep's file says that others have published of its runs: `source`, `runs`, and a file of `curves`."""

import csv
from collections.abc import Collection, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from srbench.core.errors import UserError
from srbench.core.suggest import did_you_mean
from srbench.experiments.store.codec import FormatError, decode
from srbench.experiments.store.json_files import in_short
from srbench.experiments.store.published_figures import PublishedCurves, PublishedRun, PublishedRuns

KEYS = ("source", "runs", "curves")


def parse_published(where: str, content: Any, runs: Collection[str], folder: Path) -> PublishedRuns | None:
    """What stands under `published` in the file of a sweep with these `runs`, in `folder`; None where nothing does.

    `runs` maps names to figures, and `note` to a text; `curves` names a CSV beside the file: a column `step`, one a
    run, and lines that begin with # to say where it is from. Raises UserError for what is none of it.
    """
    if content is None:
        return None
    where = f"{where}: published"
    if not isinstance(content, dict) or not isinstance(told := content.get("runs") or {}, dict):
        raise UserError(f"{where}: needs source, and runs: {{RUN: {{final_loss: …, note: …}}}}")
    for key in content:
        if key not in KEYS:
            raise UserError(f"{where}: no such key {key}{did_you_mean(key, KEYS)}")
    curves = _curves(f"{where}: curves", folder / str(content["curves"])) if content.get("curves") else None
    for run in [*told, *(curves.losses if curves else ())]:
        if run not in runs:
            raise UserError(f"{where}: no such run {run}{did_you_mean(str(run), runs)}")
    try:
        source = decode(str, content.get("source"))
        return PublishedRuns(source, {run: _run(run, figures) for run, figures in told.items()}, curves)
    except FormatError as error:
        raise UserError(f"{where}: {error}") from error


def _run(name: str, told: Any) -> PublishedRun:
    if not isinstance(told, Mapping):
        raise FormatError(f"runs: {name}: figures by name are needed")
    figures = {key: value for key, value in told.items() if key != "note"}
    try:
        return PublishedRun(decode(dict[str, float], figures), decode(str, told.get("note", "")))
    except FormatError as error:
        raise FormatError(f"runs: {name}: {error}") from error


def _curves(where: str, path: Path) -> PublishedCurves:
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
        rows = list(csv.DictReader(lines, strict=True))
        names = [name for name in rows[0] if name != "step"]
        losses = {name: _losses(name, [row[name] for row in rows]) for name in names}
        return PublishedCurves(tuple(int(row["step"]) for row in rows), losses)
    except (OSError, ValueError, LookupError, TypeError, csv.Error) as error:
        raise UserError(f"{where}: {path}: cannot be read as losses by step: {in_short(error)}") from error


def _losses(name: str, values: Sequence[str]) -> tuple[float, ...]:
    """Up to the end of a training. ValueError for a blank before it, which would shift what follows, and for what is
    not finite."""
    length = max((place for place, value in enumerate(values, 1) if value), default=0)
    if not all(values[:length]):
        raise ValueError(f"{name}: a loss follows a blank")
    losses = tuple(map(float, values[:length]))
    if not all(map(isfinite, losses)):
        raise ValueError(f"{name}: a loss is not finite")
    return losses
