"""What a run needs, imported by the server that runs are forked from. A command that is refused meanwhile takes the
server with it: it would hold the command's output open for seconds, and whoever reads that would wait."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from srbench.core.garbage import no_collections

LOOK_SECONDS = 0.05


@contextmanager
def _ends_with_its_command() -> Iterator[None]:
    """Meanwhile this process ends as soon as the one that started it has ended."""
    command, done = os.getppid(), threading.Event()

    def look() -> None:
        while not done.wait(LOOK_SECONDS):
            if os.getppid() != command:
                os._exit(0)

    watch = threading.Thread(target=look, daemon=True)
    watch.start()
    try:
        yield
    finally:
        done.set()
        watch.join()  # processes are forked from here, and a fork takes no thread along


with no_collections(), _ends_with_its_command():
    import lightning
    import torch

    import srbench.experiments.run

__all__ = ["lightning", "srbench", "torch"]
