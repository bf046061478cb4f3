"""A run that several processes train: the losses of one process, the same files, and no helper left."""

import csv
import json
import os
import signal
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch

from srbench.core.errors import FailedRunError, UserError
from srbench.data.supply import Batch
from srbench.experiments import training
from srbench.experiments.checks import check_run
from srbench.experiments.compose import build_on_meta
from srbench.experiments.training_processes import Help, helped, started
from srbench.models.weights import read_weights
from srbench.recipes import ranks
from srbench.recipes.ranks import LostRankError, Ranks, joined
from tests.tiny_runs import HERE, carried_out

FOUR = ["budget.steps=6", "budget.batch_size=4", "budget.val_every=2", "precision=32"]


def losses(folder: Path) -> np.ndarray:
    with (folder / "losses.csv").open(newline="") as file:
        return np.array(
            [[float(row[name] or "nan") for name in ("loss", "gradient_norm")] for row in csv.DictReader(file)]
        )


def helpers_of(pid: int) -> list[int]:
    """The processes that this one has started and that are still there."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize("words", [(), ("recipe.ema=0.9", "budget.keep=best"), ("recipe.accumulate=2",)])
def test_two_processes_have_the_losses_of_one_at_the_same_global_batch(carn, words):
    before = helpers_of(os.getpid())
    one, two = carn(*FOUR, "study=one", *words), carn(*FOUR, "study=two", "devices=2", *words)
    assert one.config_hash != two.config_hash
    alone, together = carried_out(one), carried_out(two)
    np.testing.assert_allclose(losses(two.folder), losses(one.folder), rtol=1e-4, atol=1e-7)
    assert len(losses(two.folder)) == 6
    weights = read_weights(two.folder / "weights.safetensors")
    for name, tensor in read_weights(one.folder / "weights.safetensors").items():
        torch.testing.assert_close(weights[name], tensor, rtol=1e-3, atol=1e-5)
    files = [sorted(str(file.relative_to(run.folder)) for file in run.folder.rglob("*")) for run in (one, two)]
    assert files[0] == files[1]
    assert [stage.sessions[0].devices for record in (alone, together) for stage in record.train.stages] == [1, 2]
    assert set(helpers_of(os.getpid())) <= set(before)


def test_each_process_has_its_part_of_a_batch():
    class Numbered:
        def batch(self, step):
            return Batch(torch.arange(6), torch.arange(6) + 10, 2, torch.arange(6) + 20)

    parts = [Ranks(number, 3).shared(Numbered()).batch(0) for number in range(3)]
    assert [part.lr.tolist() for part in parts] == [[0, 1], [2, 3], [4, 5]]
    assert [part.hr.tolist() for part in parts] == [[10, 11], [12, 13], [14, 15]]
    assert [part.thumbnail.tolist() for part in parts] == [[20, 21], [22, 23], [24, 25]]
    assert all(part.scale == 2 for part in parts)


def test_a_run_whose_helper_is_killed_fails_with_a_reason(carn, monkeypatch):
    run, before = carn(*FOUR, "devices=2"), helpers_of(os.getpid())

    def kill(*_):
        for helper in set(helpers_of(os.getpid())) - set(before):
            os.kill(helper, signal.SIGKILL)
        return 30.0

    monkeypatch.setattr("srbench.experiments.training._psnr", kill)
    with pytest.raises(FailedRunError, match=r"devices=2: another process of the run has ended"):
        carried_out(run)
    assert json.loads((run.folder / "result.json").read_text())["status"] == "failed"


def test_a_run_whose_helper_cannot_start_fails_with_its_reason(carn, monkeypatch):
    run, before = carn(*FOUR, "devices=2"), helpers_of(os.getpid())
    monkeypatch.setattr("srbench.experiments.training_processes.pickle.dumps", lambda _: b"not a pickle")
    with pytest.raises(FailedRunError, match=r"devices=2: a process of the run has not started: .*Error"):
        carried_out(run)
    assert set(helpers_of(os.getpid())) <= set(before)


def test_a_helper_that_dies_is_noticed_without_being_waited_for(carn):
    run, before = carn(*FOUR, "devices=2"), helpers_of(os.getpid())

    def help_killed():
        with helped(run, HERE):
            (helper,) = set(helpers_of(os.getpid())) - set(before)
            os.kill(helper, signal.SIGKILL)
            os.waitid(os.P_PID, helper, os.WEXITED | os.WNOWAIT)

    with pytest.raises(LostRankError, match="devices=2: another process of the run has ended"):
        help_killed()


def test_a_helper_ends_with_the_process_that_it_helps(carn, tmp_path):
    told = Help(carn(*FOUR, "devices=2"), HERE, Ranks(1, 2), tmp_path / "nobody_meets_it", tmp_path)
    with started(told, tmp_path / "errors") as helper:
        assert helper.stdout.read(1) == b"."
        helper.stdin.close()
        assert helper.wait(timeout=60) == 1
    assert (tmp_path / "errors").read_text() == ""


def test_processes_that_do_not_meet_end(monkeypatch, tmp_path):
    monkeypatch.setattr(ranks, "TO_MEET", timedelta(seconds=1))
    alone = joined(Ranks(0, 2), tmp_path / "meeting", "cpu")
    with pytest.raises(LostRankError, match="devices=2: the processes of the run have not met"), alone:
        pass


def test_a_helper_executes_nothing_of_the_current_folder(carn, tmp_path):
    (tmp_path / "lightning.py").write_text("open('executed', 'w')\n")
    carried_out(carn(*FOUR, "devices=2"))
    assert not (tmp_path / "executed").exists()


def test_a_training_of_two_that_diverges_ends_with_the_reason_of_one(carn):
    with pytest.raises(
        FailedRunError, match=r"the (loss|gradient's norm) is (inf|nan) at step \d of stage pixel; lower"
    ):
        carried_out(carn(*FOUR, "devices=2", "recipe.optimizer.lr=1e20"))


@pytest.mark.parametrize("accumulate", [1, 3])  # 3: a stop in step 4, whose gradient waits for two others
def test_an_interrupted_training_of_two_goes_on_as_two(carn, monkeypatch, accumulate):
    words = [*FOUR, "devices=2", "budget.steps=8", f"recipe.accumulate={accumulate}"]
    calm = carn(*words, "study=calm")
    carried_out(calm)
    run = carn(*words, "study=stopped")
    psnr, calls = training._psnr, []

    def stops(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return psnr(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(training, "_psnr", stops)
        with pytest.raises(KeyboardInterrupt):
            carried_out(run)
    assert (run.folder / "last.ckpt").is_file()
    carried_out(run)
    for name in ("losses.csv", "validation.csv"):
        assert (run.folder / name).read_bytes() == (calm.folder / name).read_bytes()
    ours, theirs = (read_weights(one.folder / "weights.safetensors") for one in (run, calm))
    assert all(torch.equal(theirs[name], tensor) for name, tensor in ours.items())


def test_a_batch_that_cannot_be_shared_out_is_told(carn):
    run = carn("devices=3", "budget.batch_size=4", "device=cpu")
    with pytest.raises(UserError, match=r"devices=3: budget\.batch_size=4 .* is no multiple of it"):
        check_run(run, build_on_meta(run))
