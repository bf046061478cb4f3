"""torch with the settings that it starts with, whatever the program around has set."""

import random
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch

_lock = threading.Lock()
_inside = 0
_undo = ExitStack()


@contextmanager
def usual_torch() -> Iterator[None]:
    """Within, new tensors are of float32 and on the CPU, and operators compute in the type of what they are given.
    Afterwards the settings are those from before, and the random numbers of torch, NumPy and Python go on as if nothing
    had been drawn. These and the type of new tensors are the process's: of threads that are inside at one time the last
    to leave puts them back."""
    global _inside
    with _lock:
        if not _inside:
            _keep_for_the_end(_undo)
            torch.set_default_dtype(torch.float32)
        _inside += 1
    try:
        with ExitStack() as of_this_thread:
            if torch.get_default_device().type != "cpu":  # a mode, which every operator would wait for
                of_this_thread.enter_context(torch.device("cpu"))
            for device in ("cpu", "cuda"):
                of_this_thread.enter_context(torch.autocast(device, enabled=False))
            yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                _undo.close()


def _keep_for_the_end(undo: ExitStack) -> None:
    gpus = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    undo.enter_context(torch.random.fork_rng(gpus))
    undo.callback(torch.set_default_dtype, torch.get_default_dtype())
    undo.callback(np.random.set_state, np.random.get_state())  # noqa: NPY002
    undo.callback(random.setstate, random.getstate())
