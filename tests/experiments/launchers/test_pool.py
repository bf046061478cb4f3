"""Where a grid's runs run at once."""

import pytest

from srbench.core import hardware
from srbench.experiments.launchers.pool import slots_for
from srbench.experiments.recording import Slot


@pytest.fixture
def six_cores(monkeypatch):
    monkeypatch.setattr(hardware, "cores", lambda: 6)


@pytest.mark.usefixtures("six_cores")
@pytest.mark.parametrize("openmp", [None, "1", "4"])
def test_there_is_a_place_a_core_of_one_thread_each_whatever_openmp_is_told(plan, monkeypatch, openmp):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if openmp:
        monkeypatch.setenv("OMP_NUM_THREADS", openmp)
    assert slots_for(plan("device=cpu")) == [Slot("cpu", 1)] * 6


@pytest.mark.usefixtures("six_cores")
def test_the_number_of_places_and_of_threads_can_be_asked_for(plan):
    assert slots_for(plan("device=cpu", "jobs=2", "threads=3")) == [Slot("cpu", 3)] * 2
