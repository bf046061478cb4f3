"""What a command planned, plans/<time>-<hash>.json: written before its first run starts, and never changed.

A study is the union of its plans, so that any number of commands may write at once without a lock.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from srbench.core.errors import UserError
from srbench.core.files import write_file
from srbench.core.json_digest import json_digest
from srbench.core.regular_files import is_plain_name
from srbench.data.lr_source import Steps
from srbench.experiments.store.codec import FormatError, decode, encode, to_json
from srbench.experiments.store.json_files import in_short, newer, read_json
from srbench.experiments.store.overrides import parse_override
from srbench.experiments.store.published_figures import PublishedRuns
from srbench.experiments.store.record import SCHEMA, Membership
from srbench.experiments.store.shapes import check_shapes
from srbench.experiments.store.stated_claims import StatedClaim

FOLDER = "plans"


@dataclass(frozen=True)
class WantedScores:
    """On one data set. `images`: how many of its SR images are to be kept, null for all."""

    fingerprint: str
    metrics: tuple[str, ...]
    images: int | None


@dataclass(frozen=True)
class WantedLatency:
    """`device` (cpu, cuda, mps) and `threads`: null for whatever there is."""

    fingerprint: str
    device: str | None
    threads: int | None


@dataclass(frozen=True)
class Wanted:
    """What a command asks of a run, each part with its fingerprint. `train`: null for a network that is not trained;
    `scores`: by data set."""

    train: str | None
    scores: dict[str, WantedScores]
    cost: str
    latency: WantedLatency | None


@dataclass(frozen=True)
class PlannedRun:
    """One run. `overrides`: the words of the command line that fix the weights; `contexts`: by ablation, "" for none, a
    digest of all that fixes its weights but the seed and the ablation's factors, which runs that are compared have in
    common; `params`: trainable ones, null where they were not counted. `degradation`: of LR."""

    model: str
    class_name: str = field(metadata={"json": "class"})
    variant: str | None
    scale: int
    seed: int
    config_hash: str
    overrides: tuple[str, ...]
    memberships: tuple[Membership, ...]
    contexts: dict[str, str]
    params: int | None
    wanted: Wanted
    degradation: Steps = ()


@dataclass(frozen=True)
class Plan:
    """One command. `ablations`: the YAML files, whole, by name; `claims`: those about its runs, of an older srbench
    anything, a text say. `published`: what others have published, by checkpoint, and `published_runs`: of the runs of a
    sweep, by its name. `runs`: by folder."""

    schema: int
    study: str
    command: str
    time: str
    ablations: dict[str, Any]
    claims: tuple[StatedClaim | Any, ...]
    published: dict[str, Any]
    runs: dict[str, PlannedRun]
    published_runs: dict[str, PublishedRuns] = field(default_factory=dict)


def new_plan(
    study: str, command: str, ablations: dict[str, Any], claims: Iterable[StatedClaim | Any], published: dict[str, Any]
) -> Plan:
    """A plan of now, without runs. UserError for ablations or published scores that no report could use."""
    try:
        check_shapes(encode(ablations), encode(published))
    except FormatError as error:
        raise UserError(f"study={study}: its ablation or sweep: {error}") from error
    time = datetime.now(UTC).isoformat(timespec="microseconds")
    return Plan(SCHEMA, study, command, time, ablations, tuple(claims), published, {})


def write_plan(study_dir: Path, plan: Plan) -> None:
    """Adds the plan to the study; nothing is written where the study's last command has planned the same. UserError
    where the study's plans lie elsewhere."""
    content = encode(replace(plan, time=""))
    digest = json_digest(content)[:12]
    folder = study_dir / FOLDER
    if any(path.stem.endswith(f"-{digest}") for path in sorted(folder.glob("*.json"))[-1:]):
        return
    if folder.is_symlink():
        raise UserError(f"{folder}: is a link; put the folder itself there, or choose another study=NAME")
    folder.mkdir(parents=True, exist_ok=True)
    stamp = "".join(sign for sign in plan.time.partition("+")[0] if sign.isalnum())
    write_file(folder / f"{stamp}Z-{digest}.json", to_json(plan))


def plan_files(study_dir: Path) -> list[Path]:
    """Of the study's plans, the oldest first."""
    return sorted((study_dir / FOLDER).glob("*.json"))


def read_plan(path: Path) -> Plan:
    """The plan in a file. UserError, in one line, for one that cannot be read, and for a newer srbench's."""
    try:
        content = read_json(path)
        schema = content.get("schema") if isinstance(content, dict) else None
        if type(schema) is int and schema > SCHEMA:
            raise UserError(f"{path}: {newer(schema, SCHEMA)}")
        plan = decode(Plan, content)
        check_shapes(plan.ablations, plan.published)
        for folder in plan.runs:
            if not is_plain_name(folder):
                raise FormatError(f"runs: no name of a folder: {folder}")
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: not a plan ({in_short(error)}); move it away and repeat its command") from error
    return plan


def factors_of(ablation: dict[str, Any], class_name: str) -> frozenset[str]:
    """The config keys, without Hydra's +, that an ablation, as its file has it, varies for models of that class."""
    applies = ablation.get("applies_to", {})
    variants = (applies.get(class_name) or applies.get("any") or {}).get("variants", {})
    return frozenset(parse_override(key).key for settings in variants.values() for key in settings or {})


def united(plans: Iterable[Plan], there: Collection[str]) -> dict[str, PlannedRun]:
    """The runs of all plans, by folder; a run of several is in the ablations of all, and else as the last one says.

    A run that plans know under several folders has the one that is `there`, else the first.
    """
    folders: dict[str, str] = {}
    runs: dict[str, PlannedRun] = {}
    for plan in plans:
        for folder, run in plan.runs.items():
            known = folders.setdefault(run.config_hash, folder)
            if folder in there and known not in there:
                folders[run.config_hash] = folder
            runs[run.config_hash] = both_plans(runs[run.config_hash], run) if run.config_hash in runs else run
    return {folders[identity]: run for identity, run in runs.items()}


def both_plans(old: PlannedRun, new: PlannedRun) -> PlannedRun:
    """One run as two commands know it: in the ablations of both, and else as the later one says."""
    memberships = {(one.ablation, one.variant): one for one in (*old.memberships, *new.memberships)}
    # The folder is named after the first variant; a later ablation may know the same run under another name.
    return replace(
        new,
        variant=old.variant or new.variant,
        memberships=tuple(memberships.values()),
        contexts=old.contexts | new.contexts,
        params=old.params if new.params is None else new.params,
        wanted=replace(
            new.wanted,
            scores={**old.wanted.scores, **{name: _scores(old, name, new) for name in new.wanted.scores}},
            latency=new.wanted.latency or old.wanted.latency,
        ),
    )


def _scores(old: PlannedRun, name: str, new: PlannedRun) -> WantedScores:
    """What both want of a data set, as long as they want it of the same images and protocol."""
    before, after = old.wanted.scores.get(name), new.wanted.scores[name]
    if before is None or before.fingerprint != after.fingerprint:
        return after
    images = None if before.images is None or after.images is None else max(before.images, after.images)
    return WantedScores(after.fingerprint, tuple(dict.fromkeys([*before.metrics, *after.metrics])), images)
