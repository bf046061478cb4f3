import threading

import pytest
import torch

from srbench.data.supply import Batch
from srbench.recipes.stream import Stream


class Numbers:
    """A batch that says its step."""

    def __init__(self):
        self.made = []

    def batch(self, step):
        self.made.append(step)
        pixels = torch.full((1, 2, 2, 3), step, dtype=torch.uint8)
        return Batch(pixels, pixels, 1)


def test_a_stream_goes_on_from_any_step_and_ends_with_the_stage():
    source = Numbers()
    assert [int(batch.lr.max()) for batch in Stream(source, 4, 7)] == [4, 5, 6]
    assert source.made == [4, 5, 6]


def test_the_next_batch_is_made_while_a_step_runs():
    made = threading.Event()

    class Telling(Numbers):
        def batch(self, step):
            if step == 1:
                made.set()
            return super().batch(step)

    batches = iter(Stream(Telling(), 0, 3))
    next(batches)
    assert made.wait(10)
    batches.close()


def test_what_fails_in_the_background_fails_in_the_training():
    class Broken(Numbers):
        def batch(self, step):
            if step == 1:
                raise OSError("the disk is gone")
            return super().batch(step)

    with pytest.raises(OSError, match="the disk is gone"):
        list(Stream(Broken(), 0, 3))


def test_the_time_that_is_waited_is_counted():
    go = threading.Event()

    class Slow(Numbers):
        def batch(self, step):
            go.wait(0.05)
            return super().batch(step)

    stream = Stream(Slow(), 0, 2)
    list(stream)
    assert 0.05 < stream.waited < 10
