"""The runs of a grid as jobs of SLURM's: queued, followed, and queued again where they may end well another time.

The command only looks on: it can be ended and called again, then it takes up the jobs that are still queued.
"""

import shutil
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.progress import Progress, TaskID

from srbench.core import progress
from srbench.core.errors import UserError
from srbench.core.files import write_file
from srbench.core.interrupts import uninterrupted
from srbench.core.progress import console
from srbench.experiments.inputs import left_of_run, wanted
from srbench.experiments.launchers.endings import (
    DONE,
    ELSEWHERE,
    FOR_GOOD,
    IN_VAIN,
    INTERRUPTED,
    known_record,
)
from srbench.experiments.launchers.launched import Launched, first_free, has_failed, left_as_stopped
from srbench.experiments.launchers.slurm_queue import (
    ENDED,
    MOST_OF_AN_ARRAY,
    JobState,
    SubmittedJob,
    cancel,
    job_states,
    submitted,
)
from srbench.experiments.launchers.tries import is_tried_again, tell_of_stop
from srbench.experiments.launchers.worker import Answer, handed_over
from srbench.experiments.recording import Slot
from srbench.experiments.spec import RunSpec
from srbench.experiments.store.codec import decode, to_json
from srbench.experiments.store.json_files import read_json

JOB = "slurm.json"  # in a run's folder: its job, until a command has seen how that ended
LOOK_SECONDS, LONGEST_LOOK_SECONDS = 2.0, 30.0  # between two looks at SLURM's queue: longer, the longer all takes
LATE_SECONDS = 10.0  # that a worker's answer may come after its job has ended, on a shared file system
STOP_SECONDS = 120.0  # that cancelled jobs may take to stop; SLURM ends them after its KillWait
OF_THE_COMMAND = Slot("cpu", 1)  # in the record of a run whose worker never told where it is
USUAL = ("None", "Priority", "Resources", "JobArrayTaskLimit", "BeginTime", "Dependency", "Prolog", "Cleaning")


@dataclass(eq=False)
class QueuedRun(Launched):
    """`job`: SLURM's, while the run has one; `is_ours`: this command has submitted it; `began`: it was seen to run;
    `gone`: since when it is known to have ended."""

    job: SubmittedJob | None = None
    is_ours: bool = False
    began: bool = False
    gone: float | None = None

    @property
    def name(self) -> str:
        """Of the run's folder."""
        return self.run.folder.name

    @property
    def number(self) -> str:
        """The job's."""
        assert self.job is not None
        return self.job.job


def run_all_on_slurm(runs: Sequence[RunSpec], settings: Mapping[str, Any]) -> list[str | None]:
    """Does every run by a job of SLURM's; why each did not end well. `settings`: of hydra/launcher=submitit_slurm, as
    submitit calls them.

    KeyboardInterrupt leaves the jobs to SLURM, which is told. UserError where there is no SLURM, or it refuses them.
    """
    if find_spec("submitit") is None:
        raise UserError("hydra/launcher=submitit_slurm: needs submitit; pip install 'srbench[slurm]'")
    if shutil.which("sbatch") is None:
        raise UserError("hydra/launcher=submitit_slurm: there is no sbatch here; call it where SLURM's commands are")
    jobs = [QueuedRun(run) for run in runs]
    _work_off(jobs, settings)
    return [job.error for job in jobs]


def _work_off(jobs: list[QueuedRun], settings: Mapping[str, Any]) -> None:
    queued = _taken_up(jobs)
    waiting = [job for job in jobs if job.job is None]
    began, reasons = time.monotonic(), set(USUAL)
    with progress.bars() as bars:
        whole = bars.add_task("runs", total=len(jobs))
        try:
            while waiting or queued:
                _submit(waiting, queued, settings)
                time.sleep(min(LONGEST_LOOK_SECONDS, max(LOOK_SECONDS, (time.monotonic() - began) / 20)))
                states = job_states(job.number for job in queued)
                for job in [*queued]:
                    answer = _ending(job, states)
                    if answer is None:
                        continue
                    queued.remove(job)
                    if _goes_on(job, answer):
                        waiting.append(job)
                    elif has_failed(job, _status(answer), _reason(answer), OF_THE_COMMAND) and job.run.fail_fast:
                        _stop_early(queued, waiting)
                        return
                left = [states[job.number] for job in queued if states and job.number in states]
                _show(bars, whole, len(jobs) - len(waiting) - len(queued), left, reasons)
        except BaseException:
            _tell_of_queue(queued)
            raise


def _taken_up(jobs: Sequence[QueuedRun]) -> list[QueuedRun]:
    """Those that an earlier command has left in the queue."""
    for job in jobs:
        job.job = _job_of(job.run.folder)
    known = [job for job in jobs if job.job]
    states = job_states(job.number for job in known)
    for job in known:
        # Where SLURM does not answer, they are taken to be there: else they would be queued twice.
        if states is not None and (job.number not in states or states[job.number].has_ended):
            _forget_job(job)
    queued = [job for job in known if job.job]
    if queued:
        console.print(f"{_runs(len(queued))} in SLURM's queue already, by an earlier command; waits for them")
    return queued


def _job_of(folder: Path) -> SubmittedJob | None:
    """The job that a run's folder names; None where it names none that can be read."""
    try:
        return decode(SubmittedJob, read_json(folder / JOB))
    except (OSError, ValueError, RecursionError):
        return None


def _forget_job(job: QueuedRun) -> None:
    job.job, job.began, job.gone = None, False, None
    (job.run.folder / JOB).unlink(missing_ok=True)


def _submit(waiting: list[QueuedRun], queued: list[QueuedRun], settings: Mapping[str, Any]) -> None:
    """Queues what no other process works on: takes it from those that wait to those that are queued, array by array, so
    that none is forgotten where SLURM refuses a later one."""
    free: list[QueuedRun] = []
    while job := first_free(waiting):
        waiting.remove(job)
        free.append(job)
    arrays = -(-len(free) // MOST_OF_AN_ARRAY)
    try:
        while free:
            part = free[:MOST_OF_AN_ARRAY]
            with uninterrupted():
                found = submitted([handed_over(job.run) for job in part], settings, arrays)
                for job, one in zip(part, found, strict=True):
                    job.job, job.is_ours = one, True
                    write_file(job.run.folder / JOB, to_json(one))
                queued += part
                del free[: len(part)]
            place = found[0].log.parents[1]
            console.print(f"{_runs(len(part))} queued by SLURM as job {_array(part[0])}; what they print: {place}")
    finally:
        waiting += free


def _ending(job: QueuedRun, states: Mapping[str, JobState] | None) -> Answer | None:
    """How the job has ended; None where it has not, as far as can be known. Tells when it begins."""
    assert job.job is not None
    if answer := job.job.answer():
        return answer
    if states is None:
        return None
    state = states.get(job.number)
    if state and not state.has_ended:
        _tell_of_change(job, state)
        job.gone = None
        return None
    job.gone = job.gone or time.monotonic()
    if time.monotonic() - job.gone < LATE_SECONDS:
        return None
    told = ENDED[state.state if state else "COMPLETED"]
    status = {"CANCELLED": INTERRUPTED, "OUT_OF_MEMORY": FOR_GOOD}.get(state.state if state else "", IN_VAIN)
    return Answer(status, f"its job {job.number} {told} ({job.job.log})")


def _tell_of_change(job: QueuedRun, state: JobState) -> None:
    if state.state == "RUNNING" and not job.began:
        job.began = True
        console.print(f"{job.name}: starts (job {job.number})")
    elif state.state == "PENDING" and job.began:
        job.began = False
        console.print(f"{job.name}: stopped where it can go on, and is queued again (job {job.number})")


def _goes_on(job: QueuedRun, answer: Answer) -> bool:
    """Whether the run needs another job: it has failed, but not for good, another process works on it, or its job was
    an earlier command's, and has not done all that is asked of it now, or was refused, as srbench was another then."""
    if answer.status == INTERRUPTED:
        again = False
    elif answer.status == ELSEWHERE:
        again = True
    elif answer.status == DONE:
        again = not job.is_ours and bool(left_of_run(job.run, wanted(job.run)))
    elif answer.status == FOR_GOOD:
        again = not job.is_ours and not _is_recorded(job, answer)
    else:
        job.failures += 1
        again = is_tried_again(job.run, job.failures, answer.reason)
    _forget_job(job)
    return again


def _is_recorded(job: QueuedRun, answer: Answer) -> bool:
    record = known_record(job.run)
    return bool(record and record.error == answer.reason)


def _status(answer: Answer) -> int:
    """DONE unless it was interrupted: where a run is done in the end, a job that was lost afterwards tells nothing."""
    return INTERRUPTED if answer.status == INTERRUPTED else DONE


def _reason(answer: Answer) -> str:
    return answer.reason or "its job says that it is done, its folder does not"


def _stop_early(queued: list[QueuedRun], waiting: list[QueuedRun]) -> None:
    """Ends the others once one has failed. Those that run are asked to stop where they can go on."""
    running = [job for job in queued if job.began]
    tell_of_stop(len(running), len(queued) - len(running) + len(waiting))
    numbers, until = [job.number for job in queued], time.monotonic() + STOP_SECONDS
    cancel(numbers)
    while time.monotonic() < until:
        states = job_states(numbers)
        if states is not None and all(state.has_ended for number, state in states.items() if number in numbers):
            break
        time.sleep(LOOK_SECONDS)
    for job in [*queued, *waiting]:
        left_as_stopped([job], "interrupted" if job.began else "not started")
        _forget_job(job)


def _show(bars: Progress, whole: TaskID, ended: int, states: list[JobState], reasons: set[str]) -> None:
    """How far the grid is; once each, reasons why jobs wait that are not the usual ones."""
    numbers = Counter(state.state.lower() for state in states)
    told = ", ".join(f"{number} {state}" for state, number in sorted(numbers.items()))
    bars.update(whole, completed=ended, description=f"runs  {told}")
    for state in states:
        if state.state == "PENDING" and state.reason not in reasons:
            reasons.add(state.reason)
            console.print(f"SLURM lets jobs wait: {state.reason}")


def _tell_of_queue(queued: Sequence[QueuedRun]) -> None:
    if queued:
        numbers = " ".join(dict.fromkeys(_array(job) for job in queued))
        console.print(
            f"{_runs(len(queued))} left in SLURM's queue, where they go on; the same command waits for them again, and "
            f"this ends them where they can go on later: scancel {numbers}"
        )


def _array(job: QueuedRun) -> str:
    return job.number.partition("_")[0]


def _runs(number: int) -> str:
    return f"{number} run{' is' if number == 1 else 's are'}"
