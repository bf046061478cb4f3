"""A pool of processes for runs: one a run, forked from a server that has imported torch and Lightning once.

Two processes of one thread each do about 1.5 times the steps of one with two threads, their results do not depend on
the number of cores, and a run that crashes or is killed takes no other with it.
"""

import logging
import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import FrameType
from typing import NoReturn

from rich.progress import Progress, TaskID

from srbench.core import hardware, progress
from srbench.core.interrupts import uninterrupted
from srbench.core.progress import News, console
from srbench.core.streams import replace_unknown_characters
from srbench.experiments.launchers.endings import (
    DONE,
    FOR_GOOD,
    IN_VAIN,
    INTERRUPTED,
    OUT_OF_MEMORY,
    known_record,
    of_death,
    out_of_memory,
    status_of,
)
from srbench.experiments.launchers.launched import (
    Launched,
    first_free,
    has_failed,
    left_as_stopped,
    to_be_timed,
    untimed,
)
from srbench.experiments.launchers.mps import is_shared, multi_process_service
from srbench.experiments.launchers.occupancy import Occupancy, Stay
from srbench.experiments.launchers.room import room_on
from srbench.experiments.launchers.server import warm_up
from srbench.experiments.launchers.slots import slots_for
from srbench.experiments.launchers.tries import is_tried_again, tell_of_stop
from srbench.experiments.recording import Slot
from srbench.experiments.run_folder import ready_folder
from srbench.experiments.spec import RunSpec

GRACE_SECONDS = 30.0
LOOK_SECONDS = 1.0  # between two looks at runs that other processes work on


@dataclass(eq=False)
class Job(Launched):
    """One run of a pool, its process while it has one, and what it does."""

    process: ForkServerProcess | None = None
    pipe: Connection | None = None
    bar: TaskID | None = None
    news: News | None = None

    @property
    def trained(self) -> float:
        """The part of its training that is done, from 0 to 1."""
        if not self.news or self.news.part != "train":
            return 0.0
        return self.news.done / self.news.total if self.news.total else 0.0


def run_all(runs: Sequence[RunSpec]) -> list[str | None]:
    """Does every run, as many at a time as the first one's `jobs` and the machine allow; why each did not end well.

    Latency is measured when all else is done, one run at a time with all cores. KeyboardInterrupt asks every run to
    stop where it can go on later, and waits for that, and so does the first failure where the runs say `fail_fast`.
    """
    if not runs:
        return []
    warm_up()
    jobs, slots = [Job(untimed(run)) for run in runs], slots_for(runs)
    with shared_gpus(runs[0], slots[: len(runs)], runs[0].places.study_dir) as environment:
        _work_off(jobs, slots, environment, "runs")
    if runs[0].fail_fast and any(job.error for job in jobs):
        return [job.error for job in jobs]
    _work_off(to_be_timed(jobs, runs), [Slot(slots[0].device, hardware.threads(runs[0].threads))], {}, "latencies")
    return [job.error for job in jobs]


def shared_gpus(run: RunSpec, slots: Sequence[Slot], folder: Path) -> AbstractContextManager[Mapping[str, str]]:
    """Meanwhile runs in these slots compute at once where they share a GPU. Gives the variables that do it. `folder`:
    for what that needs."""
    devices = [slot.device for slot in slots]
    if run.mps == "off" or not is_shared(devices):
        return nullcontext({})
    gpus = list(dict.fromkeys(devices))
    return multi_process_service(folder, lambda environment: room_on(gpus, [], environment).free is not None)


def _work_off(jobs: list[Job], slots: list[Slot], environment: Mapping[str, str], what: str) -> None:
    """Does every job in a process of its own, as many at a time as there are slots; and again one that failed and may
    end well another time, as often as its `retries` say, or ran out of memory beside others, then beside fewer."""
    waiting, occupancy = list(jobs), Occupancy(slots)
    running: dict[int, tuple[Job, Stay]] = {}
    with progress.bars() as bars:
        whole = bars.add_task(what, total=len(jobs), visible=bool(jobs))
        try:
            while waiting or running:
                while occupancy.has_room and (job := first_free(waiting)):
                    waiting.remove(job)
                    stay = occupancy.enter()
                    process = _start(job, stay.slot, environment, bars)
                    running[process.sentinel] = (job, stay)
                for sentinel in _listen(running, bars, LOOK_SECONDS if waiting and occupancy.has_room else None):
                    job, stay = running.pop(sentinel)
                    occupancy.leave(stay)
                    code = _joined(job, bars)
                    if code == OUT_OF_MEMORY and stay.beside:
                        _tell_of_next_try(job, stay, occupancy.make_room(stay))
                        waiting.insert(0, job)
                    elif _is_tried_again(job, stay, code):
                        waiting.insert(0, job)
                    elif has_failed(job, code, _reason(job, stay, code), stay.slot) and job.run.fail_fast:
                        _stop_early([job for job, _ in running.values()], waiting)
                        return
                left = len(waiting) + sum(1 - job.trained for job, _ in running.values())
                bars.update(whole, completed=len(jobs) - left)
        except BaseException:
            _stop(jobs)
            raise


def _start(job: Job, slot: Slot, environment: Mapping[str, str], bars: Progress) -> ForkServerProcess:
    context = multiprocessing.get_context("forkserver")
    ours, theirs = context.Pipe()
    folder = ready_folder(job.run.folder)
    told = (theirs, str(folder / "run.log"), job.run, slot, dict(environment))
    job.process = context.Process(target=_child, args=told)
    with uninterrupted():  # else it may have started, and nobody knows of it
        job.process.start()
    theirs.close()
    job.pipe, job.news, job.bar = ours, None, bars.add_task(folder.name, total=None)
    if not console.is_terminal:
        console.print(f"{folder.name}: starts")
    return job.process


def _child(pipe: Connection, log_file: str, run: RunSpec, slot: Slot, environment: dict[str, str]) -> None:
    """In the run's process: everything that it prints, a crash of C code included, goes to run.log."""
    os.environ.update(environment)  # before anything asks CUDA; the server that it is forked from never does
    file = os.open(log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(file, 1)
    os.dup2(file, 2)
    replace_unknown_characters()
    logging.getLogger("srbench").setLevel(logging.INFO)
    signal.signal(signal.SIGTERM, _interrupt)
    from srbench.experiments.run import run as do_run  # Lightning takes seconds to import, which a plan does not need

    before = known_record(run)
    try:
        do_run(run, slot, progress.Pipe(pipe))
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    except Exception as error:
        if known_record(run) == before:  # else the record and the traceback in run.log are written
            traceback.print_exc()
        raise SystemExit(status_of(error)) from None


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _listen(running: dict[int, tuple[Job, Stay]], bars: Progress, seconds: float | None) -> list[int]:
    """Waits for news, for so many seconds at most; shows how far runs are; returns the sentinels of the processes that
    have ended."""
    pipes = {job.pipe: job for job, _ in running.values() if job.pipe is not None}
    if not pipes and not running:
        time.sleep(seconds or 0)
    ready = wait([*running, *pipes], seconds)
    for source in ready:
        if isinstance(source, Connection):
            job = pipes[source]
            try:
                job.news = News(*source.recv())
            except (EOFError, OSError):
                job.pipe = None
                continue
            assert job.bar is not None
            told = f"{job.run.folder.name}  {job.news.stage}"
            bars.update(job.bar, description=told, completed=job.news.done, total=job.news.total)
    return [sentinel for sentinel in ready if isinstance(sentinel, int)]


def _joined(job: Job, bars: Progress) -> int | None:
    """The status of the job's process, which has ended."""
    assert job.process is not None
    assert job.bar is not None
    job.process.join()
    bars.remove_task(job.bar)
    code = job.process.exitcode
    job.process.close()  # three file descriptors a run, which a grid of hundreds has not got
    job.process = None
    if job.pipe is not None:
        job.pipe.close()
        job.pipe = None
    return code


def _is_tried_again(job: Job, stay: Stay, code: int | None) -> bool:
    """Whether the run has failed, but not for good."""
    if code in (DONE, FOR_GOOD, INTERRUPTED):
        return False
    job.failures += 1
    return is_tried_again(job.run, job.failures, _reason(job, stay, code))


def _reason(job: Job, stay: Stay, code: int | None) -> str:
    """Why the run did not end well."""
    record = known_record(job.run)
    if code == INTERRUPTED:
        return "interrupted"
    if code == OUT_OF_MEMORY:
        return out_of_memory(job.run, stay.slot.device)
    if code in (FOR_GOOD, IN_VAIN) and record and record.error:
        return record.error
    return of_death(code)


def _stop_early(running: list[Job], waiting: list[Job]) -> None:
    """Ends the others once one has failed. Those that run are asked to stop where they can go on."""
    tell_of_stop(len(running), len(waiting))
    _stop(running)
    left_as_stopped(running, "interrupted")
    for job in waiting:
        job.error = "not started"


def _tell_of_next_try(job: Job, stay: Stay, at_once: int) -> None:
    others = f"{stay.beside} other{'s' if stay.beside > 1 else ''} on {stay.slot.device}"
    again = f"beside {at_once - 1} at most" if at_once > 1 else "alone"
    console.print(f"{job.run.folder.name}: ran out of memory beside {others}: again {again}")


def _stop(jobs: list[Job]) -> None:
    """Asks the runs to stop where they can go on later; ends those that do not within GRACE_SECONDS."""
    processes = [job.process for job in jobs if job.process is not None and job.process.is_alive()]
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(GRACE_SECONDS)
        if process.exitcode is None:
            process.kill()
