"""The launchers of srbench: this process for one run, a pool of processes for many, and any launcher of Hydra's."""

import gc
import logging
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher

from srbench.core import hardware, progress
from srbench.core.errors import FailedRunError, UserError
from srbench.core.progress import console
from srbench.experiments.launchers.endings import out_of_memory
from srbench.experiments.launchers.tries import is_tried_again, may_end_well, tell_of_stop
from srbench.experiments.messages import failure_in_words
from srbench.experiments.recording import Slot
from srbench.experiments.spec import RunSpec

log = logging.getLogger(__name__)


def here(runs: Sequence[RunSpec]) -> list[Slot]:
    """Where runs are done one after the other: the first one's device, with all cores."""
    return [Slot(hardware.pick_device(runs[0].device), hardware.threads(runs[0].threads))]


def launch_here(runs: Sequence[RunSpec]) -> None:
    """Does the runs one after the other in this process, with all cores, each as often as its `retries` allow. Raises
    what went wrong with the last that did not end well, or with the first where they say `fail_fast`."""
    failure = None
    for number, run in enumerate(runs, 1):
        failure = _failure_of(run) or failure
        if failure and run.fail_fast:
            tell_of_stop(0, len(runs) - number)
            break
    if failure:
        raise failure


def _failure_of(run: RunSpec) -> Exception | None:
    """Does a run, again where it fails and may end well another time; what went wrong with it in the end. It is
    recorded, and no other run depends on it."""
    from srbench.experiments.run import run as do_run  # Lightning takes seconds to import

    (slot,) = here([run])
    for failures in count(1):
        try:
            with progress.run_bar(run.folder.name) as hear:
                do_run(run, slot, hear)
            return None
        except Exception as error:
            full, again = hardware.is_out_of_memory(error), may_end_well(error)
            failure = None if full else error
        if failure is None:  # not where it was handled, as the error holds the tensors that were there
            failure = _told_of_memory(run, slot)
        if not (again and is_tried_again(run, failures, failure_in_words(failure))):
            return failure
        failure = None
    raise AssertionError


def _told_of_memory(run: RunSpec, slot: Slot) -> Exception:
    """That it found none, once its own is given back."""
    import torch

    gc.collect()
    torch.cuda.empty_cache()
    return FailedRunError(f"{run.folder.name}: {out_of_memory(run, slot.device)} ({run.folder / 'run.log'})")


def launch_by(launcher: Launcher, runs: Sequence[RunSpec]) -> None:
    """Has a launcher of Hydra's do the runs. The disk is the truth: one that gives up leaves those that ended well.
    UserError where the runs say `fail_fast` and it cannot be stopped."""
    stops_itself, words = hasattr(launcher, "known"), [list(run.overrides) for run in runs]
    try:
        if not runs[0].fail_fast or stops_itself:
            launcher.launch(words, initial_job_idx=0)
        elif isinstance(launcher, BasicLauncher):
            _launch_until_one_fails(launcher, words)
        else:
            raise UserError(
                "fail_fast=true: this launcher is given all runs at once and cannot be stopped; "
                "choose hydra/launcher=local, basic, submitit_slurm or ray_cluster"
            )
    except UserError:
        raise
    except Exception as error:
        console.print(f"the launcher failed: {type(error).__name__}: {error}")
        log.debug("the launcher failed", exc_info=True)


def _launch_until_one_fails(launcher: BasicLauncher, words: list[list[str]]) -> None:
    """By the launcher that does one after the other."""
    for number, one in enumerate(words):
        (returned,) = launcher.launch([one], initial_job_idx=number)
        if returned.status != JobStatus.COMPLETED:
            tell_of_stop(0, len(words) - number - 1)
            return


def job_returns(runs: Sequence[RunSpec], errors: Sequence[str | None]) -> list[JobReturn]:
    """Hydra's contract: one return per job, of failed ones too. `errors`: why each run did not end well."""
    return [_returned(run, error) for run, error in zip(runs, errors, strict=True)]


def _returned(run: RunSpec, error: str | None) -> JobReturn:
    returned = JobReturn(overrides=list(run.overrides), working_dir=str(Path.cwd()))
    returned.status = JobStatus.FAILED if error else JobStatus.COMPLETED
    returned.return_value = RuntimeError(error) if error else None
    return returned
