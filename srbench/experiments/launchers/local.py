"""The `local` launcher: one process a run, forked from a server that has imported torch and Lightning once.

Two processes of one thread each do about 1.5 times the steps of one with two threads, their results do not depend on
the number of cores, and a run that crashes or is killed takes no other with it.
"""

import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict
from rich.progress import Progress, TaskID

from srbench.core import hardware, progress
from srbench.core.progress import console
from srbench.experiments.recording import record_death
from srbench.experiments.spec import PlannedRun, planned
from srbench.experiments.store import results

PRELOADED = ["torch", "lightning", "srbench.experiments.run"]
GRACE_SECONDS = 30.0


@dataclass(frozen=True)
class Slot:
    """A place for one run at a time."""

    device: str
    threads: int


@dataclass
class Job:
    """One run, its process while it has one, and how it ended: None or the reason why not well."""

    compose: Callable[[], DictConfig]
    process: ForkServerProcess | None = None
    pipe: Connection | None = None
    bar: TaskID | None = None
    error: str | None = None

    @cached_property
    def config(self) -> DictConfig:
        """Composed when the job starts, so that the first of many need not wait for the last."""
        return self.compose()

    @cached_property
    def run(self) -> PlannedRun:
        """What the config describes."""
        return planned(self.config, self.config.hydra)


def launch(
    context: HydraContext, task: TaskFunction, config: DictConfig, job_overrides: Sequence[Sequence[str]], first: int
) -> list[JobReturn]:
    """Hydra's contract: one return per job, of failed ones too, numbered from `first`.

    Latency is measured when all else is done, one run at a time with all cores. KeyboardInterrupt asks every run to
    stop where it can go on later, and waits for that.
    """
    jobs = [Job(partial(_compose, context, config, words, first + i)) for i, words in enumerate(job_overrides)]
    first_config = jobs[0].config  # a saved sweep may set jobs, threads and device, which `config` does not show
    slots = _slots(first_config)
    warm_up()
    pool = _Pool(context, task)
    pool.run(jobs, slots, "runs", {"eval": {"latency": False}})
    late = [job for job in jobs if job.error is None and job.config.eval.latency and not _timed(job)]
    threads = hardware.cores() if first_config.threads == "auto" else first_config.threads
    pool.run(late, [Slot(slots[0].device, threads)], "latencies", {"force": False})
    return [_returned(job) for job in jobs]


def warm_up() -> None:
    """Starts the server that runs are forked from; it imports what they need, seconds' worth, in the background."""
    multiprocessing.set_forkserver_preload(PRELOADED)
    forkserver.ensure_running()


class _Pool:
    def __init__(self, context: HydraContext, task: TaskFunction) -> None:
        self.context, self.task = context, task
        self.processes = multiprocessing.get_context("forkserver")

    def run(self, jobs: list[Job], slots: list[Slot], what: str, changes: dict[str, Any]) -> None:
        """Runs every job in a process of its own, as many at a time as there are slots."""
        waiting, free = list(jobs), list(slots)
        running: dict[int, tuple[Job, Slot]] = {}
        with progress.bars() as bars:
            whole = bars.add_task(what, total=len(jobs), visible=bool(jobs))
            try:
                while waiting or running:
                    while waiting and free:
                        job, slot = waiting.pop(0), free.pop(0)
                        self._start(job, slot, changes, bars)
                        assert job.process is not None
                        running[job.process.sentinel] = (job, slot)
                    for sentinel in _listen(running, bars):
                        job, slot = running.pop(sentinel)
                        free.append(slot)
                        _finish(job, slot, bars)
                    bars.update(
                        whole, completed=len(jobs) - len(waiting) - sum(_left(j, bars) for j, _ in running.values())
                    )
            except BaseException:
                _stop(jobs)
                raise

    def _start(self, job: Job, slot: Slot, changes: dict[str, Any], bars: Progress) -> None:
        config = job.config.copy()
        with open_dict(config):
            config.merge_with({"device": slot.device, "threads": slot.threads}, changes)
        ours, theirs = self.processes.Pipe()
        folder = job.run.folder
        folder.mkdir(parents=True, exist_ok=True)
        arguments = (theirs, str(folder / "run.log"), self.context, self.task, config)
        job.process, job.pipe = self.processes.Process(target=_child, args=arguments), ours
        job.process.start()
        theirs.close()
        job.bar = bars.add_task(folder.name, total=None)
        if not console.is_terminal:
            console.print(f"{folder.name}: starts")


def _child(pipe: Connection, log_file: str, context: HydraContext, task: TaskFunction, config: DictConfig) -> None:
    """In the run's process: everything that it prints, a crash of C code included, goes to run.log."""
    file = os.open(log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(file, 1)
    os.dup2(file, 2)
    setup_globals()
    progress.listener = progress.Pipe(pipe)
    folder = Path(log_file).parent
    before = results.read_record(folder)
    try:
        ended = run_job(
            hydra_context=context,
            task_function=task,
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    if ended.status != JobStatus.COMPLETED:
        if results.read_record(folder) == before:  # else the record and the traceback in run.log are written
            traceback.print_exception(ended._return_value)
        raise SystemExit(1)


def _compose(context: HydraContext, config: DictConfig, overrides: Sequence[str], index: int) -> DictConfig:
    composed = context.config_loader.load_sweep_config(config, list(overrides))
    with open_dict(composed):
        composed.hydra.job.id, composed.hydra.job.num = str(index), index
    return composed


def _slots(config: DictConfig) -> list[Slot]:
    """A CPU run has one thread, so that its result is the same on any number of cores; each GPU has one run."""
    import torch

    device = hardware.pick_device(config.device)
    if device == "cpu":
        number, devices = hardware.cores(), ["cpu"]
    else:
        devices = [device] if ":" in device else [f"cuda:{i}" for i in range(torch.cuda.device_count())]
        number = len(devices)
    if config.jobs != "auto":
        number = config.jobs
    threads = (
        config.threads if config.threads != "auto" else 1 if device == "cpu" else max(1, hardware.cores() // number)
    )
    return [Slot(devices[i % len(devices)], threads) for i in range(number)]


def _listen(running: dict[int, tuple[Job, Slot]], bars: Progress) -> list[int]:
    """Waits for news; shows how far runs are; returns the sentinels of the processes that have ended."""
    pipes = {job.pipe: job for job, _ in running.values() if job.pipe is not None}
    ready = wait([*running, *pipes])
    for news in ready:
        if isinstance(news, Connection):
            job = pipes[news]
            try:
                stage, done, total = news.recv()
            except (EOFError, OSError):
                job.pipe = None
                continue
            assert job.bar is not None
            bars.update(job.bar, description=f"{job.run.folder.name}  {stage}", completed=done, total=total)
    return [sentinel for sentinel in ready if isinstance(sentinel, int)]


def _left(job: Job, bars: Progress) -> float:
    """The part of a running job that is still to do, from 1 down to 0."""
    assert job.bar is not None
    task = bars.tasks[bars.task_ids.index(job.bar)]
    return 1 - task.completed / task.total if task.total and "loss" in task.description else 1


def _finish(job: Job, slot: Slot, bars: Progress) -> None:
    """Says how the run ended, and records it where its process could not."""
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
    record = results.read_record(job.run.folder) or {}
    if code == 0 and record.get("status") == "done":
        console.print(f"{name}: {_in_words(record)}")
        return
    if code == 130:
        job.error = "interrupted"
    elif record.get("status") != "failed" or code != 1:
        job.error = _of_death(code)
        record_death(job.run, slot.device, job.error)
    else:
        job.error = record["error"]
    console.print(f"{name}: failed: {job.error} ({job.run.folder / 'run.log'})", style="red")


def _of_death(code: int | None) -> str:
    if code is None or code >= 0:
        return f"the process ended with status {code}"
    killed = signal.Signals(-code).name
    hint = " (out of memory?)" if -code == signal.SIGKILL else ""
    return f"the process was killed by {killed}{hint}"


def _in_words(record: dict[str, Any]) -> str:
    scores = (
        f"{name} {', '.join(f'{metric.upper()} {float(value):.4g}' for metric, value in means.items())}"
        for name, means in record["scores"].items()
    )
    latency = (f"{entry['median_ms']:.0f} ms for {entry['height']}×{entry['width']}" for entry in record["latency"])
    return f"{'; '.join([*scores, *latency])} (in all {record['seconds']:.0f} s)"


def _stop(jobs: list[Job]) -> None:
    """Asks the runs to stop where they can go on later; ends those that do not within GRACE_SECONDS."""
    processes = [job.process for job in jobs if job.process is not None and job.process.is_alive()]
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(GRACE_SECONDS)
        if process.exitcode is None:
            process.kill()


def _timed(job: Job) -> bool:
    return bool((results.read_record(job.run.folder) or {}).get("latency"))


def _returned(job: Job) -> JobReturn:
    returned = JobReturn(overrides=job.run.overrides, cfg=job.run.config, working_dir=str(Path.cwd()))
    returned.status = JobStatus.FAILED if job.error else JobStatus.COMPLETED
    returned.return_value = RuntimeError(job.error) if job.error else None
    return returned
