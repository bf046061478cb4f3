"""Grids on a real SLURM: a worker and the driver are killed, a run is preempted, and nothing of the grid is lost."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from srbench.core import hardware
from srbench.core.paths import PACKAGE
from tests.cli.conftest import Done, Shell, shell_in
from tests.cli.held import LONG, held_in, wait_for, weights_of, with_held_network
from tests.cluster.real_slurm import RealSlurm, needs_slurm, real_slurm

pytestmark = [pytest.mark.cluster, needs_slurm]

SLURM = "hydra/launcher=submitit_slurm"
SEEDS = 38  # with the one that fails and the bicubic one 40 runs
STEPS = list(range(1, 101))
BEGINS, GOES_ON = "stage pixel, 1 of 1", "going on from step"


@pytest.fixture(scope="module")
def slurm(shared) -> Iterator[RealSlurm]:
    with real_slurm(shared) as cluster:
        yield cluster


@pytest.fixture
def srbench(slurm: RealSlurm, tmp_path: Path) -> Shell:
    """Commands that know the cluster."""
    return with_held_network(slurm.known_to(shell_in(tmp_path)))


def grid(shell: Shell, before: int, after: int = 0) -> list[str]:
    """A bicubic run, so many of a network that can be held, one that fails, and so many more."""
    runs = [f"  s{seed}: {{seed: {seed}}}" for seed in range(before + after)]
    runs.insert(before, "  fails: {recipe.optimizer.lr: 1.0e+20}")
    lines = ["title: a grid", "overrides: {}", "runs:", *runs]
    (shell.folder / "sweeps").mkdir(exist_ok=True)
    (shell.folder / "sweeps/held.yaml").write_text("\n".join(lines))
    return ["-m", *shell.data, *LONG, "precision=32", "model._target_=held.Held", "sweep=held"]


def started(shell: Shell, name: str, *words: str):
    """A command, and the file to which it says what it does."""
    said = shell.folder / name
    with said.open("w") as file:
        return shell.start(*words, stdout=file, stderr=file), said


def patiently(shell: Shell, *words: str) -> Done:
    """A command that takes minutes: each of its runs imports torch anew."""
    process = shell.start(*words)
    out, err = process.communicate(timeout=1200)
    return Done(words, process.returncode, out, err)


def held(folder: Path) -> list[Path]:
    """The runs that wait in their first validation, before which the losses up to there are written."""
    rows = {file.parent: file.read_text().splitlines() for file in folder.glob("runs/held/Held-*/losses.csv")}
    return [run for run, lines in rows.items() if lines[-1].startswith("pixel,20,") and list(run.glob("heartbeat-*"))]


def worker_of(run: Path) -> int:
    """The process that works on it."""
    (claim,) = run.glob("heartbeat-*")
    return json.loads(claim.read_text())["pid"]


def job_of(run: Path) -> str:
    return json.loads((run / "slurm.json").read_text())["job"]


def steps_of(run: Path) -> list[int]:
    return [int(line.split(",")[1]) for line in (run / "losses.csv").read_text().splitlines()[1:]]


@dataclass(frozen=True)
class Storm:
    """What became of a grid: its shell, the run that was killed and the one that was preempted, what the driver said
    before it was killed, the command that went on, and once more the same. `finished`: records, and when written."""

    shell: Shell
    killed: Path
    preempted: Path
    first: str
    second: Done
    third: Done
    finished: dict[Path, int]


@pytest.fixture(scope="module")
def storm(slurm: RealSlurm, tmp_path_factory: pytest.TempPathFactory) -> Storm:
    shell = with_held_network(slurm.known_to(shell_in(tmp_path_factory.mktemp("storm"))))
    hold, words = held_in(shell), [*grid(shell, SEEDS), SLURM, "jobs=4", "retries=1"]
    driver, said = started(shell, "first", *words)
    killed = wait_for(lambda: [run for run in held(shell.folder) if (run / "last.ckpt").is_file()])[0]
    preempted = wait_for(lambda: [run for run in held(shell.folder) if run != killed])[0]
    os.kill(worker_of(killed), signal.SIGKILL)
    wait_for(lambda: f"{killed.name}: failed: its job " in said.read_text())
    job = job_of(preempted)
    slurm.preempt(job)
    wait_for(lambda: f"{preempted.name}: stopped where it can go on, and is queued again" in said.read_text())
    driver.kill()
    driver.wait()
    slurm.says("scontrol", "update", f"JobId={job}", "StartTime=now")  # SLURM lets jobs that were stopped wait
    hold.unlink()
    second = patiently(shell, *words)
    records = list(shell.folder.glob("runs/held/*/result.json"))
    finished = {file: file.stat().st_mtime_ns for file in records if json.loads(file.read_text())["status"] == "done"}
    third = patiently(shell, *words)
    return Storm(shell, killed, preempted, said.read_text(), second, third, finished)


def test_no_run_of_the_grid_is_lost_and_the_planned_failure_is_told(storm):
    assert (storm.second.returncode, storm.third.returncode) == (1, 1), storm.second.stderr
    records = storm.shell.records("held")
    assert len(records) == SEEDS + 2
    (failed,) = [record for record in records.values() if record["status"] != "done"]
    assert failed["error"].startswith("the loss is nan at step")
    assert storm.second.stderr.count(f"{failed['run']}: failed: the loss is nan") <= 1
    assert storm.second.stderr.endswith("srbench: 1 of 40 runs did not end well; the same command tries them again\n")


def test_the_second_command_takes_up_the_jobs_that_the_first_has_left(storm):
    assert "40 runs are queued by SLURM as job" in storm.first
    assert "in SLURM's queue already, by an earlier command; waits for them" in storm.second.stderr
    assert "queued by SLURM as job" not in storm.second.stderr


def test_no_run_is_done_twice(storm):
    folders = [folder for folder in (storm.shell.folder / "runs/held").glob("Held-*") if "-fails-" not in folder.name]
    assert len(folders) == SEEDS
    for folder in folders:
        assert steps_of(folder) == STEPS, folder
        stopped = folder in (storm.killed, storm.preempted)
        log = (folder / "run.log").read_text()
        assert (log.count(BEGINS), log.count(GOES_ON)) == ((2, 1) if stopped else (1, 0)), folder
        assert not list(folder.glob("heartbeat-*"))


def test_runs_that_are_done_are_left_as_they_are(storm):
    assert "40 runs, 39 done already, 1 to do" in storm.third.stderr
    assert {file: file.stat().st_mtime_ns for file in storm.finished} == storm.finished


def test_runs_that_were_killed_or_preempted_have_the_weights_of_a_calm_grid(storm, tmp_path):
    calm = with_held_network(shell_in(tmp_path))
    assert calm(*grid(calm, SEEDS)).returncode == 1
    ours, theirs = weights_of(storm.shell.folder), weights_of(tmp_path)
    assert ours.keys() == theirs.keys()
    assert {storm.killed.name, storm.preempted.name} < ours.keys()
    assert all((ours[run][key] == tensor).all() for run in theirs for key, tensor in theirs[run].items())


def test_a_run_has_the_threads_that_its_job_was_allotted(storm):
    assert {record["threads"] for record in storm.shell.records("held").values()} == {1}


def test_what_is_interrupted_stays_in_the_queue_and_the_same_command_waits_for_it(srbench, slurm):
    hold, words = held_in(srbench), [*grid(srbench, 1), SLURM]
    driver, said = started(srbench, "said", *words)
    run = wait_for(lambda: held(srbench.folder))[0]
    driver.send_signal(signal.SIGINT)
    assert driver.wait(timeout=60) == 130
    job = job_of(run)
    assert " left in SLURM's queue, where they go on; the same command waits for them again" in said.read_text()
    assert f"scancel {job.partition('_')[0]}\n" in said.read_text()
    assert said.read_text().endswith("srbench: interrupted; the same command goes on from here\n")
    assert slurm.state(job) == "RUNNING"
    again, said = started(srbench, "again", *words)
    wait_for(lambda: "in SLURM's queue already" in said.read_text())
    hold.unlink()
    assert again.wait(timeout=240) == 1
    assert (run / "run.log").read_text().count(BEGINS) == 1


def test_the_first_failure_stops_a_grid_where_it_can_go_on(srbench):
    hold, words = held_in(srbench), [*grid(srbench, 1, after=1), SLURM, "jobs=2"]
    done = srbench(*words, "fail_fast=true")
    assert done.returncode == 1, done.stderr
    stopped = "fail_fast=true: stops at the first failure; 1 asked to stop where they can go on, 1 not started"
    assert stopped in done.stderr
    assert not list(srbench.folder.glob("runs/held/*/heartbeat-*"))
    assert len([record for record in srbench.records("held").values() if record["error"]]) == 1
    hold.unlink()
    assert srbench(*words).returncode == 1
    assert sorted(record["status"] for record in srbench.records("held").values()) == ["done"] * 3 + ["failed"]


def test_a_job_that_is_cancelled_leaves_its_run_where_it_can_go_on(srbench, slurm):
    hold, words = held_in(srbench), [*grid(srbench, 1), SLURM, "retries=1"]
    driver, said = started(srbench, "said", *words)
    run = wait_for(lambda: held(srbench.folder))[0]
    job = job_of(run)
    slurm.says("scancel", job)
    assert driver.wait(timeout=120) == 1
    assert f"{run.name}: failed: interrupted" in said.read_text()
    wait_for(lambda: slurm.state(job) == "CANCELLED")  # the driver ends while SLURM still completes it
    assert (run / "last.ckpt").is_file()
    hold.unlink()
    assert srbench(*words).returncode == 1
    assert GOES_ON in (run / "run.log").read_text()
    assert steps_of(run) == STEPS


def test_a_worker_with_another_srbench_refuses_the_run(srbench, tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "other/srbench", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "other/srbench/models/carn.py").open("a") as file:
        file.write("\n")
    words = ["-m", *srbench.data, "budget=none", "model=nearest", "study=other", SLURM]
    del srbench.environment["OMP_NUM_THREADS"]
    done = srbench(*words, f"hydra.launcher.setup=['export PYTHONPATH={tmp_path}/other']")
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("another would give other numbers; install the same on all machines") == 2
    assert {record["status"] for record in srbench.records("other").values()} == {"failed"}
    assert srbench(*words, "hydra.launcher.cpus_per_task=2").returncode == 0
    assert {record["threads"] for record in srbench.records("other").values()} == {min(2, hardware.cores())}
