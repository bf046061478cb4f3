"""A run as a job of SLURM's, started by submitit: when it stops, and when it is queued again.

SLURM sends SIGUSR2 some time before a job's limit, and SIGTERM to one that makes way for another or is cancelled. Both
ask the run to stop where it can go on. It is queued again unless SLURM itself ends the job: cancelled, or queued again
by SLURM.
"""

import signal
import subprocess
from types import FrameType

from submitit.core.job_environment import JobEnvironment
from submitit.core.utils import DelayedSubmission

from srbench.core import hardware
from srbench.experiments.launchers.endings import INTERRUPTED
from srbench.experiments.launchers.worker import Answer, HandedOver, answer
from srbench.experiments.recording import Slot
from srbench.experiments.spec import RunSpec

ASKED_SECONDS = 60.0


class SlurmJob:
    """What submitit calls on a node."""

    def __call__(self, handed: HandedOver) -> Answer:
        """Does the run. Leaves the process by SystemExit where the job is queued again."""
        number = getattr(signal, f"SIG{JobEnvironment.USR_SIG}")
        queue_again = signal.getsignal(number)
        signal.signal(number, _ask_to_stop)
        said = answer(handed, _slot)
        if said.status == INTERRUPTED and callable(queue_again) and _is_running(JobEnvironment().job_id):
            queue_again(number, None)  # submitit's own handler, which also counts the limits that were reached
        return said

    def checkpoint(self, handed: HandedOver) -> DelayedSubmission:
        """What is done when the job runs again: the same, as the run's folder knows how far it is."""
        return DelayedSubmission(self, handed)


def _ask_to_stop(number: int, frame: FrameType | None) -> None:
    signal.raise_signal(signal.SIGTERM)  # which a training and everything else of a run know


def _slot(run: RunSpec) -> Slot:
    """All that the job was allotted."""
    return Slot(hardware.pick_device(run.device), hardware.threads(run.threads))


def _is_running(job: str) -> bool:
    """Whether SLURM lets the job go on; not one that it is ending."""
    try:
        asked = ["squeue", "--noheader", "--format=%T", f"--jobs={job}"]
        said = subprocess.run(asked, capture_output=True, text=True, timeout=ASKED_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return False
    return said.stdout.split() == ["RUNNING"]
