"""The batches of a stage, one after the other, made in the background."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from srbench.data.supply import Batch
from srbench.recipes.stages import BatchSource


class Stream:
    """The batches of the steps from `start` to `steps` − 1, each made while the step before it runs.

    `pinned`: in memory that a GPU reads by itself, so that sending a batch there does not wait for the steps before.
    `waited`: seconds that the training has waited for batches.
    """

    def __init__(self, source: BatchSource, start: int, steps: int, pinned: bool = False) -> None:
        self.source, self.start, self.steps, self.pinned = source, start, steps, pinned
        self.waited = 0.0

    def __iter__(self) -> Iterator[Batch]:
        with ThreadPoolExecutor(1) as background:
            following = background.submit(self._make, self.start)
            for step in range(self.start, self.steps):
                began = time.perf_counter()
                batch = following.result()
                self.waited += time.perf_counter() - began
                if step + 1 < self.steps:
                    following = background.submit(self._make, step + 1)
                yield batch

    def _make(self, step: int) -> Batch:
        batch = self.source.batch(step)
        if not self.pinned:
            return batch
        thumbnail = None if batch.thumbnail is None else batch.thumbnail.pin_memory()
        return batch._replace(lr=batch.lr.pin_memory(), hr=batch.hr.pin_memory(), thumbnail=thumbnail)
