"""When Python looks for objects that hold each other."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def later_collections() -> Iterator[None]:
    """Meanwhile none is looked for: while many thousands of objects are made, and none of them is lost."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


@contextmanager
def no_collections() -> Iterator[None]:
    """As `later_collections`, and later not among what was made meanwhile: for a verb, with which its process ends.
    Among the millions of values of a large study, which all stay, looking takes a fifth of the time."""
    with later_collections():
        try:
            yield
        finally:
            gc.freeze()
