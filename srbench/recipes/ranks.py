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
from torch.distributed import distributed_c10d

from srbench.core.errors import LostProcessError
from srbench.data.supply import Batch

if TYPE_CHECKING:
    from srbench.recipes.stages import BatchSource

TO_MEET = timedelta(minutes=5)
ROWS = "rows"  # of the steps that Lightning is given at once, in what they return
PATIENCE = timedelta(days=1)  # while the first process validates; who has started the others looks after them


class LostRankError(LostProcessError):
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
        except (RuntimeError, ValueError) as error:  # the latter once all is aborted
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
    """Makes of the losses, the first of what a step tells, their means over all processes."""

    def __init__(self, ranks: Ranks, losses: int) -> None:
        self.ranks, self.losses = ranks, losses

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Lightning's hook."""
        self.ranks.average([outputs[ROWS].tensor[:, : self.losses]])


@contextmanager
def joined(ranks: Ranks, meeting: Path, device: str) -> Iterator[None]:
    """Meanwhile this process belongs to the others, which meet by a file that is made for it."""
    store = distributed.FileStore(str(meeting), ranks.count)  # type: ignore[attr-defined]  # documented
    store.set(str(ranks.number), "here")
    try:
        store.wait([str(number) for number in range(ranks.count)], TO_MEET)
    except RuntimeError as error:
        raise LostRankError(f"devices={ranks.count}: the processes of the run have not met") from error
    _connect(ranks, store, torch.device(device))
    try:
        yield
    except BaseException:
        abort()  # what the others no longer take part in would be waited for
        raise
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()


def _connect(ranks: Ranks, store: Any, device: torch.device) -> None:
    gpu = device.type == "cuda"
    distributed.init_process_group(
        "nccl" if gpu else "gloo",
        store=store,
        rank=ranks.number,
        world_size=ranks.count,
        timeout=TO_MEET,
        device_id=device if gpu else None,  # connects now, not at the first step
    )
    world: Any = distributed.group.WORLD
    world._get_backend(device)._set_default_timeout(PATIENCE)


def abort() -> None:
    """Ends what this process waits for of the others, from any thread; what it has of them then is void. Of a CPU
    nothing: there one that has ended is noticed at once."""
    if distributed.is_initialized() and distributed.get_backend() == "nccl":
        distributed_c10d._abort_process_group()
