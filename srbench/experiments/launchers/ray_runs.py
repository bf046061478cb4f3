"""Runs on a Ray cluster: each is a task, whose worker or node may die without harm to the others.

Ray itself tries nothing again: a run that is tried again goes on from its checkpoint, and only as often as it may.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from srbench.core import progress
from srbench.core.errors import first_line, first_line_with_type
from srbench.experiments.launchers.endings import (
    DONE,
    ELSEWHERE,
    FOR_GOOD,
    IN_VAIN,
    INTERRUPTED,
    OUT_OF_MEMORY,
)
from srbench.experiments.launchers.launched import (
    Launched,
    first_free,
    has_failed,
    left_as_stopped,
    to_be_timed,
    untimed,
)
from srbench.experiments.launchers.ray_cluster import Amount, ray_cluster, share_of, whole_node
from srbench.experiments.launchers.ray_worker import Share, work_on
from srbench.experiments.launchers.tries import is_tried_again, tell_of_stop
from srbench.experiments.launchers.worker import Answer, handed_over
from srbench.experiments.run_folder import ready_folder
from srbench.experiments.spec import RunSpec

if TYPE_CHECKING:
    from ray import ObjectRef

GRACE_SECONDS = 30.0
LOOK_SECONDS = 1.0  # between two looks at runs that other processes work on, and at how far all are
MOST_QUEUED = 1000  # by the cluster: all are listed again for each run that ends

DEATHS = {
    "WorkerCrashedError": "its process was killed or crashed (out of memory?)",
    "NodeDiedError": "its node was lost",
    "OutOfMemoryError": "Ray ended it, as its node had no memory left; more num_cpus put fewer on a node",
}


@dataclass(frozen=True)
class Queue:
    """How runs are handed to the cluster: `most` at a time, each with what `share` gives then, and options of Ray's
    that say where."""

    share: Callable[[], tuple[Share, dict[str, Any]]]
    most: int


def run_all_on_ray(runs: Sequence[RunSpec], cpus: Amount, gpus: Amount) -> list[str | None]:
    """Does every run, as many at a time as the first one's `jobs` and the cluster allow; why each did not end well.
    `cpus`, `gpus`: what each gets of the cluster.

    Latency is measured when all else is done, one run at a time with a node to itself. KeyboardInterrupt asks every run
    to stop where it can go on later, and waits for that, and so does the first failure where the runs say `fail_fast`.
    UserError where there is no cluster that can do them.
    """
    if not runs:
        return []
    first, jobs = runs[0], [Launched(untimed(run)) for run in runs]
    with ray_cluster():
        share = share_of(first, cpus, gpus)
        most = MOST_QUEUED if first.jobs == "auto" else first.jobs
        _work_off(jobs, Queue(lambda: (share, {}), most), "runs")
        if first.fail_fast and any(job.error for job in jobs):
            return [job.error for job in jobs]
        _work_off(to_be_timed(jobs, runs), Queue(partial(whole_node, first, share), 1), "latencies")
    return [job.error for job in jobs]


def _work_off(jobs: list[Launched], queue: Queue, what: str) -> None:
    """Does every job by a task of Ray's; and again one that failed and may end well another time, as often as its
    `retries` say."""
    waiting, running = list(jobs), dict["ObjectRef[Answer]", tuple[Launched, Share]]()
    with progress.bars() as bars:
        whole = bars.add_task(what, total=len(jobs), visible=bool(jobs))
        try:
            while waiting or running:
                while len(running) < queue.most and (job := first_free(waiting)):
                    waiting.remove(job)
                    share, where = queue.share()
                    running[_task(job.run, share, where)] = job, share
                for task in _ended([*running]):
                    job, share = running.pop(task)
                    answer = _answer(task)
                    if _goes_on(job, answer):
                        waiting.append(job)
                        continue
                    left = f"; {len(waiting) + len(running)} left"
                    if has_failed(job, answer.status, _reason(answer), share.slot, left) and job.run.fail_fast:
                        _stop_early(running, waiting)
                        return
                bars.update(whole, completed=len(jobs) - len(waiting) - len(running))
        except BaseException:
            _stop([*running])
            raise


def _task(run: RunSpec, share: Share, where: Mapping[str, Any]) -> "ObjectRef[Answer]":
    import ray

    log = ready_folder(run.folder).absolute() / "run.log"
    remote = ray.remote(num_cpus=share.cpus, num_gpus=share.gpus, max_retries=0, **where)(work_on)
    task: ObjectRef[Answer] = remote.remote(handed_over(run), log, share)
    return task


def _ended(tasks: list["ObjectRef[Answer]"]) -> list["ObjectRef[Answer]"]:
    """One that has ended, as soon as there is one, but after LOOK_SECONDS none."""
    import ray

    if not tasks:
        time.sleep(LOOK_SECONDS)
        return []
    ended: list[ObjectRef[Answer]] = ray.wait(tasks, timeout=LOOK_SECONDS, fetch_local=False)[0]
    return ended


def _answer(task: "ObjectRef[Answer]") -> Answer:
    """That of the worker, or where it has none any more, Ray's."""
    import ray
    from ray.exceptions import RayError, RayTaskError, TaskCancelledError

    try:
        answer: Answer = ray.get(task)
    except TaskCancelledError:
        return Answer(INTERRUPTED, "interrupted")
    except RayTaskError as error:  # srbench could not be imported there, say
        return Answer(FOR_GOOD, first_line_with_type(error.cause))
    except RayError as error:
        name = type(error).__name__
        return Answer(IN_VAIN, DEATHS.get(name) or f"{name}: {first_line(error)}")
    return answer


def _goes_on(job: Launched, answer: Answer) -> bool:
    """Whether the run needs another task: another process works on it, or it has failed, but not for good."""
    if answer.status == ELSEWHERE:
        return True
    if answer.status in (DONE, FOR_GOOD, INTERRUPTED):
        return False
    job.failures += 1
    return is_tried_again(job.run, job.failures, _reason(answer))


def _reason(answer: Answer) -> str:
    """Why the run did not end well."""
    if answer.status == OUT_OF_MEMORY:
        return "ran out of memory on its GPU; give each run more of one, as by hydra.launcher.num_gpus=1"
    return answer.reason or "its worker says that it is done, its folder does not"


def _stop_early(running: Mapping["ObjectRef[Answer]", tuple[Launched, Share]], waiting: list[Launched]) -> None:
    """Ends the others once one has failed. Those that run are asked to stop where they can go on."""
    tell_of_stop(len(running), len(waiting))
    _stop([*running])
    left_as_stopped((job for job, _ in running.values()), "interrupted")
    for job in waiting:
        job.error = "not started"


def _stop(tasks: list["ObjectRef[Answer]"]) -> None:
    """Asks the runs to stop where they can go on later; ends those that do not within GRACE_SECONDS."""
    import ray

    for task in tasks:
        ray.cancel(task, force=False)
    _, left = ray.wait(tasks, num_returns=len(tasks), timeout=GRACE_SECONDS, fetch_local=False) if tasks else ([], [])
    for task in left:
        ray.cancel(task, force=True)
