"""A lock that one process at a time holds, by a file that is gone once nobody holds it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

LOOK_SECONDS = 0.2


@contextmanager
def locked(path: Path, waits: Callable[[], None]) -> Iterator[None]:
    """Holds the lock whose file is `path`, in a folder that is there; `waits` is called again and again while another
    process or thread holds it. The system releases the lock when its holder dies. OSError where the disk fails."""
    held = FileLock(path)
    while not held.is_locked:
        try:
            held.acquire(timeout=LOOK_SECONDS)
        except Timeout:
            waits()
    try:
        yield
    finally:
        with suppress(OSError):  # on Windows, where the release removes it
            path.unlink()  # before the release: who has waited for this file sees that it is gone, and makes another
        held.release()


@contextmanager
def locked_if_possible(path: Path) -> Iterator[None]:
    """As `locked`, in a folder that is made where it is not there; without a lock where the disk can give none."""
    with ExitStack() as held:
        with suppress(OSError, NotImplementedError):  # the latter of a disk that knows no locks
            path.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(locked(path, lambda: None))
        yield
