"""A training shared out among processes: each does its part of every batch, and all make the same update.

What DistributedDataParallel computes, without its wrapper, so that a recipe is written as for one process: gradients
are averaged when an optimizer steps, losses as they are told. Batch normalisation, and losses that compare the images
of a batch, see a part of it, as they do there.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lightning as L
import torch
from torch import Tensor, distributed

from srbench.core.errors import FailedRunError
from srbench.data.supply import Batch

if TYPE_CHECKING:
    from srbench.recipes.stages import BatchSource

PATIENCE = timedelta(days=1)  # while the first process validates; one that has died is noticed at once


class LostRankError(FailedRunError):
    """Another of the processes that train together has ended."""


@dataclass(frozen=True)
class Ranks:
    """This process is the `number`-th of `count` (from 0), of which the first writes what a training leaves."""

    number: int = 0
    count: int = 1

    def shared(self, source: "BatchSource") -> "BatchSource":
        """This process's part of each batch."""
        return Shared(source, self) if self.count > 1 else source

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Puts in the place of each tensor its mean over all processes. LostRankError where one has ended."""
        if self.count == 1 or not tensors:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        self._talk(distributed.all_reduce, flat)
        parts = (flat / self.count).split([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view(tensor.shape))

    def of_the_first(self, value: float, device: str) -> float:
        """What the first process gave. LostRankError where one has ended."""
        told = torch.tensor(value, dtype=torch.float64, device=device)
        if self.count > 1:
            self._talk(distributed.broadcast, told, 0)
        return told.item()

    def _talk(self, operation: Any, *arguments: Any) -> None:
        try:
            operation(*arguments)
        except RuntimeError as error:
            raise LostRankError(f"devices={self.count}: another process of the run has ended") from error


ALONE = Ranks()


@dataclass(frozen=True)
class Shared:
    """Of each batch of `source` one of as many equal parts as there are processes."""

    source: "BatchSource"
    ranks: Ranks

    def batch(self, step: int) -> Batch:
        """The part of the batch of `step` (0, 1, …)."""
        whole = self.source.batch(step)
        part = len(whole.hr) // self.ranks.count
        mine = slice(self.ranks.number * part, (self.ranks.number + 1) * part)
        thumbnail = None if whole.thumbnail is None else whole.thumbnail[mine]
        return whole._replace(lr=whole.lr[mine], hr=whole.hr[mine], thumbnail=thumbnail)


class MeanLosses(L.Callback):
    """Makes of the losses that a step tells their means over all processes."""

    def __init__(self, ranks: Ranks) -> None:
        self.ranks = ranks

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Lightning's hook."""
        self.ranks.average(list(outputs.values()))


@contextmanager
def joined(ranks: Ranks, meeting: Path, device: str) -> Iterator[None]:
    """Meanwhile this process belongs to the others, which meet by a file that is made for it."""
    backend = "nccl" if device.startswith("cuda") else "gloo"
    distributed.init_process_group(
        backend, init_method=meeting.as_uri(), rank=ranks.number, world_size=ranks.count, timeout=PATIENCE
    )
    try:
        yield
    finally:
        distributed.destroy_process_group()
