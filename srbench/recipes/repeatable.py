"""Trainings on a GPU that give the same numbers again."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def repeatable(device: str) -> Iterator[None]:
    """Meanwhile a GPU's convolutions add up in one order, and are chosen by rule, not by a race between them."""
    if not device.startswith("cuda"):
        yield
        return
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=True):
        yield
