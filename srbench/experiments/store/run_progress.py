"""progress.json: how far a run is that is at work, for whoever looks at its folder, from another machine say.

It lies there as long as its process works. What is done does not hang on it: a reader goes without where it is not
there, and a writer where the disk is full.
"""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from srbench.core.files import replace_unsynced
from srbench.core.progress import RunListener
from srbench.experiments.store.codec import decode, to_json
from srbench.experiments.store.json_files import read_json

PROGRESS = "progress.json"
WRITTEN_SECONDS = 5.0  # between two writes, as between two beats of a run's heartbeat
RATE_SECONDS = 60.0  # over which a rate is taken: stages differ in theirs

Part = Literal["train", "score", "cost", "latency"]


@dataclass(frozen=True)
class RunProgress:
    """`part`: of the run; `stage`: what is done there, in words; `done` of `total` steps or images (0: unknown);
    `rate`: of them, per second, lately; null where it is not known yet."""

    part: Part
    stage: str
    done: int
    total: int
    rate: float | None

    @property
    def seconds_left(self) -> float | None:
        """Of the part; None where it is not known."""
        return (self.total - self.done) / self.rate if self.rate and self.total >= self.done else None


def read_progress(folder: Path) -> RunProgress | None:
    """How far the run in `folder` says it is; None where nothing is said that can be read."""
    try:
        return decode(RunProgress, read_json(folder / PROGRESS))
    except (OSError, ValueError, RecursionError):
        return None


@contextmanager
def noted_progress(folder: Path, hear: RunListener) -> Iterator[RunListener]:
    """Gives a RunListener that passes on to `hear` and keeps the folder's progress.json, each WRITTEN_SECONDS and when
    another part begins; the file is removed in the end."""
    path = folder / PROGRESS
    path.unlink(missing_ok=True)  # of a process that was killed
    try:
        yield _Notes(path, hear)
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)


class _Notes:
    """A RunListener that writes."""

    def __init__(self, path: Path, hear: RunListener) -> None:
        self.path, self.hear = path, hear
        self.part, self.written = "", 0.0
        self.known = deque[tuple[float, int]]()  # when how much was done

    def __call__(self, part: str, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if part != self.part or (self.known and done < self.known[-1][1]):
            self.known.clear()
        if part != self.part or now - self.written > WRITTEN_SECONDS:
            self.known.append((now, done))
            while now - self.known[0][0] > RATE_SECONDS:
                self.known.popleft()
            self.part, self.written = part, now
            noted = RunProgress(part, stage, done, total, self._rate())  # type: ignore[arg-type]  # of the four
            with suppress(OSError):
                replace_unsynced(self.path, to_json(noted))
        self.hear(part, stage, done, total)

    def _rate(self) -> float | None:
        (first, before), (last, after) = self.known[0], self.known[-1]
        return (after - before) / (last - first) if after > before else None
