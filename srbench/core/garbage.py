"""When Python looks for objects that hold each other."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_collections() -> Iterator[None]:
    """Meanwhile none is looked for, and later not among what was made meanwhile: for a verb, with which its process
    ends. Among the millions of values of a large study, which all stay, looking takes a fifth of the time."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if before:
            gc.enable()
