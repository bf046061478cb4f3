"""Where a study's report lies, and report.json there: whose it is, and how it was asked for."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from srbench.core.errors import UserError
from srbench.experiments.store.boxes import Boxes
from srbench.experiments.store.codec import decode
from srbench.experiments.store.json_files import read_json
from srbench.experiments.store.plans import plan_files

FILE = "report.json"


@dataclass(frozen=True)
class ReportOptions:
    """What a report can be told: `ntire`: the model to compare with in a column of NTIRE's ranking score; `crops`: the
    boxes to show, x, y, width and height in pixels of HR, by image or by `set/image`."""

    ntire: str | None = None
    crops: Boxes = field(default_factory=dict)


PLAIN = ReportOptions()


@dataclass(frozen=True)
class ReportOrigin:
    """`study`: the study's folder, seen from the report's; the rest: its options."""

    study: str | None = None
    ntire: str | None = None
    crops: Boxes = field(default_factory=dict)

    def __post_init__(self) -> None:
        if any(len(box) != 4 for box in self.crops.values()):
            raise ValueError("a box has four numbers")


def report_place(study_dir: Path, reports_dir: Path) -> Path:
    """`<reports_dir>/<study>`. UserError where the report of another study lies there, of the same name: one whose
    folder is still to be found, as a study that was moved is no other."""
    folder = reports_dir / study_dir.resolve().name
    told = read_origin(folder).study
    other = folder / told if told else study_dir
    if plan_files(other) and other.resolve() != study_dir.resolve():
        raise UserError(
            f"{folder}: holds the report of {os.path.relpath(other)}, another study of that name than {study_dir}; "
            "set reports_dir=DIR"
        )
    return folder


def read_origin(folder: Path) -> ReportOrigin:
    """What report.json says; nothing where there is none that can be read."""
    try:
        return decode(ReportOrigin, read_json(folder / FILE))
    except (OSError, ValueError, RecursionError):
        return ReportOrigin()


def seen_from(folder: Path, study_dir: Path) -> str:
    """The study's folder, seen from the report's: relative, so that both may be moved together."""
    return os.path.relpath(study_dir.resolve(), folder.resolve())
