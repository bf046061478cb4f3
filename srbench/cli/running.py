"""What the Hydra app does: one run, or a grid; planned, launched and reported in the same way."""

import shlex
import sys
from functools import partial

from hydra.core.config_loader import ConfigLoader
from hydra.core.hydra_config import HydraConfig
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from srbench.experiments.compose import Composer, job_spec, scales_that_compose
from srbench.experiments.grid import Tried, carry_out, expand, plan_of
from srbench.experiments.launchers.local import here, launch_by, launch_here
from srbench.experiments.launchers.slots import slots_for
from srbench.experiments.request import read_request
from srbench.experiments.spec import RunSpec
from srbench.reports.report_place import report_place


def run_alone(config: DictConfig) -> None:
    """One run and the bicubic one beside it, in this process. Raises what goes wrong with it."""
    run = job_spec(config, HydraConfig.get())
    plan, scales = plan_of(None, [run], _command()), lambda one: scales_that_compose(one.overrides)
    _finish(carry_out([run], plan, launch_here, scales, here, partial(_start, run)))


def run_job(config: DictConfig) -> None:
    """One run of a grid, as a launcher of Hydra's hands it over. Raises what goes wrong with it."""
    launch_here([job_spec(config, HydraConfig.get())])


def run_grid(loader: ConfigLoader, config: DictConfig, launcher: Launcher, arguments: list[str]) -> None:
    """The whole study. Raises FailedRunError where one of its runs is not done."""
    compose = Composer(loader, config)
    request = read_request(arguments, loader)
    runs = expand(request, compose)
    launch = partial(_launch, launcher)
    slots = slots_for if hasattr(launcher, "known") else here  # of another launcher nobody knows how many at once
    _finish(
        carry_out(runs, plan_of(request, runs, _command()), launch, compose.scales, slots, partial(_start, runs[0]))
    )


def _start(run: RunSpec) -> None:
    """Looks before the first run starts. UserError where the report of the runs would replace another study's."""
    study_dir = run.places.study_dir
    report_place(study_dir.resolve().name, [study_dir], run.places.reports_dir)


def _finish(tried: Tried | None) -> None:
    if tried:
        # Imported here: pandas and Matplotlib take a second, which a plan does not need.
        from srbench.cli.finish import finish

        finish(tried)


def _launch(launcher: Launcher, runs: list[RunSpec]) -> None:
    known = getattr(launcher, "known", None)
    if known is not None:  # srbench's own: a run is composed once
        known.update({run.overrides: run for run in runs})
    launch_by(launcher, runs)


def _command() -> str:
    return shlex.join(["python", "-m", "srbench", *sys.argv[1:]])
