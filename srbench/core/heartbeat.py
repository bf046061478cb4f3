"""Who works in a folder: a file that its process touches as long as it lives. Nobody needs a lock, or to clean up.

A claim is a file `heartbeat-<n>` that only one process can have made. One whose process is known to be gone, or that
has not been touched for long, is followed by `heartbeat-<n+1>`, which again only one can make.
"""

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

from srbench.core.files import naming
from srbench.core.regular_files import read_regular

BEAT_SECONDS = 5.0
STALE_SECONDS = 60.0
LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Worker:
    """A process that has claimed a folder. `machine`: a boot and a namespace of process numbers, within which the
    process can be looked up; `born`: when it started, as numbers are used again."""

    host: str
    pid: int
    machine: str
    born: str
    claim: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def is_worked_on(folder: Path) -> bool:
    """Whether a process works there, as far as one look can tell: of one on another machine the clocks decide, and its
    heartbeat."""
    claims = _claims(folder)
    if not claims:
        return False
    ended = _has_ended(claims[-1].worker)
    return time.time() - claims[-1].beat / 1e9 < STALE_SECONDS if ended is None else not ended


def living_worker(folder: Path) -> Worker | None:
    """Who works there for sure; None: nobody. Of a claim from another machine that is known only once it is seen to
    beat, or has not been for STALE_SECONDS."""
    watch, seen = Watch(folder), set[tuple[str, int]]()
    while worker := watch.worker():
        seen.add((worker.claim, watch.beat))
        if len(seen) > 1 or _has_ended(worker) is False:
            return worker
        time.sleep(LOOK_SECONDS)
    return None


class LostError(Exception):
    """Another process has taken the folder: this one did not show for too long that it lives."""


class Watch:
    """Looks again and again at who works in a folder.

    A process of this machine works as long as it is there; one of another as long as its heartbeat is seen to beat,
    by the clock of whoever looks.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.beat, self.since = 0, 0.0

    def worker(self) -> Worker | None:
        """Who works there; None: nobody, as far as can be known."""
        claims = _claims(self.folder)
        return self.judge(claims[-1]) if claims else None

    def judge(self, claim: "Claim") -> Worker | None:
        """The claim's process, None for one that is taken to have ended."""
        ended = _has_ended(claim.worker)
        if ended is None:
            if self.beat != claim.beat:
                self.beat, self.since = claim.beat, time.monotonic()
            ended = time.monotonic() - self.since > STALE_SECONDS
        return None if ended else claim.worker


@dataclass(frozen=True)
class Claim:
    """A file as it was when it was looked at; `beat`: its time of change."""

    path: Path
    worker: Worker
    beat: int

    @property
    def number(self) -> int:
        return _number(self.path)


@contextmanager
def heartbeat(folder: Path, waits: Callable[[Worker], None]) -> Iterator[Callable[[], None]]:
    """Works in `folder` alone: waits while another process does, telling `waits` once of each that it waits for.

    Gives what raises LostError once the folder is another's, to be called now and then.
    """
    path = _claimed(folder, waits)
    stop = threading.Event()
    beats = threading.Thread(target=_beat, args=(path, stop), daemon=True)
    beats.start()
    try:
        yield lambda: _check(path)
    finally:
        stop.set()
        beats.join()
        path.unlink(missing_ok=True)


def _claimed(folder: Path, waits: Callable[[Worker], None]) -> Path:
    watch, told = Watch(folder), set[str]()
    while True:
        before = _claims(folder)
        if before and (worker := watch.judge(before[-1])):
            if worker.claim not in told:
                told.add(worker.claim)
                waits(worker)
            time.sleep(LOOK_SECONDS)
        elif path := _taken(folder, before):
            return path


def _taken(folder: Path, before: list[Claim]) -> Path | None:
    """The claim that follows those of `before`, whose processes have ended; None where another process was first."""
    path = folder / f"heartbeat-{before[-1].number + 1 if before else 1}"
    if not _made(path):
        return None
    known = {claim.worker.claim for claim in before}
    if any(claim.path != path and claim.worker.claim not in known for claim in _claims(folder)):
        path.unlink(missing_ok=True)  # two were made at the same moment: both step back
        time.sleep(LOOK_SECONDS * secrets.randbelow(1000) / 1000)
        return None
    for claim in before:
        claim.path.unlink(missing_ok=True)
    return path


def _made(path: Path) -> bool:
    """Makes the claim; False where another process was first."""
    me = Worker(socket.gethostname(), os.getpid(), _machine(), _born(os.getpid()) or "", uuid4().hex)
    try:
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        return False
    try:
        with os.fdopen(opened, "wb") as file:
            file.write(json.dumps(asdict(me)).encode())
    except OSError as error:  # of a full disk: a claim without a name would be waited for
        path.unlink(missing_ok=True)
        raise naming(error, path) from None
    return True


def _beat(claim: Path, stop: threading.Event) -> None:
    while not stop.wait(BEAT_SECONDS):
        with suppress(OSError):
            os.utime(claim)


def _check(claim: Path) -> None:
    if not claim.exists():
        raise LostError(claim.parent)


def _claims(folder: Path) -> list[Claim]:
    """The oldest first."""
    found = (_read(path) for path in sorted(folder.glob("heartbeat-*"), key=_number) if _number(path))
    return [claim for claim in found if claim]


def _number(path: Path) -> int:
    text = path.name.partition("-")[2]
    return int(text) if text.isdecimal() else 0


def _read(path: Path) -> Claim | None:
    """None where it is gone by now."""
    try:
        beat = path.stat().st_mtime_ns
        return Claim(path, Worker(**json.loads(read_regular(path))), beat)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, RecursionError):  # not written yet, or by something else
        return Claim(path, Worker("an unknown machine", 0, "", "", path.name), beat)


def _has_ended(worker: Worker) -> bool | None:
    """None where it cannot be known: for a process of another machine."""
    if not worker.machine or worker.machine != _machine():
        return None
    born = _born(worker.pid)
    return None if born is None else born != worker.born


def _machine() -> str:
    """Of this boot and this namespace of process numbers; "" where the system does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _born(pid: int) -> str | None:
    """When the process started, in ticks since the boot; "" for one that is gone, a zombie say; None for one that is
    hidden."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "" if _is_gone(pid) else None
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state in "ZX" else fields[18]


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
