"""What a run takes of a GPU's memory, and asking for that and for what is free in a process of its own."""

from dataclasses import replace

import pytest

from srbench.core import hardware
from srbench.experiments.launchers.room import room_on
from srbench.experiments.launchers.run_memory import PROCESS, images_on_gpu, most_memory, run_memory
from srbench.recipes.training_memory import UNCERTAIN

GB, EVALUATION = 10**9, 2 * 10**9  # eval.memory_gb
IMAGES = 3 * 3 * 40 * 48 * 5 // 4  # bytes of three images of carn's, and of their LR at ×2


@pytest.fixture(autouse=True)
def no_gpu_is_asked(monkeypatch):
    monkeypatch.setattr(hardware, "pick_precision", lambda *_: "32-true")


def test_a_run_without_training_takes_its_process_and_a_pass(plan):
    assert run_memory(plan("model=bicubic", "budget=none"), "cuda:0", GB) == PROCESS + EVALUATION


def test_a_training_takes_more_with_a_larger_batch_and_the_run_that_takes_most_counts(carn):
    runs = [carn(f"budget.batch_size={number}") for number in (2, 64, 4)]
    small, large, _ = (run_memory(run, "cuda:0", GB) - PROCESS - EVALUATION for run in runs)
    hr = 4 * 3 * 16**2 * 62  # bytes of the images that the larger batch has more, of which passes keep more than one
    assert large - small > (1 + UNCERTAIN) * hr
    assert most_memory(runs, "cuda:0", GB) == large + PROCESS + EVALUATION


def test_images_lie_on_a_gpu_where_they_fit_and_are_only_cut(carn):
    (stage,) = carn().stages
    assert images_on_gpu(stage, [2], GB) == IMAGES
    assert images_on_gpu(stage, [2, 4], GB) == IMAGES + 3 * 3 * 40 * 48 * 17 // 16
    assert images_on_gpu(stage, [2], 2 * IMAGES) == 0
    (degraded,) = carn("data.degradation=noise").stages
    assert images_on_gpu(degraded, [2], GB) == 0
    elsewhere = replace(stage.batches, target="srbench.data.patches.FixedPatches")
    assert images_on_gpu(replace(stage, batches=elsewhere), [2], GB) == 0


def test_the_room_is_asked_for_by_a_process_of_its_own(carn):
    room = room_on(["cpu"], [carn(), carn("seed=1")], {})
    assert room.free
    assert room.free[0] > 0
    assert room.needed
    assert room.needed > PROCESS + EVALUATION


SHY = """
import os

from srbench.models.carn import CARN


class Shy(CARN):
    def forward(self, lr):
        print("looks at what is not there")
        os._exit(7)
"""


def test_what_cannot_be_predicted_costs_neither_the_answer_to_what_is_free_nor_this_process(
    carn, tmp_path, monkeypatch, capfd
):
    (tmp_path / "shy.py").write_text(SHY)
    monkeypatch.syspath_prepend(tmp_path)
    room = room_on(["cpu"], [carn("model._target_=shy.Shy")], {})
    assert room.free
    assert room.needed is None
    assert room_on(["cuda:99"], [], {}).free is None
    assert capfd.readouterr() == ("", "")
