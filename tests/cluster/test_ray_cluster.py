"""Grids on a real Ray cluster: workers, a node and the driver are lost, and nothing of the grid is."""

import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.conftest import TINY, Shell, shell_in, told
from tests.cli.held import wait_for, weights_of
from tests.cluster.held_runs import STEPS, held_runs, is_gone, with_waiting_network, words_of_grid
from tests.cluster.real_ray import CPUS, NODES, RealRay, needs_ray, real_ray

pytestmark = [pytest.mark.cluster, needs_ray]

RAY = "hydra/launcher=ray_cluster"
SEEDS = 38  # with the one that fails and the bicubic one 40 runs


@pytest.fixture(scope="module")
def ray(shared):
    with real_ray(shared) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def calm(tmp_path_factory) -> dict:
    """The weights of the grid by the local launcher, which nothing stopped."""
    shell = with_waiting_network(shell_in(tmp_path_factory.mktemp("calm")))
    done = shell(*words_of_grid(shell, SEEDS))
    assert done.returncode == 1, done.stderr
    return weights_of(shell.folder)


@pytest.fixture
def srbench(ray: RealRay, tmp_path: Path) -> Iterator[Shell]:
    """Commands that join the cluster, of which a test before may have lost a node. Those of a test that fails end."""
    ray.start()
    shell = with_waiting_network(ray.joined(shell_in(tmp_path)))
    yield shell
    (tmp_path / "hold").unlink(missing_ok=True)
    for process in shell.started:
        with process:
            process.kill()


def assert_equal(shell: Shell, calm: dict, seeds: int) -> None:
    """Every run has the weights that it has when nothing happens, and each of its steps once."""
    ours = weights_of(shell.folder / "runs/held")
    assert len(ours) == seeds
    for name, weights in ours.items():
        assert all((calm[name][key] == tensor).all() for key, tensor in weights.items()), name
        rows = (shell.folder / "runs/held" / name / "losses.csv").read_text().splitlines()[1:]
        assert [int(row.split(",")[1]) for row in rows] == STEPS, name


def results(shell: Shell) -> dict[Path, int]:
    """The records and weights of the runs that are done, with the times of their last change."""
    done = [name for name, record in shell.records("held").items() if record["status"] == "done"]
    files = (shell.folder / "runs/held" / name / file for name in done for file in ("result.json", "losses.csv"))
    return {file: file.stat().st_mtime_ns for file in files if file.exists()}


def test_a_grid_survives_a_failure_a_lost_worker_a_lost_node_and_a_lost_driver(ray, srbench, calm):
    words = [*words_of_grid(srbench, SEEDS), RAY, "retries=5"]
    said = srbench.folder / "said"
    with said.open("w") as file:
        driver = srbench.start(*words, stdout=file, stderr=file)
    wait_for(lambda: len(results(srbench)) > 5)
    (srbench.folder / "hold").touch()

    killed = held_runs(srbench.folder, NODES * CPUS)[0]
    killed.kill()
    told = f"{killed.folder.name}: failed: its process was killed or crashed (out of memory?); tried again (1 of"
    wait_for(lambda: told in said.read_text())

    held = held_runs(srbench.folder, NODES * CPUS)
    there = ray.node_processes(2)
    lost = [run for run in held if run.pid in there]
    assert len(lost) == CPUS
    ray.lose_node(2)
    wait_for(lambda: said.read_text().count("tried again (") == 1 + CPUS)

    held = held_runs(srbench.folder, CPUS)
    driver.kill()
    driver.wait()
    wait_for(lambda: all(is_gone(run.pid) for run in held))

    before = results(srbench)
    (srbench.folder / "hold").unlink()
    done = srbench(*words)
    assert done.returncode == 1, done.stderr
    assert done.stderr.endswith("srbench: 1 of 40 runs did not end well; the same command tries them again\n")
    failed = [record["error"] for record in srbench.records("held").values() if record["status"] == "failed"]
    assert len(failed) == 1
    assert failed[0].startswith("the loss is ")
    assert {file: file.stat().st_mtime_ns for file in before} == before
    assert_equal(srbench, calm, SEEDS)
    for run in (killed, *lost, *held):
        assert "going on from step" in (run.folder / "run.log").read_text()


def test_ctrl_c_stops_runs_where_they_go_on(srbench, calm):
    words = [*words_of_grid(srbench, 4), RAY]
    (srbench.folder / "hold").touch()
    driver = srbench.start(*words)
    held = held_runs(srbench.folder, NODES * CPUS)
    driver.send_signal(signal.SIGINT)
    out, err = driver.communicate(timeout=120)
    assert driver.returncode == 130, err
    assert err.endswith("srbench: interrupted; the same command goes on from here\n")
    assert "(raylet)" not in out + err
    assert all(not (run.folder / "result.json").exists() for run in held)
    (srbench.folder / "hold").unlink()
    assert srbench(*words).returncode == 1
    assert_equal(srbench, calm, 4)
    assert all("going on from step" in (run.folder / "run.log").read_text() for run in held)


def test_latency_is_measured_with_a_node_to_itself(srbench):
    words = [word for word in srbench.data if not word.startswith("eval.latency")]
    done = srbench("-m", *words, *TINY, "seed=0,1", RAY)
    assert done.returncode == 0, done.stderr
    for record in srbench.records("carn").values():
        assert record["threads"] == 1
        assert [latency["threads"] for latency in record["latency"]] == [CPUS]


def test_a_run_gets_the_processors_that_it_is_to_have_as_threads(srbench):
    done = srbench("-m", *srbench.data, *TINY, RAY, "hydra.launcher.num_cpus=2")
    assert done.returncode == 0, done.stderr
    assert {record["threads"] for record in srbench.records("carn").values()} == {2}


def test_the_first_failure_ends_a_grid_that_is_to_fail_fast(srbench):
    (srbench.folder / "hold").touch()
    words = [*words_of_grid(srbench, 3), RAY, "fail_fast=true"]  # the last of four that run at a time fails
    done = srbench(*words)
    assert done.returncode == 1, done.stderr
    assert "fail_fast=true: stops at the first failure; " in done.stderr
    assert "done" not in {one["status"] for one in srbench.records("held").values() if one["model"] != "bicubic"}


def place_of(process: Path) -> Path | None:
    """The folder that a process is in."""
    try:
        return (process / "cwd").resolve(strict=True)
    except OSError:
        return None


@pytest.fixture
def alone(tmp_path: Path) -> Shell:
    """Commands that know of no cluster."""
    return with_waiting_network(shell_in(tmp_path))


def test_without_a_cluster_one_is_started_and_ended(alone, calm):
    done = alone(*words_of_grid(alone, 2), RAY)
    assert done.returncode == 1, done.stderr
    assert_equal(alone, calm, 2)
    assert "(raylet)" not in done.stdout
    assert len(done.stderr.splitlines()) == 6, done.stderr  # the plan, four runs, what failed
    assert not [place for place in Path("/proc").glob("[0-9]*") if place_of(place) == alone.folder]


def test_a_cluster_that_does_not_answer_is_told_in_one_line(alone):
    lost = replace(alone, environment=alone.environment | {"RAY_ADDRESS": "127.0.0.1:1"})
    assert told(lost("-m", *lost.data, *TINY, RAY)).startswith(
        "srbench: RAY_ADDRESS=127.0.0.1:1: no Ray cluster is there: "
    )


def test_a_run_that_no_machine_could_hold_is_told_in_one_line(alone):
    line = told(alone("-m", *alone.data, *TINY, RAY, "hydra.launcher.num_cpus=1000"))
    assert line.endswith("this machine has no 1000 CPUs for a run; lower hydra.launcher.num_cpus")
