"""The same work on many things, by processes and by threads."""

import os
import signal
from functools import partial
from pathlib import Path

import pytest

from srbench.core.errors import FailedRunError
from srbench.core.parallel import each, each_in_threads

WAYS = pytest.mark.parametrize(
    "way", [partial(each, jobs=1), partial(each, jobs=2), partial(each_in_threads, threads=2)]
)


def silent(*_: object) -> None:
    pass


def half(number: int) -> int:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number // 2


def threads_told(_: int) -> tuple[int, str | None]:
    return os.getpid(), os.environ.get("OMP_NUM_THREADS")


def killed(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def noted(folder: Path, number: int) -> int:
    (folder / str(number)).touch()
    return half(number)


@WAYS
def test_results_come_in_the_order_of_the_things(way):
    assert list(way(half, [8, 2, 6, 4], tell=silent, stage="halves")) == [4, 1, 3, 2]


@WAYS
def test_it_is_told_how_many_are_done(way):
    told = []
    list(way(half, [2, 4], tell=lambda *news: told.append(news), stage="halves"))
    assert told == [("halves", 0, 2), ("halves", 1, 2), ("halves", 2, 2)]


@WAYS
def test_nothing_to_do_is_done(way):
    assert list(way(half, [], tell=silent, stage="halves")) == []


@WAYS
def test_what_the_work_raises_is_raised(way):
    with pytest.raises(ValueError, match="3 is odd"):
        list(way(half, [2, 3, 4], tell=silent, stage="halves"))


def test_after_a_failure_one_job_begins_nothing_new(tmp_path):
    with pytest.raises(ValueError, match="3 is odd"):
        list(each(partial(noted, tmp_path), [2, 3, 4], 1, silent, "halves"))
    assert {path.name for path in tmp_path.iterdir()} == {"2", "3"}


def test_each_process_computes_with_one_thread():
    found = list(each(threads_told, [1, 2], 2, silent, "asks"))
    assert {threads for _, threads in found} == {"1"}
    assert os.getpid() not in {process for process, _ in found}


def test_one_job_works_in_this_process():
    assert {process for process, _ in each(threads_told, [1, 2], 1, silent, "asks")} == {os.getpid()}


def test_a_process_that_is_killed_is_told_in_one_line():
    with pytest.raises(FailedRunError, match="a process was killed, as for want of memory; go on with fewer at a time"):
        list(each(killed, [1, 2], 2, silent, "dies"))
