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
from dataclasses import dataclass, replace
from functools import cached_property
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import FrameType
from typing import NoReturn

from rich.progress import Progress, TaskID

from srbench.core import hardware, progress
from srbench.core.errors import UserError
from srbench.core.heartbeat import Watch
from srbench.core.interrupts import uninterrupted
from srbench.core.progress import News, console
from srbench.core.streams import replace_unknown_characters
from srbench.experiments.inputs import wanted_latency
from srbench.experiments.launchers.mps import is_shared, multi_process_service
from srbench.experiments.launchers.occupancy import Occupancy, Stay
from srbench.experiments.launchers.room import room_on
from srbench.experiments.launchers.slots import slots_for
from srbench.experiments.recording import Slot, record_death
from srbench.experiments.run_folder import ready_folder
from srbench.experiments.spec import RunSpec
from srbench.experiments.store.left import is_timed
from srbench.experiments.store.record import Record, read_record

PRELOADED = ["torch", "lightning", "srbench.experiments.run"]
GRACE_SECONDS = 30.0
OUT_OF_MEMORY = 75  # status of a run's process, EX_TEMPFAIL of sysexits.h: it may end well another time
LOOK_SECONDS = 1.0  # between two looks at runs that other processes work on


@dataclass
class Job:
    """One run, its process while it has one, what it does, and how it ended: None or the reason why not well.
    `told`: that another process works on it."""

    run: RunSpec
    process: ForkServerProcess | None = None
    pipe: Connection | None = None
    bar: TaskID | None = None
    news: News | None = None
    error: str | None = None
    told: bool = False

    @cached_property
    def watch(self) -> Watch:
        """Over the run's folder."""
        return Watch(self.run.folder)

    @property
    def trained(self) -> float:
        """The part of its training that is done, from 0 to 1."""
        if not self.news or self.news.part != "train":
            return 0.0
        return self.news.done / self.news.total if self.news.total else 0.0


def run_all(runs: Sequence[RunSpec]) -> list[str | None]:
    """Does every run, as many at a time as the first one's `jobs` and the machine allow; why each did not end well.

    Latency is measured when all else is done, one run at a time with all cores. KeyboardInterrupt asks every run to
    stop where it can go on later, and waits for that.
    """
    if not runs:
        return []
    warm_up()
    jobs, slots = [Job(_untimed(run)) for run in runs], slots_for(runs)
    with shared_gpus(runs[0], slots[: len(runs)], runs[0].places.study_dir) as environment:
        _work_off(jobs, slots, environment, "runs")
    late = [job for job, run in zip(jobs, runs, strict=True) if job.error is None and _waits_for_latency(run)]
    for job, run in zip(jobs, runs, strict=True):
        job.run = run
    _work_off(late, [Slot(slots[0].device, hardware.threads(runs[0].threads))], {}, "latencies")
    return [job.error for job in jobs]


def warm_up() -> None:
    """Starts the server that runs are forked from; it imports what they need, seconds' worth, in the background."""
    multiprocessing.set_forkserver_preload(PRELOADED)
    forkserver.ensure_running()


def shared_gpus(run: RunSpec, slots: Sequence[Slot], folder: Path) -> AbstractContextManager[Mapping[str, str]]:
    """Meanwhile runs in these slots compute at once where they share a GPU. Gives the variables that do it. `folder`:
    for what that needs."""
    devices = [slot.device for slot in slots]
    if run.mps == "off" or not is_shared(devices):
        return nullcontext({})
    gpus = list(dict.fromkeys(devices))
    return multi_process_service(folder, lambda environment: room_on(gpus, [], environment).free is not None)


def _untimed(run: RunSpec) -> RunSpec:
    return replace(run, evaluation=replace(run.evaluation, latency=False))


def _work_off(jobs: list[Job], slots: list[Slot], environment: Mapping[str, str], what: str) -> None:
    """Does every job in a process of its own, as many at a time as there are slots, and again, beside fewer, one that
    ran out of memory beside others."""
    waiting, occupancy = list(jobs), Occupancy(slots)
    running: dict[int, tuple[Job, Stay]] = {}
    with progress.bars() as bars:
        whole = bars.add_task(what, total=len(jobs), visible=bool(jobs))
        try:
            while waiting or running:
                while occupancy.has_room and (job := _next(waiting)):
                    waiting.remove(job)
                    stay = occupancy.enter()
                    process = _start(job, stay.slot, environment, bars)
                    running[process.sentinel] = (job, stay)
                for sentinel in _listen(running, bars, LOOK_SECONDS if waiting and occupancy.has_room else None):
                    job, stay = running.pop(sentinel)
                    occupancy.leave(stay)
                    if _is_over(job, stay, bars):
                        continue
                    _tell_of_next_try(job, stay, occupancy.make_room(stay))
                    waiting.insert(0, job)
                left = len(waiting) + sum(1 - job.trained for job, _ in running.values())
                bars.update(whole, completed=len(jobs) - left)
        except BaseException:
            _stop(jobs)
            raise


def _next(waiting: list[Job]) -> Job | None:
    """The first job that no other process works on; the others are told, once each, and looked at again."""
    for job in waiting:
        worker = job.watch.worker()
        if worker is None:
            return job
        if not job.told:
            job.told = True
            console.print(f"{job.run.folder.name}: {worker} works on it; comes after the others", markup=False)
    return None


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

    before = _record(run)
    try:
        do_run(run, slot, progress.Pipe(pipe))
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except Exception as error:
        if _record(run) == before:  # else the record and the traceback in run.log are written
            traceback.print_exc()
        raise SystemExit(OUT_OF_MEMORY if hardware.is_out_of_memory(error) else 1) from None


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


def _is_over(job: Job, stay: Stay, bars: Progress) -> bool:
    """Whether the run has ended for good: says how, and records it where its process could not. Not over is one that
    ran out of memory and was not alone."""
    assert job.process is not None
    assert job.bar is not None
    job.process.join()
    bars.remove_task(job.bar)
    code, name = job.process.exitcode, job.run.folder.name
    job.process.close()  # three file descriptors a run, which a grid of hundreds has not got
    job.process = None
    if job.pipe is not None:
        job.pipe.close()
        job.pipe = None
    record = _record(job.run)
    if code == 0 and record and record.status == "done":
        console.print(f"{name}: {in_words(record)}")
        return True
    if code == OUT_OF_MEMORY and stay.beside:
        return False
    if code == 130:
        job.error = "interrupted"
    elif code == OUT_OF_MEMORY:
        lower = "budget.batch_size or budget.hr_patch" if _was_training(job) else "eval.memory_gb"
        job.error = f"ran out of memory alone on {stay.slot.device}; lower {lower}"
        record_death(job.run, stay.slot, job.error)
    elif code == 1 and record and record.error:
        job.error = record.error
    else:
        job.error = _of_death(code)
        record_death(job.run, stay.slot, job.error)
    console.print(f"{name}: failed: {job.error} ({job.run.folder / 'run.log'})", style="red")
    return True


def _was_training(job: Job) -> bool:
    return bool(job.run.stages) and (job.news is None or job.news.part == "train")


def _tell_of_next_try(job: Job, stay: Stay, at_once: int) -> None:
    others = f"{stay.beside} other{'s' if stay.beside > 1 else ''} on {stay.slot.device}"
    again = f"beside {at_once - 1} at most" if at_once > 1 else "alone"
    console.print(f"{job.run.folder.name}: ran out of memory beside {others}: again {again}")


def _of_death(code: int | None) -> str:
    if code is None or code >= 0:
        return f"the process ended with status {code}"
    killed = signal.Signals(-code).name
    hint = " (out of memory?)" if -code == signal.SIGKILL else ""
    return f"the process was killed by {killed}{hint}"


def in_words(record: Record) -> str:
    """The scores and the latency of a run, for the line that says that it is done."""
    scores = (
        f"{name} {', '.join(f'{metric.upper()} {value:.4g}' for metric, value in means.items())}"
        for name, means in record.scores.items()
    )
    latency = (f"{entry.median_ms:.0f} ms for {entry.height}×{entry.width}" for entry in record.latency)
    return f"{'; '.join([*scores, *latency])} (in all {record.seconds:.0f} s)"


def _stop(jobs: list[Job]) -> None:
    """Asks the runs to stop where they can go on later; ends those that do not within GRACE_SECONDS."""
    processes = [job.process for job in jobs if job.process is not None and job.process.is_alive()]
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(GRACE_SECONDS)
        if process.exitcode is None:
            process.kill()


def _record(run: RunSpec) -> Record | None:
    try:
        return read_record(run.folder)
    except UserError:
        return None


def _waits_for_latency(run: RunSpec) -> bool:
    record = _record(run)
    return run.evaluation.latency and not (record and is_timed(record, wanted_latency(run)))
