"""The processes that help a run to train (`devices`): each trains its part of every batch beside the run's own."""

import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Thread

from srbench.core.progress import silent
from srbench.experiments.recording import Slot
from srbench.experiments.spec import RunSpec
from srbench.recipes.checkpoints import CHECKPOINT
from srbench.recipes.ranks import ALONE, LostRankError, Ranks, abort, joined

LOOK_SECONDS = 1.0  # between two looks at the helpers
Helper = subprocess.Popen[bytes]

# -P and the sys.path that it is told first: it imports what the run's process would, and nothing of the current folder.
START = f"import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); from {__name__} import serve; serve()"


@dataclass(frozen=True)
class Help:
    """What one helper is told. `folder`: for the files that every training leaves, not the run's."""

    run: RunSpec
    slot: Slot
    ranks: Ranks
    meeting: Path
    folder: Path


@contextmanager
def helped(run: RunSpec, slot: Slot) -> Iterator[tuple[Slot, Ranks]]:
    """Starts the run's helpers, and ends them whatever happens: they hold nothing that this process has not. Gives the
    place where this process trains meanwhile, and which of all it is."""
    if run.devices == 1:
        yield slot, ALONE
        return
    with tempfile.TemporaryDirectory() as scratch:
        meeting, errors = Path(scratch) / "meeting", Path(scratch) / "errors"
        helpers = list[Helper]()
        try:
            for number in range(1, run.devices):
                folder = _copy(run.folder, Path(scratch) / str(number))
                told = Help(run, _place(slot, number, run.devices), Ranks(number, run.devices), meeting, folder)
                helpers.append(started(told, errors))
            own = Ranks(0, run.devices)
            if not all(helper.stdout and helper.stdout.read(1) for helper in helpers):  # a sign that it is ready
                raise LostRankError(f"devices={run.devices}: a process of the run has not started")
            with joined(own, meeting, slot.device), _watched(helpers, run.devices):
                yield _place(slot, 0, run.devices), own
        except LostRankError as error:
            said = errors.read_text(encoding="utf-8", errors="replace").splitlines()
            raise LostRankError(f"{error}{f': {said[-1]}' if said else ''}") from error
        finally:
            for helper in helpers:
                helper.kill()
                helper.communicate()


@contextmanager
def _watched(helpers: Sequence[Helper], devices: int) -> Iterator[None]:
    """Meanwhile a thread looks at the helpers: a GPU that waits for one that has died waits for ever."""
    over, lost = Event(), Event()

    def watch() -> None:
        while not (lost.is_set() or over.wait(LOOK_SECONDS)):
            if any(helper.poll() for helper in helpers):  # None of one at work, 0 of one that has done its part
                lost.set()
                abort()

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    reason = f"devices={devices}: another process of the run has ended"
    try:
        yield
        if lost.is_set() or any(helper.poll() for helper in helpers):
            raise LostRankError(reason)
    except RuntimeError as error:  # CUDA's, of what was aborted
        if lost.is_set():
            raise LostRankError(reason) from error
        raise
    finally:
        over.set()
        watcher.join()


def _place(slot: Slot, number: int, count: int) -> Slot:
    """The GPU of one of the processes, or its part of the threads."""
    kind, _, first = slot.device.partition(":")
    if kind == "cuda":
        return replace(slot, device=f"cuda:{int(first or 0) + number}")
    return replace(slot, threads=max(1, slot.threads // count))


def _copy(folder: Path, to: Path) -> Path:
    """A folder in which a training goes on where the one in `folder` does."""
    to.mkdir()
    for name in ("stages", CHECKPOINT):
        if (folder / name).is_dir():
            shutil.copytree(folder / name, to / name)
        elif (folder / name).is_file():
            shutil.copy(folder / name, to / name)
    return to


def started(told: Help, errors: Path) -> Helper:
    """A helper at work, which ends when its stdin does: with this process at the latest."""
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # as multiprocessing does
    words, pipe = [sys.executable, *flags, "-P", "-c", START], subprocess.PIPE
    with errors.open("ab") as file:
        # Not of this process's session: Ctrl-C is for the run, which ends its helpers.
        process = subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=file, start_new_session=True)
    assert process.stdin
    with suppress(BrokenPipeError):
        process.stdin.write(pickle.dumps(sys.path) + pickle.dumps(told))
        process.stdin.flush()
    return process


def serve() -> None:
    """What a helper does: the same training, which it is told on stdin, in a folder of its own."""
    told: Help = pickle.load(sys.stdin.buffer)
    Thread(target=_end_with_stdin, daemon=True).start()
    from srbench.experiments.training import train_stages

    os.write(sys.stdout.fileno(), b".")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads on
    with joined(told.ranks, told.meeting, told.slot.device):
        train_stages(told.run, told.slot, told.folder, told.ranks, silent, lambda: None)


def _end_with_stdin() -> None:
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)
