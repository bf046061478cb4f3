"""Records and plans, made from their types: what is not said is what most runs have."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from srbench.data.lr_source import LrSource
from srbench.evaluation.certificate import Certificate
from srbench.evaluation.settings import Inference
from srbench.experiments.store.plans import Plan, PlannedRun, Wanted, new_plan, plan_files, read_plan
from srbench.experiments.store.record import SCHEMA, Membership, Record
from srbench.metrics.figures import Latency
from srbench.metrics.protocol import Protocol

LUMA = Protocol("y", "luma")
RGB = Protocol("rgb", "rgb")
REPORT_FILES = {"report.json", "table.csv", "table.md", "table.tex", "index.html", "curves.png", "curves.svg"}


def certificate(**changes: Any) -> Certificate:
    """Of five images with LR files of an unknown maker, under `y`."""
    usual = Certificate(LUMA, LrSource(files=True), 5, "5eeecb039e98", "4355cdb7bcc0", "abc", Inference(), False)
    return replace(usual, **changes)


def latency(**changes: Any) -> Latency:
    """38.5 ms of an image of 256×256."""
    return replace(Latency(1, 256, 256, 38.5, 38.0, 39.0, 1, "cpu", "channels_last"), **changes)


def record(**changes: Any) -> Record:
    """Of a CARN that is done; data sets with `scores` but no certificate get the usual one."""
    usual = Record(
        schema=SCHEMA,
        run="carn-default-x2-s0-0a1b2c3d",
        study="mine",
        status="done",
        error=None,
        config_hash="0a1b2c3d4e",
        model="carn",
        class_name="CARN",
        ablation=None,
        variant="default",
        baseline=False,
        memberships=(),
        seed=0,
        scale=2,
        overrides=("model=carn",),
        versions={"srbench": "0.1.0", "torch": "2.8.0"},
        git=None,
        device="a processor",
        threads=1,
        precision="bf16-mixed",
        started="2026-11-26T12:00:00+00:00",
        seconds=60.0,
    )
    made = replace(usual, **changes)
    return replace(made, certificates={name: certificate() for name in made.scores} | made.certificates)


def planned(**changes: Any) -> PlannedRun:
    """Of a CARN in no ablation, of which nothing but its training is wanted."""
    wanted = Wanted("0a1b2c3d4e", {}, "c", None)
    usual = PlannedRun("carn", "CARN", None, 2, 0, "0a1b2c3d4e", ("model=carn",), (), {}, None, wanted)
    return replace(usual, **changes)


def member(ablation: str, variant: str = "1-2-1", baseline: bool = False) -> Membership:
    """A place in an ablation."""
    return Membership(ablation, variant, baseline)


def plan(study: str = "mine", command: str = "python -m srbench model=carn", **runs: PlannedRun) -> Plan:
    """A command that plans `runs`, by folder."""
    return replace(new_plan(study, command, {}, [], {}), runs=dict(runs))


def read_plans(study: Path) -> tuple[Plan, ...]:
    """Every plan of a study, the oldest first."""
    return tuple(map(read_plan, plan_files(study)))
