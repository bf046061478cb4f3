import threading

import pytest
import torch

from srbench.data.supply import Batch
from srbench.recipes.length import Length
from srbench.recipes.stream import Stream


def until(step, val_every=0):
    return Length(step, 1, 2, val_every)


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
    assert [int(batch.lr.max()) for (batch,) in Stream(source, 4, until(7))] == [4, 5, 6]
    assert source.made == [4, 5, 6]


def test_the_next_batch_is_made_while_a_step_runs():
    made = threading.Event()

    class Telling(Numbers):
        def batch(self, step):
            if step == 1:
                made.set()
            return super().batch(step)

    batches = iter(Stream(Telling(), 0, until(3)))
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
        list(Stream(Broken(), 0, until(3)))


def test_the_time_that_is_waited_is_counted():
    go = threading.Event()

    class Slow(Numbers):
        def batch(self, step):
            go.wait(0.05)
            return super().batch(step)

    stream = Stream(Slow(), 0, until(2))
    list(stream)
    assert 0.05 < stream.waited < 10


def test_quick_steps_are_given_together_and_none_beyond_one_that_is_validated():
    source = Numbers()
    found = [[int(batch.lr.max()) for batch in batches] for batches in Stream(source, 3, until(40, 16), quick=True)]
    assert [step for steps in found for step in steps] == list(range(3, 40))
    assert len(found[0]) == 1
    assert max(map(len, found)) > 1
    assert {15, 31} <= {steps[-1] for steps in found}


def test_steps_that_take_long_are_given_one_by_one():
    slow = Stream(Numbers(), 0, until(5), quick=True)
    assert slow._number(1, 0.3) == 1
    assert slow._number(8, 0.125) == 2
    assert slow._number(1, 0.001) == 2
    assert slow._number(64, 0.001) == 100


@pytest.mark.parametrize("pinned", [True, False])
def test_batches_for_a_gpu_alone_lie_in_memory_that_it_reads_by_itself(monkeypatch, pinned):
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda one: one + 100)  # which needs a GPU
    batches = [batch for (batch,) in Stream(Numbers(), 0, until(3), pinned=pinned)]
    steps = [100, 101, 102] if pinned else [0, 1, 2]
    assert [(int(batch.lr.max()), int(batch.hr.max())) for batch in batches] == [(step, step) for step in steps]
    assert [(type(batch), batch.scale, batch.thumbnail) for batch in batches] == [(Batch, 1, None)] * 3
