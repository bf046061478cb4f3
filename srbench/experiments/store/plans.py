"""What a command planned, plans/<time>-<hash>.json: written before its first run starts, and never changed.

A study is the union of its plans, so that any number of commands may write at once without a lock.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from srbench.core.errors import UserError
from srbench.core.files import write_file
from srbench.core.json_digest import json_digest
from srbench.data.lr_source import Steps
from srbench.experiments.store.codec import FormatError, decode, encode, to_json
from srbench.experiments.store.record import SCHEMA, Fingerprints, Membership

FOLDER = "plans"


@dataclass(frozen=True)
class Wanted:
    """What a command asks of a run: the fingerprints of its parts, and the metrics of each data set."""

    fingerprints: Fingerprints
    metrics: tuple[str, ...]


@dataclass(frozen=True)
class PlannedRun:
    """One run. `overrides`: the words of the command line that fix the weights; `params`: trainable ones, null where
    they were not counted. `degradation`: of LR."""

    model: str
    class_name: str = field(metadata={"json": "class"})
    variant: str | None
    scale: int
    seed: int
    config_hash: str
    overrides: tuple[str, ...]
    memberships: tuple[Membership, ...]
    params: int | None
    wanted: Wanted
    degradation: Steps = ()


@dataclass(frozen=True)
class Plan:
    """One command. `ablations`: the YAML files, whole, by name; `published`: what others have published, by checkpoint;
    `runs`: by folder."""

    schema: int
    study: str
    command: str
    time: str
    ablations: dict[str, Any]
    claims: tuple[Any, ...]
    published: dict[str, Any]
    runs: dict[str, PlannedRun]


def new_plan(
    study: str, command: str, ablations: dict[str, Any], claims: Iterable[Any], published: dict[str, Any]
) -> Plan:
    """A plan of now, without runs."""
    time = datetime.now(UTC).isoformat(timespec="microseconds")
    return Plan(SCHEMA, study, command, time, ablations, tuple(claims), published, {})


def write_plan(study_dir: Path, plan: Plan) -> None:
    """Adds the plan to the study; nothing is written for a command that has planned the same before."""
    content = encode(replace(plan, time=""))
    digest = json_digest(content)[:12]
    folder = study_dir / FOLDER
    if any(folder.glob(f"*-{digest}.json")):
        return
    folder.mkdir(parents=True, exist_ok=True)
    stamp = "".join(sign for sign in plan.time.partition("+")[0] if sign.isalnum())
    write_file(folder / f"{stamp}Z-{digest}.json", to_json(plan))


def read_plans(study_dir: Path) -> tuple[Plan, ...]:
    """The study's plans, the oldest first. UserError for one that cannot be read."""
    return tuple(_read(path) for path in sorted((study_dir / FOLDER).glob("*.json")))


def _read(path: Path) -> Plan:
    try:
        content = json.loads(path.read_bytes())
        schema = content.get("schema") if isinstance(content, dict) else None
        if type(schema) is int and schema > SCHEMA:
            raise FormatError(f"written by a newer srbench (schema {schema}, this one reads {SCHEMA})")
        return decode(Plan, content)
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: not a plan ({error}); move it away and repeat its command") from error


def united(plans: Iterable[Plan]) -> dict[str, PlannedRun]:
    """The runs of all plans, by folder; a run of several is in the ablations of all, and else as the last one says."""
    runs: dict[str, PlannedRun] = {}
    for plan in plans:
        for folder, run in plan.runs.items():
            runs[folder] = _both(runs[folder], run) if folder in runs else run
    return runs


def _both(old: PlannedRun, new: PlannedRun) -> PlannedRun:
    memberships = {(one.ablation, one.variant): one for one in (*old.memberships, *new.memberships)}
    # The folder is named after the first variant; a later ablation may know the same run under another name.
    return replace(
        new,
        variant=old.variant or new.variant,
        memberships=tuple(memberships.values()),
        params=old.params if new.params is None else new.params,
        wanted=Wanted(
            replace(
                new.wanted.fingerprints,
                score={**old.wanted.fingerprints.score, **new.wanted.fingerprints.score},
                latency=new.wanted.fingerprints.latency or old.wanted.fingerprints.latency,
            ),
            new.wanted.metrics,
        ),
    )
