"""The ablation-aware sweep: a command line → the runs of a study, launched, read back and reported.

Hydra's sweeper is hydra_plugins/srbench_sweeper.py, which imports this only when there is something to sweep.
"""

import itertools
import logging
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, OmegaConf

from srbench.core.errors import UserError
from srbench.core.paths import check_place, sweep_folders
from srbench.core.progress import console
from srbench.core.suggest import did_you_mean
from srbench.experiments.ablations import Ablation, SavedSweep, as_override, load_sweep, parse_ablation
from srbench.experiments.compose import Composer
from srbench.experiments.literature import entries
from srbench.experiments.preflight import check, unfinished
from srbench.experiments.spec import (
    PlannedRun,
    build_on_meta,
    override_key,
    reference_overrides,
    scales_that_build,
)
from srbench.experiments.store import results
from srbench.models import hub

log = logging.getLogger(__name__)


class Grid:
    """What a command line asks for, expanded into plain Hydra runs.

    Several ablations are a union in which runs of the same resolved config are one run; every other swept key
    multiplies, as in Hydra. Beside the runs stands one of bicubic interpolation per scale and data.
    """

    def __init__(self, loader: ConfigLoader, config: DictConfig, launcher: Launcher) -> None:
        self.loader, self.config, self.launcher = loader, config, launcher
        self.compose = Composer(loader, config)

    def run(self, arguments: list[str]) -> "Planned | None":
        """Plans, launches what is not done, and says what was planned; None for a dry run.

        Raises UserError before the first run starts for what can be known to be wrong.
        """
        request = self._request(arguments)
        runs = self._expand(request)
        if request.sweep and request.sweep.content.get("at_hand"):
            runs = _at_hand(runs)
        runs = self._with_reference(runs)
        if not runs[0].config.dry_run and hasattr(self.launcher, "warm_up"):
            self.launcher.warm_up()
        params = {run.folder.name: parameters for run, parameters in _checked(runs)}
        runs = [run for run in runs if run.folder.name in params]
        if runs[0].config.dry_run:
            _print_plan(runs, params)
            return None
        study_dir, reports_dir = runs[0].study_dir, Path(runs[0].config.reports_dir).expanduser()
        check_place("reports_dir", reports_dir)
        results.add_to_plan(study_dir, _plan(request, runs, params))
        todo = [run for run in runs if unfinished(run)]
        console.print(f"{study_dir}: {len(runs)} runs, {len(runs) - len(todo)} done already, {len(todo)} to do")
        self._launch(todo)
        return Planned(study_dir, reports_dir, [run.folder.name for run in runs])

    def _launch(self, runs: list[PlannedRun]) -> None:
        if not runs:
            return
        try:
            self.launcher.launch([run.overrides for run in runs], initial_job_idx=0)
        except UserError:
            raise
        except Exception as error:
            # The disk is the truth: a launcher that gives up, SLURM's say, leaves the runs that ended well.
            console.print(f"the launcher failed: {type(error).__name__}: {error}")
            log.debug("the launcher failed", exc_info=True)

    def _request(self, arguments: list[str]) -> "_Request":
        parser = OverridesParser.create(config_loader=self.loader)
        given = {o.get_key_element(): o for o in parser.parse_overrides(arguments)}
        sweep_names, ablation_names = _choices(given.pop("sweep", None)), _choices(given.pop("ablation", None))
        if len(sweep_names) > 1:
            raise UserError(f"sweep={','.join(sweep_names)}: one sweep at a time")
        sweep = load_sweep(sweep_names[0], sweep_folders()) if sweep_names else None
        if sweep:
            saved = {o.get_key_element(): o for o in parser.parse_overrides(sweep.overrides)}
            ablation_names = ablation_names or _choices(saved.get("ablation"))
            given = {key: o for key, o in (saved | given).items() if key not in ("ablation", "sweep")}
        ablations = [self._ablation(name) for name in ablation_names]
        if "study" not in given:
            study = sweep.name if sweep else _study_name(given, ablation_names)
            given |= {"study": parser.parse_override(as_override("study", study))}
        return _Request(given, ablations, sweep)

    def _ablation(self, name: str) -> Ablation:
        found = self.loader.repository.load_config(f"ablation/{name}")  # type: ignore[attr-defined]
        if found is None:
            names = self.loader.get_group_options("ablation")
            raise UserError(f"ablation={name}: no such ablation{did_you_mean(name, names)}")
        return parse_ablation(name, OmegaConf.to_container(found.config))  # type: ignore[arg-type]

    def _expand(self, request: "_Request") -> list[PlannedRun]:
        """The runs, each resolved config once, with all its memberships."""
        runs: dict[str, PlannedRun] = {}
        classes: dict[tuple[str, ...], str] = {}
        skipped = set()
        for base in request.bases():
            model = tuple(o for o in base if override_key(o).partition(".")[0] == "model")
            if model not in classes:
                classes[model] = self.compose(base).class_name
            arms = request.arms(classes[model])
            skipped |= {ablation.name for ablation in request.ablations if not ablation.variants(classes[model])}
            if request.ablations and not arms:
                continue
            for factors, membership in arms or [([], None)]:
                _refuse_double(factors, base, membership)
                run = self.compose([*base, *factors])
                _merge(runs, run, [membership] if membership else [])
        for name in sorted(skipped):
            classes_of = next(a for a in request.ablations if a.name == name).applies_to
            line = f"ablation={name}: applies to {', '.join(classes_of)} only"
            if not runs:
                raise UserError(f"{line}, none of which is {', '.join(sorted(set(classes.values())))}")
            console.print(f"skipped for other models: {line}")
        return list(runs.values())

    def _with_reference(self, runs: list[PlannedRun]) -> list[PlannedRun]:
        """The runs, and before them the bicubic run of each scale and data."""
        references: dict[str, PlannedRun] = {}
        for words in dict.fromkeys(tuple(reference_overrides(run)) for run in runs):
            _merge(references, self.compose(list(words)), [])
        hashes = {run.config_hash for run in runs}
        return [*(run for run in references.values() if run.config_hash not in hashes), *runs]


@dataclass(frozen=True)
class Planned:
    """A study whose runs have been tried, in their `folders`."""

    study_dir: Path
    reports_dir: Path
    folders: list[str]


class _Request:
    """What a command line asks for: overrides by key, ablations, and the runs of a saved sweep."""

    def __init__(self, given: dict[str, Override], ablations: list[Ablation], sweep: SavedSweep | None) -> None:
        self.given, self.ablations, self.sweep = given, ablations, sweep

    def bases(self) -> list[list[str]]:
        """The product of the swept keys: one list of overrides each."""
        words = []
        for key, override in self.given.items():
            if override.is_sweep_override():
                if not override.is_discrete_sweep():
                    raise UserError(f"{override.input_line}: an interval cannot be swept; list the values")
                words.append([f"{key}={value}" for value in override.sweep_string_iterator()])
            elif override.is_delete():
                words.append([override.input_line or key])
            else:
                words.append([f"{key}={override.get_value_element_as_str()}"])
        return [list(combination) for combination in itertools.product(*words)]

    def arms(self, class_name: str) -> list[tuple[list[str], dict[str, Any] | None]]:
        """The factors of every run for a model of that class, with its membership; empty for a plain grid."""
        sweep = self.sweep
        arms: list[tuple[list[str], dict[str, Any] | None]] = (
            [
                (factors, {"ablation": sweep.name, "variant": name, "baseline": name == sweep.baseline})
                for name, factors in sweep.runs.items()
            ]
            if sweep
            else []
        )
        for ablation in self.ablations:
            for variant, factors in ablation.variants(class_name).items():
                words = [as_override(key, value) for key, value in factors.items()]
                arms.append((words, ablation.membership(class_name, variant)))
        return arms


def _checked(runs: list[PlannedRun]) -> list[tuple[PlannedRun, int]]:
    """Each run that can be done with the number of its trainable parameters; a model × scale that does not exist is
    skipped with a line. Raises UserError for anything else that is wrong, and when nothing is left."""
    kept: list[tuple[PlannedRun, int]] = []
    models: dict[str, Any] = {}
    skipped: dict[str, None] = {}
    for run in runs:
        key = OmegaConf.to_yaml(run.config.model, resolve=True)
        try:
            models[key] = models.get(key) or build_on_meta(run)
        except UserError as error:
            scales = scales_that_build(run)
            if not scales or run.config.scale in scales:
                raise
            skipped[f"skipped: {run.name} at scale={run.config.scale}: {error}"] = None
            continue
        check(run, models[key])
        kept.append((run, sum(p.numel() for p in models[key].parameters() if p.requires_grad)))
    if skipped and not any(run.name != "bicubic" for run, _ in kept):
        raise UserError(f"nothing is left to run; {'; '.join(skipped)}")
    console.print(*skipped, sep="\n", end="\n" if skipped else "")
    return kept


def _at_hand(runs: list[PlannedRun]) -> list[PlannedRun]:
    """The runs whose published weights lie in weights_dir; the others are told by name."""
    there: list[PlannedRun] = []
    absent: dict[str, None] = {}
    for run in runs:
        name, folders, scale = run.config.checkpoint, run.config.weights_dir, run.config.scale
        if hub.at_hand(name, folders, scale):
            there.append(run)
        else:
            absent[f"{name} ×{scale}"] = None
    if absent:
        console.print(f"skipped, as their weights are not in weights_dir: {', '.join(absent)}")
    if not there:
        raise UserError(f"weights_dir={runs[0].config.weights_dir}: none of the published weights is there")
    return there


def _merge(runs: dict[str, PlannedRun], run: PlannedRun, memberships: list[dict[str, Any]]) -> None:
    """Adds `run` to `runs`, or its memberships to the run that is the same."""
    same = runs.get(run.config_hash)
    if same is not None:
        _refuse_ambiguity(same, run)
        known = [*same.memberships, *(m for m in memberships if m not in same.memberships)]
    else:
        known = memberships
    first = same or run
    config = first.config.copy()
    config.labels = known
    words = [o for o in first.overrides if override_key(o) != "labels"]
    labels = [as_override("labels", known)] if known else []
    runs[run.config_hash] = PlannedRun(first.name, [*words, *labels], config, known)


def _refuse_ambiguity(one: PlannedRun, other: PlannedRun) -> None:
    for key in ("eval", "protocol"):
        if one.config[key] != other.config[key]:
            raise UserError(f"{key}: runs that differ in nothing else are one run; give each value a study of its own")


def _refuse_double(factors: list[str], base: list[str], membership: dict[str, Any] | None) -> None:
    doubled = {override_key(o) for o in factors} & {override_key(o) for o in base}
    if doubled and membership:
        key = min(doubled)
        raise UserError(f"{key}: is varied by ablation={membership['ablation']}; take it off the command line")


def _choices(override: Override | None) -> list[str]:
    if override is None or override.value() is None:
        return []
    if override.is_sweep_override():
        return list(override.sweep_string_iterator())
    return [override.get_value_element_as_str()]


def _study_name(given: dict[str, Override], ablations: list[str]) -> str:
    models = _choices(given["model"]) if "model" in given else ["carn"]
    return "_".join(filter(None, ("-".join(models), "-".join(ablations))))


def _plan(request: _Request, runs: list[PlannedRun], params: dict[str, int]) -> dict[str, Any]:
    ablations = {ablation.name: ablation.content for ablation in request.ablations}
    saved = request.sweep.content if request.sweep else {}
    if request.sweep and request.sweep.runs:
        told = {key: saved[key] for key in ("title", "question", "source") if key in saved}
        arms = {"baseline": request.sweep.baseline, "variants": saved["runs"]}
        ablations[request.sweep.name] = told | {"applies_to": {"any": arms}}
    return {
        "study": runs[0].config.study,
        "commands": [shlex.join(["python", "-m", "srbench", *sys.argv[1:]])],
        "ablations": ablations,
        "claims": saved.get("claims") or [],
        "published": entries(run.config.checkpoint for run in runs) | (saved.get("published") or {}),
        "runs": {run.folder.name: run.entry(params[run.folder.name]) for run in runs},
    }


def _print_plan(runs: list[PlannedRun], params: dict[str, int]) -> None:
    width = max(len(run.folder.name) for run in runs)
    print(f"{'run':{width}}  {'parameters':>10}  what it is compared in")
    for run in runs:
        places = ", ".join(
            f"{m['ablation']}: {m['variant']}{' (baseline)' if m['baseline'] else ''}" for m in run.memberships
        )
        print(f"{run.folder.name:{width}}  {params[run.folder.name]:>10,}  {places}".rstrip())
    print(f"{len(runs)} runs, {sum(map(unfinished, runs))} of them to do")
