"""The Hydra app: one run, or with -m a grid."""

import logging
import os
import shlex
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from srbench.cli.hydra_words import CommandLine, command_line
from srbench.core.errors import UserError
from srbench.core.garbage import later_collections
from srbench.core.paths import PLUGINS, conf_folder
from srbench.experiments.hydra_versions import VERSION_BASE, help_unread
from srbench.experiments.store.overrides import parse_override


class Leave(BaseException):
    """Carries an exception, its cause, through Hydra, which would add lines of its own to an Exception."""


def run_app() -> None:
    """Runs what sys.argv asks for. Raises UserError, and Hydra's own errors for what it cannot compose."""
    if str(PLUGINS) not in sys.path:
        sys.path.insert(0, str(PLUGINS))
    line = command_line(sys.argv[1:])
    _refuse_grid_keys_outside_a_grid(line)
    sys.argv[1:] = [*line.flags, *line.overrides]
    from srbench.experiments.search_path import look_into_conf

    look_into_conf()
    # submitit_slurm has the name of the plugin's own settings, so that these check it; Hydra tells that it does.
    warnings.filterwarnings("ignore", r"\s*'hydra/launcher/submitit_slurm' is validated against ConfigStore schema")
    try:
        with _errors_raised(), help_unread():
            hydra.main(**VERSION_BASE, config_path=str(conf_folder()), config_name="config")(task)()
    except Leave as error:
        raise error.__cause__ or error from None


@contextmanager
def _errors_raised() -> Iterator[None]:
    """Hydra raises its errors, unless the user has chosen; it would print several lines on each and exit with 1."""
    chosen = os.environ.get("HYDRA_FULL_ERROR")
    os.environ["HYDRA_FULL_ERROR"] = chosen or "1"
    try:
        yield
    finally:
        if chosen is None:
            del os.environ["HYDRA_FULL_ERROR"]


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
    with later_collections():
        from srbench.cli.running import run_alone, run_job

    if HydraConfig.get().mode == RunMode.RUN:
        run_alone(config)
    else:
        run_job(config)


def _refuse_grid_keys_outside_a_grid(line: CommandLine) -> None:
    for word in line.overrides:
        key = parse_override(word).key
        if key in ("ablation", "sweep") and "=" in word and not line.is_grid and not line.shows:
            words = shlex.join([*line.flags, *line.overrides])
            raise UserError(f"{word}: {key} expands into several runs; add -m: python -m srbench -m {words}")
