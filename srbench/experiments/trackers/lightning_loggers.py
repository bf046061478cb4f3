"""Lightning's loggers, made so that W&B and TensorBoard stay in the run's folder, ask nobody and send no code.

The packages, Lightning's too, are imported when a logger is opened.
"""

import importlib
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srbench.core.lookups import hidden
from srbench.experiments.trackers.subject import Subject

if TYPE_CHECKING:
    from lightning.pytorch.loggers import Logger

log = logging.getLogger(__name__)

WANDB = "lightning.pytorch.loggers.WandbLogger"
INIT_SECONDS = 15.0
STORED_SECONDS = 30.0  # W&B writes what it is told every 15; a process that is killed takes the rest with it
FINISH_SECONDS = 10.0  # the local launcher gives an interrupted run 30
# Without these W&B writes to the terminal, and sends reports of its own errors in offline mode, too.
WANDB_ENVIRONMENT = {"WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false"}
RESUMABLE = ("wandb",)  # take up a run by its id; the others begin anew, and are told all rows again
OWN_EXTRAS = ("wandb", "tensorboard")  # of pyproject.toml


def open_logger(subject: Subject, run_id: str) -> "Logger":
    """The logger that `subject` names, opened, and told the subject's config. It may raise anything."""
    from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger
    from lightning.pytorch.utilities import rank_zero_only

    # A run is one process. Lightning's loggers are silent in any but the first of those that a cluster numbers.
    rank_zero_only.rank = 0  # type: ignore[attr-defined]
    module, _, name = str(subject.logger["_target_"]).rpartition(".")
    made = getattr(importlib.import_module(module), name)
    arguments: dict[str, Any] = {key: value for key, value in subject.logger.items() if key != "_target_"}
    if issubclass(made, WandbLogger):
        arguments = _wandb_arguments(subject, run_id) | arguments
    elif issubclass(made, TensorBoardLogger):
        arguments = _tensorboard_arguments(subject) | arguments
    logger: Logger = made(**arguments)
    logger.log_hyperparams(dict(subject.config))
    return logger


def close_logger(logger: "Logger", status: int) -> None:
    """Ends it; `status` as of a process: 0, 1 failed, 130 interrupted.

    Raises TimeoutError where W&B takes longer to send than FINISH_SECONDS; the files are there all the same.
    """
    from lightning.pytorch.loggers import WandbLogger

    logger.finalize("failed" if status else "success")
    if isinstance(logger, WandbLogger):  # Lightning leaves it open, for a second training
        logger.experiment.finish(exit_code=status)


def reason_of(error: Exception, logger_name: str) -> str:
    """Why a logger is switched off, in one line."""
    # Lightning says of whatever TensorBoard raises that a value is not supported.
    cause = error.__cause__ if isinstance(error, ValueError) and error.__cause__ else error
    if isinstance(cause, ModuleNotFoundError) and logger_name in OWN_EXTRAS and cause.name in (None, logger_name):
        return f"{logger_name} is not installed; get it with: pip install 'srbench[{logger_name}]'"
    return hidden(f"{type(cause).__name__}: {_in_one_line(cause)}")


def _tensorboard_arguments(subject: Subject) -> dict[str, Any]:
    """Event files in `folder`/tensorboard; what an earlier process left there is not shown, as all is told again."""
    return {
        "save_dir": subject.folder,
        "name": "tensorboard",
        "version": "",
        "default_hp_metric": False,
        "purge_step": 0,
    }


def _wandb_arguments(subject: Subject, run_id: str) -> dict[str, Any]:
    """A run in `folder`/wandb, where what it needs to be sent later lies, too."""
    for name, value in WANDB_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import wandb

    given = wandb.setup().settings
    settings = wandb.Settings(
        silent=True,
        console="off",  # run.log has what is printed
        disable_git=True,  # neither code nor differences leave the machine
        disable_code=True,
        x_disable_stats=True,  # it would disturb what is measured
        init_timeout=INIT_SECONDS,
        finish_timeout=FINISH_SECONDS,
        finish_timeout_raises=True,
    )
    return {
        "project": given.project or "srbench",
        "save_dir": subject.folder,
        "id": run_id,
        "name": subject.name,
        "group": subject.study,
        "job_type": subject.kind,
        "tags": list(subject.tags),
        "mode": given.mode if given.mode != "online" else _wandb_mode(subject.folder),
        "reinit": "create_new",  # else, in one process, a run that was switched off would be given again
        "settings": settings,
    }


def _wandb_mode(folder: Path) -> str:
    """`online` with a key that the server accepts; asks nobody for one, and waits 10 seconds for a server at most."""
    import wandb

    try:
        if wandb.login(prompt=False, verify=True):
            return "online"
        reason = "no key"
    except wandb.Error as error:
        reason = _in_one_line(error)
    log.info("W&B records offline (%s); to send it: wandb sync %s", reason, folder / "wandb" / "offline-run-*")
    return "offline"


def _in_one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
