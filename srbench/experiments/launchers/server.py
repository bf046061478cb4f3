"""The server that processes for runs are forked from: it has imported what they need, seconds' worth, once."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker

from srbench.core.interrupts import uninterrupted

PRELOADED = "srbench.experiments.launchers.preloaded"
LOOK_SECONDS = 0.05


def warm_up() -> None:
    """Starts it, unless it is there; it imports in the background. Light, so that it may begin before all else."""
    multiprocessing.set_forkserver_preload([PRELOADED])
    resource_tracker.ensure_running()  # which lets Ctrl-C through again
    with uninterrupted():  # the server inherits it, and hears no Ctrl-C before it can do what it should on one
        forkserver.ensure_running()


@contextmanager
def ends_with_its_command() -> Iterator[None]:
    """In the server, while it imports: it ends as soon as the command does that has started it, and is refused, say.
    Else it would hold the command's output open for seconds, and whoever reads that would wait. Ctrl-C, which reaches
    it too, is the command's to answer; what is forked hears it again."""
    command, done = os.getppid(), threading.Event()

    def look() -> None:
        while not done.wait(LOOK_SECONDS):
            if os.getppid() != command:
                os._exit(0)

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    watch = threading.Thread(target=look, daemon=True)
    watch.start()
    try:
        yield
    finally:
        done.set()
        watch.join()  # processes are forked from here, and a fork takes no thread along
        signal.signal(signal.SIGINT, before)
