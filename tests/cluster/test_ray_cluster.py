"""Grids on a real Ray cluster: workers, a node and the driver are lost, and nothing of the grid is."""

from pathlib import Path

import pytest

from tests.cli.conftest import Shell, shell_in
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
def srbench(ray: RealRay, tmp_path: Path) -> Shell:
    """Commands that join the cluster."""
    return with_waiting_network(ray.joined(shell_in(tmp_path)))


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
