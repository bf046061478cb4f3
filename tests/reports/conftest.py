"""A builder of studies on disk, as plans and runs leave them, from the types of records and plans."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from srbench.core.files import write_file
from srbench.core.json_digest import json_digest
from srbench.data.catalog.catalog import catalogue
from srbench.data.lr_source import LrSource, Steps
from srbench.evaluation.certificate import Certificate
from srbench.evaluation.settings import Inference
from srbench.experiments.store.boxes import Boxes
from srbench.experiments.store.plans import PlannedRun, Wanted, new_plan, write_plan
from srbench.experiments.store.record import Membership, Record, Training, write_record
from srbench.experiments.store.scores import ImageRow, write_rows
from srbench.experiments.store.study import Study, open_study
from srbench.metrics.figures import Latency
from srbench.reports.cells import Cell
from srbench.reports.columns import ScoreColumn
from srbench.reports.comparison import TableRow
from srbench.reports.report import Report, build_report
from srbench.reports.report_place import ReportOptions
from srbench.reports.row_scores import ScoreFigures
from srbench.reports.sections import Cells, Section
from tests.builders import LUMA, record

ATROUS = {
    "title": "Atrous rates of the residual blocks",
    "question": "does a larger receptive field help?",
    "source": "Waifu2x CARN study",
    "applies_to": {
        "CARN": {
            "baseline": "1-1-1",
            "variants": {"1-1-1": {"model.atrous": [1, 1, 1]}, "1-2-1": {"model.atrous": [1, 2, 1]}},
        },
        "MossNet": {
            "baseline": "1-1",
            "variants": {"1-1": {"model.atrous": [1, 1]}, "2-4": {"model.atrous": [2, 4]}},
        },
    },
}
SE = {
    "title": "Squeeze and excitation",
    "applies_to": {"any": {"baseline": "none", "variants": {"none": {"model.se": False}, "se": {"model.se": True}}}},
}
CLASSES = {"carn": "CARN", "carn_m": "CARN", "carn_waifu2x": "CARN", "mossnet": "MossNet", "bicubic": "Bicubic"}
COMMAND = "python -m srbench -m model=carn ablation=atrous"

BASE, OTHER = Membership("atrous", "1-1-1", True), Membership("atrous", "1-2-1", False)
BASE_WORDS, OTHER_WORDS = ("model=carn", "model.atrous=[1,1,1]"), ("model=carn", "model.atrous=[1,2,1]")
THIRD = Membership("atrous", "2-4-2", False)

HR, LR = "a" * 64, "b" * 64
FILES = LrSource(files=True)
ON_FILES = Certificate(LUMA, FILES, 5, HR, LR, None, Inference(), False)
STEPS = 3000
TRAINED, FIXED = Training(steps=STEPS), Training()


@dataclass(frozen=True)
class Outcome:
    """What a run leaves. `scores`: its means by data set and metric; `images`: the PSNR of single images by data set,
    whose means are scores, too; `on`: the certificate of every data set, but for the number of images; `losses`: one
    every ten steps; `facts`: fields of its record."""

    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    images: dict[str, list[float]] = field(default_factory=dict)
    on: Certificate = ON_FILES
    losses: list[float] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def with_facts(self, **facts: Any) -> "Outcome":
        """The same with more fields of the record."""
        return replace(self, facts={**self.facts, **facts})


class Builder:
    """Plans runs with `run` and writes what they leave; `study` and `report` read what is there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plan({})

    def plan(self, runs: dict[str, PlannedRun], ablations: dict | None = None, published: dict | None = None) -> None:
        """One more command."""
        known = {"atrous": ATROUS, "se": SE} | (ablations or {})
        plan = new_plan(self.folder.name, COMMAND, known, (), published or {})
        write_plan(self.folder, replace(plan, runs=runs))

    def run(
        self,
        model: str = "carn",
        *places: Membership,
        scale: int = 2,
        seed: int = 0,
        words: tuple[str, ...] = (),
        hashed: str = "0a1b2c3d",
        left: Outcome | None = None,
        asked: Steps = (),
    ) -> str:
        """The folder of a run planned in `places` on LR that is degraded as `asked`; without `left` it has not run."""
        variant = places[0].variant if places else None
        name = f"{model}-{variant or 'default'}-x{scale}-s{seed}-{hashed}"
        class_name = CLASSES.get(model, model)
        identity = f"{hashed}{json_digest([name, list(words)])}"
        wanted = Wanted(None, {}, "", None)
        planned = PlannedRun(model, class_name, variant, scale, seed, identity, words, places, {}, None, wanted, asked)
        self.plan({name: planned})
        if left is not None:
            self.leave(name, planned, left)
        return name

    def leave(self, name: str, planned: PlannedRun, left: Outcome) -> None:
        """Writes the record of the run, and the scores of its images and its losses where there are any."""
        (self.folder / name).mkdir(exist_ok=True)
        write_record(self.folder / name, record_of(name, planned, left))
        if left.images:
            self.write_images(name, left.images, left.on.lr.resizer)
        if left.losses:
            self.write_losses(name, {"main": left.losses})

    def write_images(self, name: str, images: dict[str, list[float]], resizer: str = "file", first: int = 0) -> None:
        """The run's scores.csv; the images are named after their number, from `first`."""
        (self.folder / name).mkdir(exist_ok=True)
        rows = [
            ImageRow(dataset, str(number), {"psnr": psnr}, "y", resizer, "")
            for dataset, values in images.items()
            for number, psnr in enumerate(values, first)
        ]
        write_rows(self.folder / name, rows)

    def write_losses(self, name: str, stages: dict[str, list[float]]) -> None:
        """The run's losses.csv, a line every ten steps of a stage."""
        (self.folder / name).mkdir(exist_ok=True)
        lines = [
            f"{stage},{10 * number},{number // 10},{loss}\n"
            for stage, losses in stages.items()
            for number, loss in enumerate(losses, 1)
        ]
        write_file(self.folder / name / "losses.csv", ("stage,step,epoch,loss\n" + "".join(lines)).encode())

    def study(self) -> Study:
        return open_study(self.folder)

    def report(self, ntire: str | None = None, crops: Boxes | None = None) -> Report:
        return build_report(self.study(), ReportOptions(ntire, crops or {}))


def record_of(name: str, planned: PlannedRun, left: Outcome) -> Record:
    """The record of a run that is done, unless the facts say otherwise."""
    means = {dataset: {"psnr": mean(values)} for dataset, values in left.images.items()}
    scores = {dataset: means.get(dataset, {}) | left.scores.get(dataset, {}) for dataset in means | left.scores}
    first = planned.memberships[0] if planned.memberships else Membership("", "default", False)
    made = record(
        run=name,
        config_hash=planned.config_hash,
        model=planned.model,
        class_name=planned.class_name,
        ablation=first.ablation or None,
        variant=first.variant,
        baseline=first.baseline,
        memberships=planned.memberships,
        seed=planned.seed,
        scale=planned.scale,
        overrides=planned.overrides,
        versions={"srbench": "0.1.0"},
        device="cpu",
        threads=2,
        precision="bf16",
        started="2026-01-01T00:00:00+00:00",
        seconds=1.0,
        train=TRAINED,
        scores=scores,
        certificates={name: replace(left.on, images=_images(name, left)) for name in scores},
    )
    return replace(made, **left.facts)


def _images(dataset: str, left: Outcome) -> int:
    """Those of which there are scores, else as many as the set has."""
    if dataset in left.images:
        return len(left.images[dataset])
    entry = catalogue().get(dataset)
    return entry.evaluated.images if entry and entry.evaluated else 1


def scored(psnr: float, ssim: float | None = None, lpips: float | None = None, **others: float) -> Outcome:
    """scored(33.5, ssim=0.9, set14=30.0) is done with these scores, the first ones on set5."""
    set5 = {"psnr": psnr, "ssim": ssim, "lpips": lpips}
    scores = {"set5": {metric: value for metric, value in set5.items() if value is not None}}
    return Outcome(scores | {dataset: {"psnr": value} for dataset, value in others.items()})


def imaged(on: Certificate = ON_FILES, **images: list[float]) -> Outcome:
    """imaged(set5=[30.0, 31.0]) is done with the PSNR of these images."""
    return Outcome(images=images, on=on)


def failed(error: str) -> Outcome:
    return Outcome(facts={"status": "failed", "error": error})


def latency(milliseconds: float, height: int = 256) -> Latency:
    return Latency(1, height, 256, milliseconds, milliseconds, milliseconds, 1, "cpu", "channels_last")


# What stands in a report

SET5 = ScoreColumn("set5", "psnr")


def row(report: Report, variant: str = "default", model: str = "carn") -> TableRow:
    """The only row of the variant and model."""
    (found,) = [one for one in report.rows if (one.variant, one.model) == (variant, model)]
    return found


def psnr(report: Report, variant: str = "default", model: str = "carn") -> ScoreFigures:
    """On set5."""
    return row(report, variant, model).scores[SET5]


def means(report: Report, column: ScoreColumn = SET5) -> list[float | None]:
    """By row."""
    return [one.scores[column].mean for one in report.rows]


def cell(section: Section, cells: Cells, of: object) -> Cell:
    """What stands in a row of the section, in the column of this content."""
    return cells[[column.of for column in section.columns].index(of)]


def shown(section: Section, *contents: object) -> list[list[list[str]]]:
    """The texts in these columns, by group and row, a score's with its mark."""
    return [
        [[cell(section, cells, of).text + cell(section, cells, of).mark for of in contents] for cells in group]
        for group in section.groups
    ]


@pytest.fixture
def build(tmp_path: Path) -> Builder:
    """A study named `mine` in tmp_path/runs, with the ablations atrous and se and no runs yet."""
    return Builder(tmp_path / "runs" / "mine")
