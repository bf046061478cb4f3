"""`retries` and `fail_fast`: what is tried again, and a grid that stops at its first failure."""

import os
import signal

import pytest

from tests.cli.conftest import TINY
from tests.cli.held import checkpointed, held_in, process_of, wait_for, weights_of, with_held_network, words_of

FAILING_ONCE = """
from pathlib import Path

from srbench.models.carn import CARN


class FailingOnce(CARN):
    # At the second validation, as a disk or a GPU may, of as many trainings as `failures` has lines.

    def __init__(self, scale):
        super().__init__(scale=scale, width=8, blocks=1, units=1, atrous=[1])

    def forward(self, lr):
        failures = Path("failures")
        if not self.training and lr.shape[-1] == 24 and list(Path("runs").rglob("last.ckpt")) and failures.exists():
            left = failures.read_text().splitlines()[1:]
            failures.write_text("\\n".join(left)) if left else failures.unlink()
            raise RuntimeError("a device is gone")
        return super().forward(lr)
"""
NAN = ["recipe.optimizer.lr=1e20", "precision=32"]


@pytest.fixture
def failing(srbench):
    """A shell, and words of a training that fails as often as it is told."""
    (srbench.folder / "failing.py").write_text(FAILING_ONCE)
    words = [*srbench.data, "budget.steps=60", "budget.val_every=20", "model._target_=failing.FailingOnce"]

    def fail(times: int, *more: str):
        (srbench.folder / "failures").write_text("\n".join("x" * times))
        return srbench(*words, "study=failing", *more)

    return srbench, fail


@pytest.mark.parametrize("launcher", [[], ["-m"], ["-m", "hydra/launcher=basic"]], ids=["one run", "local", "basic"])
def test_a_run_that_failed_is_tried_again_from_its_checkpoint_as_often_as_asked(failing, launcher):
    srbench, fail = failing
    done = fail(2, *launcher, "retries=2")
    assert done.returncode == 0, done.stderr
    (run,) = srbench.folder.glob("runs/failing/FailingOnce-*")
    told = f"{run.name}: failed: RuntimeError: a device is gone; tried again"
    assert [f"{told} ({n} of retries=2)" in done.stderr for n in (1, 2)] == [True, True]
    log = (run / "run.log").read_text()
    assert log.count("RuntimeError: a device is gone") == 2
    assert log.count("going on from step 20") == 2


def test_one_that_fails_more_often_has_failed(failing):
    srbench, fail = failing
    done = fail(2, "-m", "retries=1")
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("tried again") == 1
    (error,) = [record["error"] for record in srbench.records("failing").values() if record["status"] == "failed"]
    assert error == "RuntimeError: a device is gone"


@pytest.mark.parametrize("launcher", [[], ["-m"]], ids=["one run", "local"])
def test_what_would_fail_again_is_not_tried_again(srbench, launcher):
    done = srbench(*launcher, *srbench.data, *TINY, *NAN, "retries=3", "study=nan")
    assert done.returncode == 1, done.stderr
    assert "tried again" not in done.stderr
    assert "the loss is " in done.stderr


def test_a_run_that_was_killed_is_tried_again_and_ends_with_the_same_weights(srbench):
    hold = held_in(with_held_network(srbench))
    process = srbench.start(*words_of(srbench), "retries=1")
    killed = wait_for(lambda: checkpointed(srbench.folder))[0].parent
    os.kill(wait_for(lambda: process_of(killed / "run.log")), signal.SIGKILL)
    hold.unlink()
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert f"{killed.name}: failed: the process was killed by SIGKILL (out of memory?); tried again" in err
    assert "going on from step" in (killed / "run.log").read_text()
    ours = weights_of(srbench.folder)
    calm = srbench(*words_of(srbench), "runs_dir=calm", "reports_dir=calm")
    assert calm.returncode == 0, calm.stderr
    theirs = weights_of(srbench.folder / "calm")
    assert all((ours[run][key] == tensor).all() for run in theirs for key, tensor in theirs[run].items())


def test_a_grid_stops_at_its_first_failure_and_goes_on(srbench):
    hold = held_in(with_held_network(srbench))
    rates = "recipe.optimizer.lr=1e-3,1e20,2e-3"
    words = [*(word for word in words_of(srbench) if word != "seed=0,1"), rates, "precision=32", "jobs=2"]
    done = srbench(*words, "fail_fast=true")
    assert done.returncode == 1, done.stderr
    assert (
        "fail_fast=true: stops at the first failure; 1 asked to stop where they can go on, 1 not started" in done.stderr
    )
    assert done.stderr.endswith("srbench: 3 of 4 runs did not end well; the same command tries them again\n")
    assert [record["status"] for record in srbench.records("held").values() if record["error"]] == ["failed"]
    hold.unlink()
    done = srbench(*words)
    assert done.returncode == 1, done.stderr
    statuses = sorted(record["status"] for record in srbench.records("held").values())
    assert statuses == ["done", "done", "done", "failed"]


def test_hydras_basic_launcher_stops_at_the_first_failure(srbench):
    rates = "recipe.optimizer.lr=1e20,1e-3"
    words = ["-m", *srbench.data, *TINY, rates, "precision=32", "study=basic", "hydra/launcher=basic"]
    done = srbench(*words, "fail_fast=true")
    assert done.returncode == 1, done.stderr
    assert "fail_fast=true: stops at the first failure; 1 not started" in done.stderr
    assert sorted(record["status"] for record in srbench.records("basic").values()) == ["done", "failed"]


def test_a_launcher_that_cannot_be_stopped_is_refused(srbench):
    done = srbench("-m", *srbench.data, *TINY, "fail_fast=true", "hydra/launcher=joblib")
    assert done.returncode == 2, done.stderr
    assert "fail_fast=true: this launcher is given all runs at once and cannot be stopped; choose" in done.stderr
