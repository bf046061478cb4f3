"""The runs of a command line, one or many: expanded, checked, written down as a plan, launched, read back.

One run is a grid of one. Several ablations are a union in which runs of the same identity are one run; every other
swept key multiplies, as in Hydra. Beside the runs stands one of bicubic interpolation per scale and data.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from srbench.core.errors import UserError
from srbench.core.paths import check_place
from srbench.core.progress import console
from srbench.core.suggest import some_of
from srbench.experiments.ablations import as_override
from srbench.experiments.asked import Asked
from srbench.experiments.checks import check_run
from srbench.experiments.compose import Composer, build_on_meta
from srbench.experiments.dry_run import show_plan
from srbench.experiments.inputs import wanted
from srbench.experiments.launchers.endings import known_record
from srbench.experiments.launchers.slots import slots_for
from srbench.experiments.literature import entries
from srbench.experiments.own_code import changed_since, own_code
from srbench.experiments.recording import Slot
from srbench.experiments.request import Arm, Request
from srbench.experiments.run_folder import claim_folder, forget
from srbench.experiments.spec import RunSpec
from srbench.experiments.store.boxes import Boxes
from srbench.experiments.store.overrides import parse_override
from srbench.experiments.store.plans import Plan, Wanted, new_plan, write_plan
from srbench.experiments.store.record import Membership
from srbench.models import hub

log = logging.getLogger(__name__)

Launch = Callable[[list[RunSpec]], None]
Slots = Callable[[list[RunSpec]], list[Slot]]  # where runs are launched, as many as at once
MOST_NAMED = 4
Scales = Callable[[RunSpec], list[int]]  # those that a run's model can be built for


@dataclass(frozen=True)
class Tried:
    """A study whose runs have been tried. `crops`: that its report is to show; `wanted`: what was asked of each, by
    folder; `repeat`: what goes on with those that are left."""

    study_dir: Path
    reports_dir: Path
    crops: Boxes
    wanted: dict[str, Wanted]
    repeat: str


def expand(request: Request, compose: Composer) -> list[RunSpec]:
    """The runs of a request, each identity once, with all its memberships. UserError where none is left."""
    runs: dict[str, RunSpec] = {}
    classes: dict[tuple[str, ...], str] = {}
    skipped = set()
    for base in request.bases():
        model = tuple(word for word in base if parse_override(word).root == "model")
        if model not in classes:
            classes[model] = compose(base).model.class_name
        arms = request.arms(classes[model])
        skipped |= {ablation.name for ablation in request.ablations if not ablation.variants(classes[model])}
        if request.ablations and not arms:
            continue
        for arm in arms or [Arm([], None)]:
            _refuse_double(arm, base)
            _add(runs, compose([*base, *arm.factors]), arm.membership)
    for name in sorted(skipped):
        classes_of = next(a for a in request.ablations if a.name == name).applies_to
        line = f"ablation={name}: applies to {', '.join(classes_of)} only"
        if not runs:
            raise UserError(f"{line}, none of which is {', '.join(sorted(set(classes.values())))}")
        console.print(f"skipped for other models: {line}")
    found = list(runs.values())
    request.check_claims(found)
    return _at_hand(found) if request.only_at_hand else found


def carry_out(
    runs: Sequence[RunSpec],
    plan: Plan,
    launch: Launch,
    scales: Scales,
    slots: Slots = slots_for,
    started: Callable[[], None] = lambda: None,
) -> Tried | None:
    """Checks the runs and the bicubic ones beside them, writes the plan, and launches what is left to do; None for a
    dry run, which only prints them, and what they take in the `slots` where they would be launched. `started`: called
    once the command is known to be no dry run.

    Raises UserError before the first run starts for what can be known to be wrong, and KeyboardInterrupt with what goes
    on from there.
    """
    first = runs[0]
    repeat = "the same command without force=true" if first.force else "the same command"
    if not first.dry_run:
        started()
    asked = _checked(_with_reference(runs), scales)
    if first.dry_run:
        todo = [one.run for one in asked if not one.is_done]
        show_plan(asked, slots(todo) if todo else [])
        return None
    check_place("reports_dir", first.places.reports_dir)
    check_place("runs_dir", first.places.runs_dir)
    study_dir = first.places.study_dir
    for one in asked:
        claim_folder(one.run)
    write_plan(study_dir, replace(plan, runs={one.run.folder.name: one.planned(plan.ablations) for one in asked}))
    _tell_of_changed_code(asked)
    if first.force:
        asked = [replace(one, run=_forgotten(one.run)) for one in asked]
    todo = [one.run for one in asked if not one.is_done]
    if len(asked) > 2:
        console.print(f"{study_dir}: {len(asked)} runs, {len(asked) - len(todo)} done already, {len(todo)} to do")
    if todo:
        try:
            launch(todo)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"{repeat} goes on from here") from None
    return Tried(
        study_dir, first.places.reports_dir, first.crops, {one.run.folder.name: one.wanted for one in asked}, repeat
    )


def _tell_of_changed_code(asked: Iterable[Asked]) -> None:
    """Says of which runs, whose training is not done again, a class is another than the one that was trained."""
    changed: dict[str, list[str]] = {}
    for one in asked:
        codes = {} if one.left.train else own_code(one.run)
        known = known_record(one.run) if codes else None  # most have none, and their records need not be read for it
        for name in changed_since(codes, known) if known else ():
            changed.setdefault(name, []).append(one.run.folder.name)
    for name, runs in changed.items():
        log.warning(
            f"{name} is not the code that {some_of(runs, MOST_NAMED)} had in training: those weights stay, and what is "
            "computed of them now is by the code of now; force=true trains again, study=NAME keeps both"
        )


def _forgotten(run: RunSpec) -> RunSpec:
    """The run without what it has left, and without `force`, so that an interrupted command can go on."""
    forget(run.folder)
    words = tuple(word for word in run.overrides if parse_override(word).key != "force")
    return replace(run, force=False, overrides=words, config={**run.config, "force": False})


def plan_of(request: Request | None, runs: Sequence[RunSpec], command: str) -> Plan:
    """What the command line is about, to be completed by its runs; no request: it is about one run."""
    published: dict[str, Any] = entries(run.checkpoint for run in runs)
    study = runs[0].places.study
    if request is None:
        return new_plan(study, command, {}, [], published)
    plan = new_plan(study, command, request.ablation_files, request.claims(runs), published)
    return replace(plan, published_runs=request.published)


def _with_reference(runs: Iterable[RunSpec]) -> list[RunSpec]:
    """The runs, and before them the bicubic run of each scale and data, evaluated on all that they are."""
    runs = list(runs)
    references: dict[str, RunSpec] = {}
    for run in runs:
        reference = run.reference()
        known = references.get(reference.config_hash)
        references[reference.config_hash] = known.evaluated_as(reference) if known else reference
    hashes = {run.config_hash for run in runs}
    return [*(run for run in references.values() if run.config_hash not in hashes), *runs]


def _checked(runs: Sequence[RunSpec], scales: Scales) -> list[Asked]:
    """Each run that can be done; a model × scale that does not exist is skipped with a line. Raises UserError for
    anything else that is wrong, and when nothing is left."""
    kept: list[Asked] = []
    models: dict[str, nn.Module] = {}
    skipped: dict[str, None] = {}
    for run in runs:
        key = repr(run.model)
        try:
            models[key] = models.get(key) or build_on_meta(run)
        except UserError as error:
            there = scales(run)
            if len(runs) < 3 or not there or run.scale in there:
                raise
            skipped[f"skipped: {run.name} at scale={run.scale}: {error}"] = None
            continue
        check_run(run, models[key])
        params = sum(p.numel() for p in models[key].parameters() if p.requires_grad)
        kept.append(Asked(run, wanted(run), params))
    if skipped and not any(one.run.name != "bicubic" for one in kept):
        raise UserError(f"nothing is left to run; {'; '.join(skipped)}")
    console.print(*skipped, sep="\n", end="\n" if skipped else "")
    return kept


def _at_hand(runs: list[RunSpec]) -> list[RunSpec]:
    """The runs whose published weights lie in weights_dir; the others are told by name."""
    there: list[RunSpec] = []
    absent: dict[str, None] = {}
    for run in runs:
        if run.checkpoint and not hub.at_hand(run.checkpoint, run.places.weights_dir, run.scale):
            absent[f"{run.checkpoint} ×{run.scale}"] = None
        else:
            there.append(run)
    if absent:
        console.print(f"skipped, as their weights are not in weights_dir: {', '.join(absent)}")
    if not there:
        raise UserError(f"weights_dir={runs[0].places.weights_dir}: none of the published weights is there")
    return there


def _add(runs: dict[str, RunSpec], run: RunSpec, membership: Membership | None) -> None:
    """Adds `run`, or its membership to the run that is the same."""
    same = runs.get(run.config_hash)
    if same is not None:
        _refuse_two_studies(same, run)
    first = same or run
    memberships = dict.fromkeys((*first.memberships, *([membership] if membership else [])))
    runs[run.config_hash] = _as_member(first, tuple(memberships))


def _refuse_two_studies(one: RunSpec, other: RunSpec) -> None:
    """Raises UserError where two runs of one identity differ in anything else: it would be lost."""
    first, second = (dict(_leaves({**run.config, "labels": None})) for run in (one, other))
    differing = [key for key in (first | second) if first.get(key) != second.get(key)]
    if differing:
        words = [parse_override(word).key for word in other.overrides]
        typed = [key for key in words if any(f"{name}.".startswith(f"{key}.") for name in differing)]
        key = max(typed, key=len) if typed else differing[0]
        raise UserError(f"{key}: runs that differ in nothing else are one run; give each value a study of its own")


def _leaves(node: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a resolved config by their keys, lists as they are."""
    if isinstance(node, dict) and node:
        for name, value in node.items():
            yield from _leaves(value, f"{key}.{name}" if key else str(name))
    else:
        yield key, node


def _as_member(run: RunSpec, memberships: tuple[Membership, ...]) -> RunSpec:
    labels = [{"ablation": m.ablation, "variant": m.variant, "baseline": m.baseline} for m in memberships]
    words = [word for word in run.overrides if parse_override(word).key != "labels"]
    # An interpolation is one in a factor's value, never in a name.
    named = [label | {"variant": str(label["variant"]).replace("${", "\\${")} for label in labels]
    told = [as_override("labels", named)] if labels else []
    config = {**run.config, "labels": labels}
    return replace(run, overrides=(*words, *told), memberships=memberships, config=config)


def _refuse_double(arm: Arm, base: list[str]) -> None:
    doubled = {parse_override(word).key for word in arm.factors} & {parse_override(word).key for word in base}
    if doubled and arm.membership:
        raise UserError(
            f"{min(doubled)}: is varied by ablation={arm.membership.ablation}; take it off the command line"
        )
