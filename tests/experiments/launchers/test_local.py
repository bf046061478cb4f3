"""Runs in this process: what is kept of a try that failed."""

import weakref

import pytest
import torch

from srbench.experiments import run as run_module
from srbench.experiments.compose import compose_run
from srbench.experiments.launchers import local


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("none is left"), ArithmeticError("no more")])
def test_the_tensors_of_a_try_are_given_back_before_the_next_and_before_what_is_free_is_asked(
    tmp_path, monkeypatch, error
):
    tensors, alive = [], []

    def fails(*_):
        alive.append([there() is not None for there in tensors])
        kept = torch.zeros(9)
        tensors.append(weakref.ref(kept))
        raise type(error)(*error.args)

    def asked(run, device):
        alive.append([there() is not None for there in tensors])
        return "ran out of memory"

    monkeypatch.setattr(run_module, "run", fails)
    monkeypatch.setattr(local, "out_of_memory", asked)
    run = compose_run(["model=carn", "retries=1", "device=cpu", f"runs_dir={tmp_path}"])
    with pytest.raises(Exception, match=r"no more|ran out of memory"):
        local.launch_here([run])
    is_full = isinstance(error, torch.OutOfMemoryError)
    assert alive == ([[], [False], [False], [False, False]] if is_full else [[], [False]])
