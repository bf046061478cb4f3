"""The launchers of srbench: this process for one run, a pool of processes for many, and any launcher of Hydra's."""

import logging
from collections.abc import Sequence
from pathlib import Path

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher

from srbench.core import hardware, progress
from srbench.core.errors import UserError
from srbench.core.progress import console
from srbench.experiments.launchers.pool import run_all
from srbench.experiments.recording import Slot
from srbench.experiments.spec import RunSpec

log = logging.getLogger(__name__)


def here(runs: Sequence[RunSpec]) -> list[Slot]:
    """Where runs are done one after the other: the first one's device, with all cores."""
    return [Slot(hardware.pick_device(runs[0].device), hardware.threads(runs[0].threads))]


def launch_here(runs: Sequence[RunSpec]) -> None:
    """Does the runs one after the other in this process, with all cores. Raises what went wrong with the last that did
    not end well."""
    from srbench.experiments.run import run as do_run  # Lightning takes seconds to import

    failure = None
    for run in runs:
        (slot,) = here([run])
        try:
            with progress.run_bar(run.folder.name) as hear:
                do_run(run, slot, hear)
        except Exception as error:  # it is recorded; the others do not depend on it
            failure = error
    if failure:
        raise failure


def launch_by(launcher: Launcher, runs: Sequence[RunSpec]) -> None:
    """Has a launcher of Hydra's do the runs. The disk is the truth: one that gives up leaves those that ended well."""
    try:
        launcher.launch([list(run.overrides) for run in runs], initial_job_idx=0)
    except UserError:
        raise
    except Exception as error:
        console.print(f"the launcher failed: {type(error).__name__}: {error}")
        log.debug("the launcher failed", exc_info=True)


def launched(runs: Sequence[RunSpec]) -> list[JobReturn]:
    """Does the runs by the pool; Hydra's contract: one return per job, of failed ones too."""
    return [_returned(run, error) for run, error in zip(runs, run_all(runs), strict=True)]


def _returned(run: RunSpec, error: str | None) -> JobReturn:
    returned = JobReturn(overrides=list(run.overrides), working_dir=str(Path.cwd()))
    returned.status = JobStatus.FAILED if error else JobStatus.COMPLETED
    returned.return_value = RuntimeError(error) if error else None
    return returned
