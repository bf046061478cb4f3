"""One process at a time works in a folder, whatever happens to those before it."""

import json
import multiprocessing
import os
import signal
import threading
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from srbench.core import heartbeat as hearts
from srbench.core.heartbeat import LostError, Watch, Worker, heartbeat, is_worked_on, living_worker

FORK = multiprocessing.get_context("forkserver")


def ignore(worker: Worker) -> None:
    """For `waits`."""


def works(folder: Path, times: int) -> None:
    """Adds to a number that only survives where one process at a time works."""
    for _ in range(times):
        with heartbeat(folder, ignore):
            number = int((folder / "number").read_text())
            os.close(os.open(folder / "inside", os.O_CREAT | os.O_EXCL))
            (folder / "number").write_text(str(number + 1))
            (folder / "inside").unlink()


def holds(folder: Path, pipe) -> None:
    """Works until the other end of the pipe is closed, or until it is killed."""
    with heartbeat(folder, ignore):
        pipe.send("works")
        with suppress(EOFError):
            pipe.recv()


@pytest.fixture
def holder(tmp_path):
    """A process that works in the folder."""
    ours, theirs = FORK.Pipe()
    process = FORK.Process(target=holds, args=(tmp_path, theirs))
    process.start()
    theirs.close()
    assert ours.recv() == "works"
    yield process
    ours.close()
    process.join()


def claimed(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("heartbeat-*")]


def test_many_processes_work_one_after_the_other(tmp_path):
    (tmp_path / "number").write_text("0")
    processes = [FORK.Process(target=works, args=(tmp_path, 3)) for _ in range(6)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 6
    assert (tmp_path / "number").read_text() == "18"
    assert claimed(tmp_path) == []


def test_whoever_works_is_known(tmp_path, holder):
    assert Watch(tmp_path).worker().pid == holder.pid


def test_one_look_tells_who_works_from_who_was_killed(tmp_path, holder):
    assert is_worked_on(tmp_path)
    os.utime(tmp_path / "heartbeat-1", (1, 1))  # stopped for long: it works as long as it is there
    assert is_worked_on(tmp_path)
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    assert not is_worked_on(tmp_path)
    assert not is_worked_on(tmp_path / "nowhere")


def test_one_that_was_killed_is_followed_at_once(tmp_path, holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    assert claimed(tmp_path) == ["heartbeat-1"]
    told = []
    with heartbeat(tmp_path, told.append):
        assert claimed(tmp_path) == ["heartbeat-2"]
        assert Watch(tmp_path).worker().pid == os.getpid()
    assert not told


def test_one_that_is_killed_while_it_is_waited_for_is_followed(tmp_path, holder):
    told = []

    def wait(worker: Worker) -> None:
        told.append(worker.pid)
        os.kill(worker.pid, signal.SIGKILL)

    with heartbeat(tmp_path, wait):
        assert told == [holder.pid]


def test_one_that_was_stopped_is_not_followed_however_long_it_does_not_beat(tmp_path, holder, monkeypatch):
    monkeypatch.setattr(hearts, "STALE_SECONDS", 0.0)
    os.kill(holder.pid, signal.SIGSTOP)
    watch = Watch(tmp_path)
    seen = [watch.worker() for _ in range(3)]
    os.kill(holder.pid, signal.SIGCONT)
    assert [worker.pid for worker in seen] == [holder.pid] * 3


def test_a_number_that_another_process_has_by_now_is_not_taken_for_the_first(tmp_path, holder):
    (file,) = tmp_path.glob("heartbeat-1")
    worker = Worker(**json.loads(file.read_text()))
    file.write_text(json.dumps(asdict(replace(worker, born="0"))))
    assert Watch(tmp_path).worker() is None


@pytest.fixture
def elsewhere(tmp_path) -> Path:
    """The claim of a process of another machine."""
    file = tmp_path / "heartbeat-3"
    file.write_text(json.dumps(asdict(Worker("node7", 1, "another boot", "0", "abc"))))
    return file


def test_one_of_another_machine_works_as_long_as_it_beats(tmp_path, elsewhere):
    watch = Watch(tmp_path)
    for time in range(1, 4):
        os.utime(elsewhere, (time, time))
        assert str(watch.worker()) == "process 1 on node7"


def test_one_look_takes_one_of_another_machine_by_its_last_beat(tmp_path, elsewhere):
    assert is_worked_on(tmp_path)
    os.utime(elsewhere, (1, 1))
    assert not is_worked_on(tmp_path)


def test_one_of_another_machine_that_beats_no_more_is_followed(tmp_path, elsewhere, monkeypatch):
    monkeypatch.setattr(hearts, "STALE_SECONDS", 0.1)
    monkeypatch.setattr(hearts, "LOOK_SECONDS", 0.05)
    with heartbeat(tmp_path, ignore):
        assert claimed(tmp_path) == ["heartbeat-4"]


def test_one_of_this_machine_is_known_to_live_at_once(tmp_path, holder):
    assert living_worker(tmp_path).pid == holder.pid
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    assert living_worker(tmp_path) is None
    assert living_worker(tmp_path / "nowhere") is None


def test_one_of_another_machine_lives_for_sure_once_it_is_seen_to_beat(tmp_path, elsewhere, monkeypatch):
    monkeypatch.setattr(hearts.time, "sleep", lambda _: os.utime(elsewhere))
    assert str(living_worker(tmp_path)) == "process 1 on node7"


def test_one_of_another_machine_that_is_not_seen_to_beat_has_ended(tmp_path, elsewhere, monkeypatch):
    monkeypatch.setattr(hearts, "STALE_SECONDS", 0.1)
    monkeypatch.setattr(hearts, "LOOK_SECONDS", 0.05)
    assert living_worker(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff", b'{"host": 1}', b"[" * 100_000])
def test_a_claim_that_cannot_be_read_counts_as_one_of_another_machine(tmp_path, monkeypatch, content):
    (tmp_path / "heartbeat-1").write_bytes(content)
    assert "unknown" in str(Watch(tmp_path).worker())
    monkeypatch.setattr(hearts, "STALE_SECONDS", 0.1)
    monkeypatch.setattr(hearts, "LOOK_SECONDS", 0.05)
    with heartbeat(tmp_path, ignore):
        assert claimed(tmp_path) == ["heartbeat-2"]


def test_a_claim_that_is_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "heartbeat-1")
    assert "unknown" in str(Watch(tmp_path).worker())


def test_whoever_has_lost_the_folder_is_told(tmp_path):
    with heartbeat(tmp_path, ignore) as check:
        check()
        (tmp_path / "heartbeat-1").unlink()
        with pytest.raises(LostError):
            check()


def test_it_beats(tmp_path, monkeypatch):
    monkeypatch.setattr(hearts, "BEAT_SECONDS", 0.01)
    beaten = threading.Event()
    touch = os.utime

    def utime(path: Path) -> None:
        touch(path)
        beaten.set()

    monkeypatch.setattr(os, "utime", utime)
    with heartbeat(tmp_path, ignore):
        assert beaten.wait(30)


def test_an_exception_ends_the_claim(tmp_path):
    with pytest.raises(RuntimeError), heartbeat(tmp_path, ignore):
        raise RuntimeError
    assert claimed(tmp_path) == []
