"""The same work on many things, side by side."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

from srbench.core.errors import LostProcessError
from srbench.core.pixel_limit import limit_pixels, pixel_limit
from srbench.core.progress import Listener

Thing = TypeVar("Thing")
Result = TypeVar("Result")


def each(
    work: Callable[[Thing], Result], things: Sequence[Thing], jobs: int, tell: Listener, stage: str
) -> Iterator[Result]:
    """work(thing) of each, in order, by processes of one thread; one job works in this process.

    `tell` hears how many are done. Raises what `work` raises; after that, or a KeyboardInterrupt, nothing new begins.
    """
    if jobs == 1 or len(things) < 2:
        yield from _told(map(work, things), len(things), tell, stage)
        return
    # Not forked: a copy of a process with threads may hang.
    pool = ProcessPoolExecutor(min(jobs, len(things)), get_context("spawn"), _begin, (pixel_limit(),))
    try:
        yield from _by(pool, work, things, tell, stage)
    except BrokenProcessPool:
        raise LostProcessError(
            "a process was killed, as for want of memory; go on with fewer at a time: jobs=1"
        ) from None


def each_in_threads(
    work: Callable[[Thing], Result], things: Sequence[Thing], threads: int, tell: Listener, stage: str
) -> Iterator[Result]:
    """As `each`, for work that mostly decodes images, which leaves Python's lock alone."""
    yield from _by(ThreadPoolExecutor(threads), work, things, tell, stage)


def _by(
    pool: Executor, work: Callable[[Thing], Result], things: Sequence[Thing], tell: Listener, stage: str
) -> Iterator[Result]:
    try:
        yield from _told(pool.map(work, things), len(things), tell, stage)
    finally:
        pool.shutdown(cancel_futures=True)


def _told(results: Iterator[Result], total: int, tell: Listener, stage: str) -> Iterator[Result]:
    tell(stage, 0, total)
    for done, result in enumerate(results, 1):
        yield result
        tell(stage, done, total)


def _begin(megapixels: float) -> None:
    """In a process that has not imported numpy yet, which reads these when it is."""
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    limit_pixels(megapixels)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the one that waits for all answers it
