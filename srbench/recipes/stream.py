"""The batches of a stage, one after the other, made in the background."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, Protocol, TypeVar, cast

from torch import Tensor

from srbench.data.device_patches import Cuts
from srbench.data.supply import Batch
from srbench.recipes.length import Length

Fed = Batch | Cuts  # what steps are made of

TOGETHER_SECONDS = 0.25  # of steps that Lightning is given at once
MOST_TOGETHER = 100

Made = TypeVar("Made", bound=Fed, covariant=True)


class _Source(Protocol[Made]):
    def batch(self, step: int) -> Made: ...


class Stream(Generic[Made]):
    """The batches of the steps from `start` to the last, made while the steps before them run: several at once for
    steps that are `quick`, one by one else. None are beyond a step that is validated.

    `pinned`: in memory that a GPU reads by itself, so that sending a batch there does not wait for the steps before.
    `waited`: seconds that the training has waited for batches.
    """

    def __init__(
        self, source: _Source[Made], start: int, length: Length, pinned: bool = False, quick: bool = False
    ) -> None:
        self.source, self.start, self.length, self.pinned, self.quick = source, start, length, pinned, quick
        self.waited = 0.0

    def __iter__(self) -> Iterator[tuple[Made, ...]]:
        step, number, before = self.start, 1, 1
        with ThreadPoolExecutor(1) as background:
            following = background.submit(self._make, step, step + 1)
            while step < self.length.steps:
                began = time.perf_counter()
                batches = following.result()
                step += len(batches)
                self.waited += time.perf_counter() - began
                if step < self.length.steps:
                    last = min(step + number, self.length.stop_after(step))
                    following = background.submit(self._make, step, last)
                given = time.perf_counter()
                yield batches
                if self.quick and len(batches) == number and not self.length.validates_at(step):
                    # The host runs ahead: what it waited for were the steps of now, or those before.
                    number = self._number(number, (time.perf_counter() - given) / min(before, number))
                before = len(batches)

    def end(self) -> None:
        """Lets go of the source, and of images that it has on a GPU: Lightning holds the stream for longer."""
        del self.source

    def _number(self, before: int, seconds: float) -> int:
        """How many to make at once when each step takes so long; growing in steps, as the first are slow."""
        return max(1, min(2 * before, int(TOGETHER_SECONDS / max(seconds, 1e-6)), MOST_TOGETHER))

    def _make(self, first: int, end: int) -> tuple[Made, ...]:
        return tuple(self._one(step) for step in range(first, end))

    def _one(self, step: int) -> Made:
        batch = self.source.batch(step)
        if not self.pinned:
            return batch
        pinned = (one.pin_memory() if isinstance(one, Tensor) else one for one in batch)
        return cast(Made, type(batch)._make(pinned))
