"""float32 as it is written."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

_lock = threading.Lock()
_inside = 0
_undo = ExitStack()


@contextmanager
def exact_float32() -> Iterator[None]:
    """Without TF32, which a GPU's convolutions use by default, and without autocast, of which a caller may have asked
    something else. The settings of TF32 are the process's: of threads that are inside at one time the last to leave
    puts them back."""
    global _inside
    with _lock:
        if not _inside:
            _undo.callback(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision())
            torch.set_float32_matmul_precision("highest")
            cudnn = torch.backends.cudnn
            _undo.enter_context(
                cudnn.flags(
                    enabled=True,
                    benchmark=cudnn.benchmark,
                    deterministic=cudnn.deterministic,
                    allow_tf32=False,
                )
            )
        _inside += 1
    try:
        with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
            yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                _undo.close()
