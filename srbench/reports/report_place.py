"""Where a study's report lies, and report.json there: whose it is, and how it was asked for."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from srbench.core.errors import UserError
from srbench.experiments.store.boxes import Boxes
from srbench.experiments.store.codec import decode
from srbench.experiments.store.json_files import read_json
from srbench.experiments.store.packs import is_pack
from srbench.experiments.store.plans import plan_files

FILE = "report.json"


@dataclass(frozen=True)
class ReportOptions:
    """What a report can be told: `ntire`: the model to compare with in a column of NTIRE's ranking score, or a year of
    the challenge; `crops`: the boxes to show, x, y, width and height in pixels of HR, by image or by `set/image`."""

    ntire: str | None = None
    crops: Boxes = field(default_factory=dict)


PLAIN = ReportOptions()


@dataclass(frozen=True)
class ReportOrigin:
    """`study`: the study's folder, or its pack, seen from the report's; `others`: those of further studies that are in
    the report; the rest: its options."""

    study: str | None = None
    ntire: str | None = None
    others: tuple[str, ...] = ()
    crops: Boxes = field(default_factory=dict)

    def __post_init__(self) -> None:
        if any(len(box) != 4 for box in self.crops.values()):
            raise ValueError("a box has four numbers")


def report_place(name: str, studies: Sequence[Path], reports_dir: Path) -> Path:
    """`<reports_dir>/<name>`, of the report of these folders or packs. UserError where the report of other studies
    lies there, of the same name: of some that are still to be found, as a study that was moved is no other."""
    folder = reports_dir / name
    told = read_origin(folder)
    there = [folder / one for one in (told.study, *told.others) if one]
    known = {study.resolve() for study in studies}
    if other := [os.path.relpath(one) for one in there if _is_study(one) and one.resolve() not in known]:
        raise UserError(
            f"{folder}: holds the report of {', '.join(other)}, another study of that name than "
            f"{', '.join(map(str, studies))}; set reports_dir=DIR"
        )
    return folder


def _is_study(path: Path) -> bool:
    return bool(plan_files(path)) or (is_pack(path) and path.is_file())


def read_origin(folder: Path) -> ReportOrigin:
    """What report.json says; nothing where there is none that can be read."""
    try:
        return decode(ReportOrigin, read_json(folder / FILE))
    except (OSError, ValueError, RecursionError):
        return ReportOrigin()


def seen_from(folder: Path, study_dir: Path) -> str:
    """The study's folder, seen from the report's: relative, so that both may be moved together."""
    return os.path.relpath(study_dir.resolve(), folder.resolve())
