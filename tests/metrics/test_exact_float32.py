"""TF32 is off as long as any thread needs it off, and then as it was."""

import threading

import torch

from srbench.metrics.exact_float32 import exact_float32


def allowed() -> bool:
    return torch.backends.cudnn.allow_tf32


def test_the_last_of_several_threads_puts_it_back():
    assert allowed()
    inside, leave = threading.Event(), threading.Event()

    def stay():
        with exact_float32():
            inside.set()
            leave.wait(10)

    other = threading.Thread(target=stay)
    with exact_float32():
        other.start()
        inside.wait(10)
    assert not allowed()
    leave.set()
    other.join()
    assert allowed()


def test_it_may_be_entered_twice_and_left_by_an_error():
    try:
        with exact_float32(), exact_float32():
            assert not allowed()
            raise ValueError
    except ValueError:
        assert allowed()
