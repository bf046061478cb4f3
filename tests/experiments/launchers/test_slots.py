"""Where a grid's runs run at once."""

import pytest
import torch

from srbench.core import hardware
from srbench.experiments.launchers import slots
from srbench.experiments.launchers.room import Room
from srbench.experiments.launchers.slots import fitting, shared_out, slots_for
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
    assert slots_for([plan("device=cpu")]) == [Slot("cpu", 1)] * 6


@pytest.mark.usefixtures("six_cores")
def test_the_number_of_places_and_of_threads_can_be_asked_for(plan):
    assert slots_for([plan("device=cpu", "jobs=2", "threads=3")]) == [Slot("cpu", 3)] * 2


@pytest.mark.usefixtures("six_cores")
def test_an_apple_gpu_has_one_run_at_a_time_unless_more_are_asked_for(plan, monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert slots_for([plan("device=mps")] * 3) == [Slot("mps", 1)]
    assert slots_for([plan("device=mps", "jobs=2")]) == [Slot("mps", 1)] * 2


GB = 10**9


@pytest.mark.parametrize(
    ("free", "needed", "number"),
    [
        (80 * GB, 3 * GB, 16),  # 24 would fit
        (24 * GB, 3 * GB, 7),  # 21.6 GB without what is spared
        (10 * GB, 3 * GB, 3),
        (10 * GB, 3 * GB + 1, 2),
        (2 * GB, 3 * GB, 1),
        (80 * GB, None, 4),
        (None, 3 * GB, 4),
    ],
)
def test_a_gpu_has_as_many_runs_as_fit_into_its_free_memory(free, needed, number):
    assert fitting(free, needed) == number


@pytest.mark.parametrize(
    ("free", "cores", "runs", "places"),
    [
        ([80], 16, 100, [0] * 16),
        ([80], 6, 100, [0] * 6),
        ([80], 16, 3, [0] * 3),
        ([80, 80], 16, 3, [0, 1, 0]),
        ([80, 4], 8, 100, [0, 1, 0, 0, 0, 0, 0, 0]),
        ([80, 80, 80, 80], 2, 100, [0, 1, 2, 3]),  # one each, as if there were cores for them
        ([4, 4], 16, 100, [0, 1]),
    ],
)
def test_runs_are_dealt_to_gpus_in_turn_up_to_memory_cores_and_their_number(free, cores, runs, places):
    room = Room(tuple(one * GB for one in free), 3 * GB)
    assert shared_out(room, len(free), cores, runs) == places


def test_gpus_that_nobody_knows_anything_of_have_four_runs_each():
    assert shared_out(Room(None, None), 2, 16, 100) == [0, 1] * 4


@pytest.fixture
def two_gpus(monkeypatch):
    """Two of 10 GB each, for runs that take 3; which nothing but asking for their room uses."""
    monkeypatch.setattr(hardware, "pick_device", lambda name: "cuda" if name == "auto" else name)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(slots, "room_on", lambda gpus, runs, environment: Room((10 * GB,) * len(gpus), 3 * GB))


@pytest.mark.usefixtures("six_cores", "two_gpus")
@pytest.mark.parametrize(
    ("words", "runs", "places"),
    [
        ([], 100, [Slot(gpu, 1) for gpu in ("cuda:0", "cuda:1") * 3]),
        ([], 4, [Slot(gpu, 1) for gpu in ("cuda:0", "cuda:1") * 2]),
        ([], 2, [Slot("cuda:0", 3), Slot("cuda:1", 3)]),
        (["device=cuda:1"], 100, [Slot("cuda:1", 2)] * 3),
        (["threads=4"], 2, [Slot("cuda:0", 4), Slot("cuda:1", 4)]),
        (["devices=2"], 100, [Slot("cuda:0", 6)]),
        (["jobs=3"], 100, [Slot("cuda:0", 2), Slot("cuda:1", 2), Slot("cuda:0", 2)]),
    ],
)
def test_runs_on_gpus_share_the_cores(plan, words, runs, places):
    assert slots_for([plan(*words)] * runs) == places


@pytest.mark.usefixtures("six_cores", "two_gpus")
def test_more_runs_than_fit_are_told_in_one_line_and_are_as_many_as_was_asked_for(plan, capsys):
    assert len(slots_for([plan("jobs=8")] * 8)) == 8
    assert capsys.readouterr().err == (
        "cuda:0: 4 runs at once (jobs) take up to 12 GB, and 10 are free; one that runs out of memory is done again "
        "beside fewer\n"
    )
    slots_for([plan("jobs=8")] * 6)
    assert not capsys.readouterr().err
