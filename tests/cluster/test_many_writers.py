"""Eight processes that write into one study, while others report it and look at its status."""

import json
import multiprocessing
import os
import sys
from collections import Counter
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pandas as pd
import pytest

from srbench.__main__ import main
from srbench.experiments.store.study import open_study
from tests.builders import REPORT_FILES
from tests.cli.conftest import TINY, Shell, shell_in

pytestmark = pytest.mark.cluster

WRITERS, COMMANDS = 8, 2
OWN = [[1 + writer * COMMANDS + number for number in range(COMMANDS)] for writer in range(WRITERS)]  # seeds of each
SHARED = 0  # the seed of a run that all of them want


def go_to(folder: Path) -> None:
    """In a process of its own: what it prints goes to a file there."""
    os.chdir(folder)
    said = os.open(f"said-{os.getpid()}", os.O_WRONLY | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(said, stream)


def write(folder: Path, words: list[str], own: list[int]) -> None:
    go_to(folder)
    for seed in (own[0], SHARED, *own[1:]):
        sys.argv = ["srbench", *words, f"seed={seed}"]
        if status := main():
            raise SystemExit(status)


def read(folder: Path, words: list[str]) -> None:
    """Until the file `written` is there; leaves how often it has read in a file."""
    go_to(folder)
    reads = 0
    while not reads or not Path("written").exists():
        sys.argv = ["srbench", *words]
        if main() > 1:  # 1: a run is not done yet
            raise SystemExit(2)
        reads += 1
        Path(f"read-{words[0]}").write_text(str(reads))


def started(target, *arguments) -> ForkServerProcess:
    multiprocessing.set_forkserver_preload(["torch", "lightning", "srbench.experiments.run", "srbench.reports.write"])
    process = multiprocessing.get_context("forkserver").Process(target=target, args=arguments)
    process.start()
    return process


def what_they_said(shell: Shell) -> str:
    return "\n".join(path.read_text() for path in shell.folder.glob("said-*"))


@pytest.fixture
def srbench(tmp_path: Path) -> Shell:
    return shell_in(tmp_path)


def test_eight_writers_lose_no_run_and_their_readers_see_no_half_of_one(srbench):
    words = [*srbench.data, *TINY, "precision=32", "study=one"]
    study = srbench.folder / "runs/one"
    first = srbench(*words, f"seed={OWN[0][0]}")  # so that there is something to read
    assert first.returncode == 0, first.stderr

    writers = [started(write, srbench.folder, words, own) for own in OWN]
    readers = [started(read, srbench.folder, [verb, "runs/one"]) for verb in ("report", "status")]
    seen = Counter[str]()
    while any(writer.is_alive() for writer in writers):
        now = open_study(study)
        seen.update(run.status for run in now.runs)
        assert not now.strange
        assert not [run.problem for run in now.runs if run.problem]
        for file in study.glob("*/result.json"):
            json.loads(file.read_text())
    (srbench.folder / "written").touch()
    for process in (*writers, *readers):
        process.join()
        assert process.exitcode == 0, what_they_said(srbench)

    assert not seen["failed"]
    assert all(int((srbench.folder / f"read-{verb}").read_text()) > 0 for verb in ("report", "status"))
    records = [record for record in srbench.records("one").values() if record["model"] == "carn"]
    assert sorted(record["seed"] for record in records) == [SHARED, *(seed for own in OWN for seed in own)]
    assert {record["status"] for record in records} == {"done"}
    assert len(open_study(study).commands) == WRITERS * COMMANDS + 1
    shared = next(record["run"] for record in records if record["seed"] == SHARED)
    assert (study / shared / "run.log").read_text().count("stage pixel, 1 of 1") == 1
    assert {path.name for path in (srbench.folder / "reports/one").iterdir()} == REPORT_FILES | {"crops"}
    done = srbench("report", "runs/one")
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(srbench.folder / "reports/one/table.csv").set_index("model")
    assert table.loc["carn", "seeds"] == len(records)
