"""What glibc does with memory that was freed. Elsewhere nothing of this does anything."""

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager

LARGE = 2048**2  # pixels of an SR image: beyond, what is kept in pieces nearly doubles the memory that a network takes

_keeps = False


def keep_freed_memory() -> None:
    """Lets glibc keep what a training step frees; else it is returned and cleared again at every step.

    Measured by benchmarks/training.py.
    """
    _set(keeps=True, trim_threshold=2**31 - 1, mmap_threshold=2**30)


def return_freed_memory() -> None:
    """Undoes `keep_freed_memory`, for images that are LARGE."""
    _set(keeps=False, trim_threshold=2**17, mmap_threshold=2**25)
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Meanwhile, and afterwards where it was before."""
    before = _keeps
    keep_freed_memory()
    try:
        yield
    finally:
        if not before:
            return_freed_memory()


def _set(keeps: bool, trim_threshold: int, mmap_threshold: int) -> None:
    global _keeps
    _keeps = keeps
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(-1, trim_threshold)  # M_TRIM_THRESHOLD
        libc.mallopt(-3, mmap_threshold)  # M_MMAP_THRESHOLD
