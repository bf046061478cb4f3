"""The server that processes for runs are forked from: it has imported what they need, seconds' worth, once."""

import multiprocessing
from multiprocessing import forkserver

PRELOADED = "srbench.experiments.launchers.preloaded"


def warm_up() -> None:
    """Starts it, unless it is there; it imports in the background. Light, so that it may begin before all else."""
    multiprocessing.set_forkserver_preload([PRELOADED])
    forkserver.ensure_running()
