"""Memory that a pass frees is kept while latencies are taken, whatever the process did before, and not beyond."""

import platform
import resource
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from srbench.core import allocator
from srbench.core.allocator import freed_memory_kept, keep_freed_memory, return_freed_memory
from srbench.metrics.cost import latency

SMALL, LARGE = 256, 1100  # pixels a side of LR images; a pass takes 67 MB, and 1.2 GB
PASSES = 6
FEW = 8  # pages that a pass clears where memory is kept; even huge ones of 2 MB are more where it is not
BEFORE = {"fresh": lambda: None, "kept": keep_freed_memory, "returned": return_freed_memory}


class Wide(nn.Module):
    """Notes how many pages had been cleared before each pass."""

    scale = 2
    cleared: list[int] = []  # noqa: RUF012 - a copy of the network shares it

    def forward(self, lr: Tensor) -> Tensor:
        self.cleared.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
        return lr.repeat(1, 85, 1, 1)


def main(before: str, side: int) -> None:
    """Prints how many pages a pass clears while a latency is taken, at best: one may find what was freed in pieces."""
    torch.set_num_threads(1)
    BEFORE[before]()
    latency(Wide(), side, side, repeats=PASSES, warmup=2)
    print(min(later - earlier for earlier, later in pairwise(Wide.cleared[-PASSES:])))


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc that keeps it")
@pytest.mark.parametrize(
    ("before", "side", "is_kept"),
    [("fresh", SMALL, True), ("returned", SMALL, True), ("kept", SMALL, True), ("returned", LARGE, False)],
)
def test_passes_of_a_latency_clear_no_memory(before, side, is_kept):
    words = [sys.executable, "-m", "tests.core.test_allocator", before, str(side)]
    told = subprocess.run(words, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2]).stdout
    assert (int(told) <= FEW) == is_kept


@pytest.mark.parametrize("before", ["kept", "returned"])
def test_afterwards_it_is_as_it_was(monkeypatch, before):
    told = []
    monkeypatch.setattr(allocator, "_set", lambda keeps, **_: told.append(keeps) or setattr(allocator, "_keeps", keeps))
    monkeypatch.setattr(allocator, "_keeps", before == "kept")
    with freed_memory_kept():
        assert told == [True]
    assert told[-1] == (before == "kept")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
