"""Runs and the command itself, killed by SIGKILL fifty times, each time after a random number of rows and files."""

import os
import random
import signal
from pathlib import Path

import pytest

from tests.cli.conftest import TINY, Shell, shell_in
from tests.cli.held import process_of, wait_for, weights_of

pytestmark = pytest.mark.cluster

KILLS = 50
PATIENCE = 600  # seconds, of a busy machine
MOST = 30  # rows of losses.csv and files that appear between two kills
COMMANDS = 0.1  # of the kills: of the command, not of a run
STEPS = list(range(1, 61))


def words(shell: Shell, seeds: int) -> list[str]:
    """Of so many runs, and the bicubic one; a checkpoint every five steps."""
    length = [f"budget.steps={len(STEPS)}", "budget.val_every=5", "precision=32", f"retries={KILLS}"]
    return ["-m", *shell.data, *TINY, *length, f"seed={','.join(map(str, range(seeds)))}", "study=killed"]


def appeared(study: Path) -> int:
    """Rows and files that are there."""
    files = [path for path in study.rglob("*") if path.is_file()]
    return len(files) + sum(len(path.read_bytes().splitlines()) for path in study.glob("*/losses.csv"))


def run_processes(study: Path) -> list[int]:
    found = [process_of(log) for log in sorted(study.glob("*/run.log"))]
    return [pid for pid in found if pid]


def of_done_runs(shell: Shell) -> dict[Path, int]:
    """When the files of the runs that are done were last changed."""
    study = shell.folder / "runs/killed"
    done = [name for name, record in shell.records("killed").items() if record["status"] == "done"]
    return {path: path.stat().st_mtime_ns for name in done for path in (study / name).rglob("*") if path.is_file()}


def killed_until_the_command_ends(
    shell: Shell, seeds: int, kills: int, chance: random.Random
) -> tuple[int, int | None]:
    """How often something was killed, `kills` times at most, until the command had ended or was killed itself; and its
    status. The files of a run that is done stay as they are."""
    study, done, finished = shell.folder / "runs/killed", 0, of_done_runs(shell)
    with (shell.folder / "said").open("a") as said:
        command = shell.start(*words(shell, seeds), stdout=said, stderr=said)
    while done < kills and command.poll() is None:
        until = appeared(study) + chance.randint(1, MOST)
        wait_for(lambda until=until: command.poll() is not None or appeared(study) >= until, PATIENCE)
        at_work = run_processes(study)
        if chance.random() < COMMANDS:
            command.kill()
            done += command.wait() == -signal.SIGKILL
            wait_for(lambda: not run_processes(study), PATIENCE)
        elif at_work:
            try:
                os.kill(chance.choice(at_work), signal.SIGKILL)
            except ProcessLookupError:
                continue
            done += 1
    status = command.wait()
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    return done, status


@pytest.fixture
def srbench(tmp_path: Path) -> Shell:
    return shell_in(tmp_path / "killed")


def test_a_grid_that_is_killed_fifty_times_ends_as_a_calm_one(srbench, tmp_path):
    chance, kills, seeds = random.Random(0), 0, 6
    while kills < KILLS:
        done, status = killed_until_the_command_ends(srbench, seeds, KILLS - kills, chance)
        kills += done
        assert status in (0, -signal.SIGKILL), (srbench.folder / "said").read_text()
        seeds += 2 * (status == 0)  # there was nothing left to kill
    done = srbench(*words(srbench, seeds))
    assert done.returncode == 0, done.stderr

    calm = shell_in(tmp_path / "calm")
    assert calm(*words(calm, seeds)).returncode == 0
    ours, expected = weights_of(srbench.folder), weights_of(calm.folder)
    assert ours.keys() == expected.keys()
    assert len(ours) == seeds
    for name, weights in expected.items():
        assert all((ours[name][key] == tensor).all() for key, tensor in weights.items()), name
        rows = (srbench.folder / "runs/killed" / name / "losses.csv").read_bytes()
        assert rows == (calm.folder / "runs/killed" / name / "losses.csv").read_bytes()
