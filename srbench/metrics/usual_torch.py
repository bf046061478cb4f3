"""torch with the settings that it starts with, whatever the program around has set."""

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch


@contextmanager
def usual_torch() -> Iterator[None]:
    """Within, new tensors are of float32 and on the CPU, and operators compute in the type of what they are given.
    Afterwards the settings are those from before, and the random numbers of torch, NumPy and Python go on as if nothing
    had been drawn. The type of new tensors is the process's: other threads see it, too."""
    dtype, numbers, own = torch.get_default_dtype(), np.random.get_state(), random.getstate()  # noqa: NPY002
    gpus = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with ExitStack() as settings:
        settings.enter_context(torch.random.fork_rng(gpus))
        if torch.get_default_device().type != "cpu":  # a mode, which every operator would wait for
            settings.enter_context(torch.device("cpu"))
        for device in ("cpu", "cuda"):
            settings.enter_context(torch.autocast(device, enabled=False))
        settings.callback(torch.set_default_dtype, dtype)
        settings.callback(np.random.set_state, numbers)
        settings.callback(random.setstate, own)
        torch.set_default_dtype(torch.float32)
        yield
