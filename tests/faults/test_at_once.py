"""Several commands at once on one study: a run is trained once, and nothing is lost."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import TINY, shell_in
from tests.cli.held import checkpointed, held_in, process_of, wait_for, weights_of, with_held_network, words_of

SMALL = ["model.width=4", "model.units=1"]
STEPS = list(range(1, 101))


def steps_of(run: Path) -> list[int]:
    """The steps of losses.csv, in their order."""
    return [int(line.split(",")[1]) for line in (run / "losses.csv").read_text().splitlines()[1:]]


def ended(*processes) -> None:
    """Waits until they have; each has ended well."""
    for process in processes:
        process.wait(timeout=240)
        assert process.returncode == 0


def started(shell, name: str, *words: str) -> tuple[subprocess.Popen, Path]:
    """A command, and the file to which it says what it does."""
    said = shell.folder / name
    with said.open("w") as file:
        return shell.start(*words, stdout=file, stderr=file), said


def plans(study: Path) -> list[dict]:
    return [json.loads(path.read_text()) for path in (study / "plans").glob("*.json")]


def test_the_same_run_twice_at_once_is_trained_once(srbench):
    hold = held_in(with_held_network(srbench))
    words = [word.replace("0,1", "0") for word in words_of(srbench) if word != "-m"]
    first, _ = started(srbench, "first", *words)
    run = wait_for(lambda: checkpointed(srbench.folder))[0].parent
    second, said = started(srbench, "second", *words)
    wait_for(lambda: "works on it; waits until that has ended" in said.read_text())
    hold.unlink()
    ended(first, second)
    assert steps_of(run) == STEPS
    assert (run / "run.log").read_text().count("stage pixel, 1 of 1") == 1


def test_two_grids_that_share_a_baseline_train_it_once(srbench):
    words = ["-m", *srbench.data, *SMALL, "study=shared"]
    ended(*[started(srbench, name, *words, f"ablation={name}")[0] for name in ("atrous", "atrous_single")])
    runs = [folder for folder in (srbench.folder / "runs/shared").glob("carn-*") if folder.is_dir()]
    assert all(steps_of(run) == list(range(1, 7)) for run in runs)
    baselines = [record for record in srbench.records("shared").values() if record["variant"] in ("1-1-1", "default")]
    assert len([record for record in baselines if record["model"] == "carn"]) == 1
    assert {name for plan in plans(srbench.folder / "runs/shared") for name in plan["ablations"]} == {
        "atrous",
        "atrous_single",
    }


def test_commands_that_begin_at_once_in_one_study_lose_no_run_and_no_command(srbench):
    commands = [[*srbench.data, *TINY, "study=one", f"seed={seed}"] for seed in range(4)]
    ended(*[started(srbench, str(number), *words)[0] for number, words in enumerate(commands)])
    records = srbench.records("one")
    assert sorted(record["seed"] for record in records.values() if record["model"] == "carn") == [0, 1, 2, 3]
    assert len(records) == 5
    assert len({plan["command"] for plan in plans(srbench.folder / "runs/one")}) == 4


@pytest.fixture(scope="module")
def calm(tmp_path_factory) -> dict:
    shell = with_held_network(shell_in(tmp_path_factory.mktemp("calm")))
    assert shell(*words_of(shell)).returncode == 0
    return weights_of(shell.folder)


def test_a_command_after_its_driver_was_killed_waits_for_the_runs_that_still_live(srbench, calm):
    hold = held_in(with_held_network(srbench))
    driver, _ = started(srbench, "driver", *words_of(srbench))
    run = wait_for(lambda: checkpointed(srbench.folder))[0].parent
    assert wait_for(lambda: process_of(run / "run.log"))
    driver.kill()
    driver.wait()
    again, said = started(srbench, "again", *words_of(srbench))
    wait_for(lambda: "works on it; comes after the others" in said.read_text())
    hold.unlink()
    ended(again)
    ours = weights_of(srbench.folder)
    assert ours.keys() == calm.keys()
    assert all((ours[name][key] == tensor).all() for name in calm for key, tensor in calm[name].items())
    assert all(steps_of(srbench.folder / "runs/held" / name) == STEPS for name in ours)
