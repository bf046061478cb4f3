"""SLURM's queue: what is submitted to it, by submitit, what it says of jobs, and how they are cancelled."""

import os
import subprocess
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srbench.core.errors import UserError
from srbench.experiments.launchers.endings import IN_VAIN
from srbench.experiments.launchers.slurm_job import SlurmJob
from srbench.experiments.launchers.worker import Answer, HandedOver

COMMAND_SECONDS = 60.0
MOST_OF_AN_ARRAY = 1000  # SLURM's usual MaxArraySize is 1001
# Settings that submitit has for all its engines, and those that its executor is made with.
OF_ALL_ENGINES = {"timeout_min", "cpus_per_task", "gpus_per_node", "tasks_per_node", "mem_gb", "nodes", "name"}
OF_ALL_ENGINES |= {"stderr_to_stdout"}
OF_THE_EXECUTOR = ("submitit_folder", "max_num_timeout")
# States of a job that will not run again, and what to say of a run that it left undone.
ENDED = {
    "COMPLETED": "ended without a word",
    "CANCELLED": "was cancelled",
    "FAILED": "was killed or crashed",
    "TIMEOUT": "took longer than its limit, and did not stop in time: raise hydra.launcher.signal_delay_s",
    "OUT_OF_MEMORY": "took more memory than it may: raise hydra.launcher.mem_gb",
    "NODE_FAIL": "lost its node",
    "PREEMPTED": "made way for another, and did not stop in time",
    "BOOT_FAIL": "found a node that did not start",
    "DEADLINE": "was not done by its deadline",
    "REVOKED": "was taken by another cluster",
}


@dataclass(frozen=True)
class SubmittedJob:
    """A job by its number, `12_3` for the fourth of an array, and the folder of its files, by submitit's pattern."""

    job: str
    folder: str

    @property
    def log(self) -> Path:
        """What it says, srbench's own words aside, which are in run.log."""
        log: Path = self._paths.stderr
        return log

    def answer(self) -> Answer | None:
        """What its worker said of the run; None where it has not, yet or for ever."""
        from submitit.core.utils import pickle_load

        _list_anew(self._paths.folder)
        try:
            outcome, result = pickle_load(self._paths.result_pickle)
        except (EOFError, OSError):  # not there, or of a shared folder that is not up to date
            return None
        if outcome == "success" and isinstance(result, Answer):
            return result
        return Answer(IN_VAIN, f"job {self.job}: {_last_line(str(result))} ({self.log})")

    @property
    def _paths(self) -> Any:
        from submitit.core.utils import JobPaths

        return JobPaths(self.folder, job_id=self.job, task_id=0)


@dataclass(frozen=True)
class JobState:
    """What SLURM says of a job: `state`, PENDING say, and why it is in that."""

    state: str
    reason: str

    @property
    def has_ended(self) -> bool:
        """Whether it will not run again."""
        return self.state in ENDED


def submitted(handed: Sequence[HandedOver], settings: Mapping[str, Any], arrays: int) -> list[SubmittedJob]:
    """Queues a job for each run, MOST_OF_AN_ARRAY at most, as one of so many `arrays` that share what may run at once.
    UserError, with SLURM's words, where it refuses them."""
    at_once = max(1, settings["array_parallelism"] // arrays)
    folder = str(Path(settings["submitit_folder"]).absolute())
    try:
        with _outside_of_any_job():
            executor = _executor({**settings, "array_parallelism": at_once, "submitit_folder": folder})
            return [SubmittedJob(job.job_id, folder) for job in executor.map_array(SlurmJob(), handed)]
    except (OSError, RuntimeError, TypeError, ValueError, AssertionError) as error:
        raise UserError(f"hydra/launcher=submitit_slurm: {_last_line(str(error))}") from error


def _executor(settings: Mapping[str, Any]) -> Any:
    import submitit

    executor = submitit.AutoExecutor(
        settings["submitit_folder"], "slurm", slurm_max_num_timeout=settings["max_num_timeout"]
    )
    rest = {name: value for name, value in settings.items() if name not in OF_THE_EXECUTOR}
    if cpus := settings.get("cpus_per_task"):  # since SLURM 22.05 srun gives a task one core unless it is told
        rest["srun_args"] = [f"--cpus-per-task={cpus}"]
    executor.update_parameters(
        **{name if name in OF_ALL_ENGINES else f"slurm_{name}": value for name, value in rest.items()}
    )
    return executor


@contextmanager
def _outside_of_any_job() -> Iterator[None]:
    """Meanwhile nothing is known of the job that the command itself runs in, whose limits would become those of its
    jobs; where SLURM's configuration lies is."""
    from submitit.helpers import clean_env

    conf = {name: os.environ[name] for name in ("SLURM_CONF",) if name in os.environ}
    with clean_env(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.environ.update(conf)
        yield


def job_states(jobs: Iterable[str]) -> dict[str, JobState] | None:
    """Those of the user's jobs, by number; not of one that ended long ago. None where SLURM cannot be asked now."""
    arrays = sorted({job.partition("_")[0] for job in jobs})
    if not arrays:
        return {}
    found: dict[str, JobState] = {}
    which = ("--me", "--array", "--states=all", f"--jobs={','.join(arrays)}")
    said = _said("squeue", "--noheader", "--format=%i|%T|%r", *which)
    if said is None:
        return None
    if said.returncode:
        # It is an error to ask for one job alone that SLURM has forgotten.
        return {} if "Invalid job id" in said.stderr else None
    for line in said.stdout.splitlines():
        job, state, reason = line.split("|", 2)
        found[job] = JobState(state, reason)
    return found


def cancel(jobs: Sequence[str]) -> None:
    """Ends jobs; those that run are asked to stop first."""
    if jobs:
        _said("scancel", *jobs)


def _said(*words: str) -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(words, capture_output=True, text=True, timeout=COMMAND_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return None


def _list_anew(folder: Path) -> None:
    """A shared file system may know of a new file only once its folder was touched."""
    with suppress(OSError):
        folder.chmod(folder.stat().st_mode)


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it says nothing")
