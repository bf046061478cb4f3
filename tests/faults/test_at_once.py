"""Several commands at once on one study: a run is trained once, and nothing is lost."""

import json
import signal
from pathlib import Path

import pytest

from tests.cli.conftest import TINY, shell_in
from tests.cli.test_grids import checkpointed, process_of, wait_for, weights_of

SMALL = ["model.width=4", "model.units=1"]
LONG = ["budget.steps=200", "budget.val_every=20"]


def steps_of(run: Path) -> list[int]:
    """The steps of losses.csv, in their order."""
    return [int(line.split(",")[1]) for line in (run / "losses.csv").read_text().splitlines()[1:]]


def ended(*processes) -> list[str]:
    """What they said on stderr; each has ended well."""
    said = []
    for process in processes:
        _, err = process.communicate(timeout=240)
        assert process.returncode == 0, err
        said.append(err)
    return said


def plans(study: Path) -> list[dict]:
    return [json.loads(path.read_text()) for path in (study / "plans").glob("*.json")]


def test_the_same_run_twice_at_once_is_trained_once(srbench):
    words = [*srbench.data, *TINY, *LONG, "study=twice"]
    first = srbench.start(*words)
    (checkpoint,) = wait_for(lambda: list(srbench.folder.glob("runs/twice/carn-*/last.ckpt")))
    second = srbench.start(*words)
    said = ended(first, second)
    assert "works on it; waits until that has ended" in said[1]
    assert steps_of(checkpoint.parent) == list(range(1, 201))
    assert (checkpoint.parent / "run.log").read_text().count("stage pixel, 1 of 1") == 1


def test_two_grids_that_share_a_baseline_train_it_once(srbench):
    words = ["-m", *srbench.data, *SMALL, "study=shared"]
    ended(*[srbench.start(*words, f"ablation={name}") for name in ("atrous", "atrous_single")])
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
    ended(*[srbench.start(*words) for words in commands])
    records = srbench.records("one")
    assert sorted(record["seed"] for record in records.values() if record["model"] == "carn") == [0, 1, 2, 3]
    assert len(records) == 5
    assert len({plan["command"] for plan in plans(srbench.folder / "runs/one")}) == 4


@pytest.fixture(scope="module")
def calm(tmp_path_factory) -> dict:
    shell = shell_in(tmp_path_factory.mktemp("calm"))
    assert shell("-m", *shell.data, *TINY, *LONG, "seed=0,1").returncode == 0
    return weights_of(shell.folder)


def test_a_command_after_its_driver_was_killed_waits_for_the_runs_that_still_live(srbench, calm):
    words = ["-m", *srbench.data, *TINY, *LONG, "seed=0,1"]
    driver = srbench.start(*words)
    run = wait_for(lambda: checkpointed(srbench.folder))[0].parent
    worker = wait_for(lambda: process_of(run / "run.log"))
    driver.send_signal(signal.SIGKILL)
    driver.communicate(timeout=30)
    assert worker
    ended(srbench.start(*words))
    ours = weights_of(srbench.folder)
    assert ours.keys() == calm.keys()
    assert all((ours[name][key] == tensor).all() for name in calm for key, tensor in calm[name].items())
    for folder in ours:
        assert steps_of(srbench.folder / "runs/carn" / folder) == list(range(1, 201))
