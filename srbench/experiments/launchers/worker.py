"""A run on another machine: how it is handed over, when the worker there leaves it, and what it answers."""

import logging
import os
import pickle
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import NoReturn

from srbench.core.code_version import CodeVersion, code_version
from srbench.core.current_folder import find_own_modules
from srbench.core.errors import UserError
from srbench.core.garbage import later_collections
from srbench.core.heartbeat import living_worker
from srbench.core.streams import replace_unknown_characters
from srbench.experiments.inputs import left_of_run, wanted
from srbench.experiments.launchers.endings import DONE, ELSEWHERE, FOR_GOOD, INTERRUPTED, status_of
from srbench.experiments.messages import failure_in_words
from srbench.experiments.recording import Slot
from srbench.experiments.spec import Places, RunSpec


@dataclass(frozen=True)
class HandedOver:
    """A run on its way to a worker. `code`: of the srbench that hands it over; `folder`: where its command was called,
    from where relative paths are meant; `pickled`: the run, which only the same code can read."""

    code: CodeVersion
    folder: Path
    pickled: bytes

    def taken(self) -> RunSpec:
        """The run, in a worker, which goes to the command's folder. UserError where srbench is another one here, or
        that folder is not there."""
        here, machine = code_version(), socket.gethostname()
        if here != self.code:
            raise UserError(
                f"{machine} has srbench {here}, the command has {self.code}: another would give other numbers; install "
                "the same on all machines, and do not change it while runs are queued"
            )
        try:
            os.chdir(self.folder)
        except OSError as error:
            raise UserError(
                f"{self.folder}: {error.strerror} on {machine}; call the command in a folder that all machines share"
            ) from None
        find_own_modules([])
        run: RunSpec = pickle.loads(self.pickled)
        return run


def handed_over(run: RunSpec) -> HandedOver:
    """The run for another machine, with absolute places."""
    absolute = replace(run, places=_absolute(run.places))
    return HandedOver(code_version(), Path.cwd(), pickle.dumps(absolute))


def _absolute(places: Places) -> Places:
    weights = os.pathsep.join(str(folder.absolute()) for folder in places.weights_folders)
    return Places(
        places.study,
        places.runs_dir.absolute(),
        places.reports_dir.absolute(),
        places.data_root.absolute(),
        weights or places.weights_dir,
    )


@dataclass(frozen=True)
class Answer:
    """What a worker says of a run. `status`: as of a process of the pool's, or ELSEWHERE; `reason`: why it did not end
    well."""

    status: int
    reason: str = ""


def answer(handed: HandedOver, slot_of: Callable[[RunSpec], Slot]) -> Answer:
    """Does a run that was handed over; leaves one that is done or that another process works on.

    SIGTERM and SIGINT ask it to stop where it can go on later. What goes wrong is in the answer, and but for a worker
    that cannot take the run in its record, too.
    """
    logging.getLogger("srbench").setLevel(logging.INFO)
    replace_unknown_characters()
    try:
        with _interruptible():
            run = handed.taken()
            if not left_of_run(run, wanted(run)):
                return Answer(DONE)
            if worker := living_worker(run.folder):
                return Answer(ELSEWHERE, f"{worker} works on it")
            _carry_out(run, slot_of(run))
    except KeyboardInterrupt:
        return Answer(INTERRUPTED, "interrupted")
    except UserError as error:
        return Answer(FOR_GOOD, str(error))
    except Exception as error:
        return Answer(status_of(error), failure_in_words(error))
    return Answer(DONE)


def _carry_out(run: RunSpec, slot: Slot) -> None:
    with later_collections():
        from srbench.experiments.run import run as do_run  # Lightning takes seconds to import

    do_run(run, slot, _unheard)


def _unheard(part: str, stage: str, done: int, total: int) -> None:
    """How far a run is, is read from the disk."""


@contextmanager
def _interruptible() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
