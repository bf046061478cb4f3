"""The Hydra app: one run, or with -m a grid."""

import logging
import os
import shlex
import sys
from typing import TYPE_CHECKING

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.types import RunMode
from omegaconf import DictConfig

from srbench.core import progress
from srbench.core.errors import UserError
from srbench.core.paths import PLUGINS, conf_folder

if TYPE_CHECKING:
    from srbench.experiments.spec import PlannedRun


class Leave(BaseException):
    """Carries an exception, its cause, through Hydra, which would add lines of its own to an Exception."""


def main() -> None:
    """Runs what sys.argv asks for. Raises UserError, and Hydra's own errors for what it cannot compose."""
    sys.path.insert(0, str(PLUGINS))
    # Hydra would print its errors itself, several lines each, and exit with 1.
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")
    _refuse_grid_keys_outside_a_grid(sys.argv[1:])
    keys = [word.lstrip("+").partition("=")[0] for word in sys.argv[1:]]
    if "model._target_" in keys and "model" not in keys:
        # The arguments of the default preset are not those of the user's own class.
        sys.argv.insert(1, "model=custom")
    from srbench.experiments.search_path import UserConf

    Plugins.instance().register(UserConf)
    try:
        hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name="config")(task)()
    except Leave as error:
        raise error.__cause__ or error from None


def task(config: DictConfig) -> None:
    """Hydra's job: one run, alone or as part of a grid."""
    logging.getLogger("srbench").setLevel(logging.INFO)
    try:
        _run(config)
    except Exception as error:
        if HydraConfig.get().mode == RunMode.RUN:
            raise Leave from error
        raise


def _run(config: DictConfig) -> None:
    from srbench.experiments.spec import planned

    one = planned(config, HydraConfig.get())
    if HydraConfig.get().mode == RunMode.RUN:
        _alone(one)
    elif progress.listener:
        _execute(one, progress.listener)
    else:
        with progress.bar(one.folder.name) as tell:
            _execute(one, tell)


def _execute(one: "PlannedRun", tell: progress.Listener) -> None:
    from srbench.experiments.run import run  # Lightning takes seconds to import: only when everything has been checked

    run(one, tell)


def _alone(planned_run: "PlannedRun") -> None:
    """One run outside a grid, and before it the bicubic run that it is compared with."""
    from srbench.experiments.literature import entries
    from srbench.experiments.preflight import check, unfinished
    from srbench.experiments.spec import build_on_meta, planned, reference_overrides
    from srbench.experiments.store import results

    loader = GlobalHydra.instance().config_loader()
    overrides = reference_overrides(planned_run)
    composed = loader.load_configuration("config", overrides, RunMode.RUN)
    runs = [planned(composed, composed.hydra), planned_run]
    runs = runs[1:] if runs[0].config_hash == planned_run.config_hash else runs
    params = {}
    for each in runs:
        model = build_on_meta(each)
        check(each, model)
        params[each.folder.name] = sum(p.numel() for p in model.parameters() if p.requires_grad)
    if planned_run.config.dry_run:
        print(f"{planned_run.folder}: {params[planned_run.folder.name]:,} parameters")
        return
    plan = {"study": planned_run.config.study, "ablations": {}, "claims": []}
    plan["published"] = entries([planned_run.config.checkpoint])
    plan["commands"] = [shlex.join(["python", "-m", "srbench", *sys.argv[1:]])]
    plan["runs"] = {each.folder.name: each.entry(params[each.folder.name]) for each in runs}
    results.add_to_plan(planned_run.study_dir, plan)
    for each in runs:
        if unfinished(each):
            with progress.bar(each.folder.name) as tell:
                _execute(each, tell)
        for dataset, scores in (results.read_record(each.folder) or {})["scores"].items():
            print(f"{each.name} {dataset}: " + ", ".join(f"{m.upper()} {float(v):.4f}" for m, v in scores.items()))
    print(f"run: {planned_run.folder}")


def _refuse_grid_keys_outside_a_grid(words: list[str]) -> None:
    grid = any(word in ("-m", "--multirun") or word == "hydra.mode=MULTIRUN" for word in words)
    shows = any(
        word in ("--cfg", "-c", "--info", "-i", "--help", "-h", "--hydra-help", "--shell-completion", "-sc")
        for word in words
    )
    for word in words:
        key = word.partition("=")[0]
        if key in ("ablation", "sweep") and "=" in word and not grid and not shows:
            raise UserError(
                f"{word}: {key} expands into several runs; add -m: python -m srbench -m {shlex.join(words)}"
            )
