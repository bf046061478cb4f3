"""A run that is handed over to a worker: done as by any launcher, left where it is done or worked on, or refused."""

import os
import pickle
from dataclasses import replace

import pytest

from srbench.core.code_version import code_version
from srbench.core.heartbeat import heartbeat
from srbench.experiments.launchers.endings import DONE, ELSEWHERE, FOR_GOOD, INTERRUPTED
from srbench.experiments.launchers.worker import Answer, answer, handed_over
from srbench.experiments.recording import Slot
from srbench.experiments.store.record import read_record
from tests.tiny_runs import carried_out


def one_thread_of_a_cpu(run):
    return Slot("cpu", 1)


def tick(folder):
    """When each file was changed."""
    return {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Where a worker starts: another folder than the command's."""
    (tmp_path / "elsewhere").mkdir()
    return lambda: monkeypatch.chdir(tmp_path / "elsewhere")


def test_a_worker_that_starts_elsewhere_does_the_run_with_the_same_weights(carn, elsewhere):
    run, other = carn(), carn("study=other")
    handed = handed_over(other)
    weights = carried_out(run).weights_sha256
    elsewhere()
    assert answer(handed, one_thread_of_a_cpu) == Answer(DONE)
    assert read_record(handed.folder / other.folder).weights_sha256 == weights


def test_what_is_handed_over_has_absolute_places(carn, tmp_path):
    places = pickle.loads(handed_over(carn("weights_dir=one:~/two")).pickled).places
    assert places.runs_dir == tmp_path / "runs"
    assert places.weights_dir == f"{tmp_path}/one:{os.path.expanduser('~')}/two"  # noqa: PTH111
    assert all(folder.is_absolute() for folder in (places.reports_dir, places.data_root))


def test_a_run_that_is_done_is_left_as_it_is(carn):
    run = carn()
    carried_out(run)
    before = tick(run.folder)
    assert answer(handed_over(run), one_thread_of_a_cpu) == Answer(DONE)
    assert tick(run.folder) == before


def test_a_run_that_another_process_works_on_is_left_to_it(carn):
    run = carn()
    run.folder.mkdir(parents=True)
    with heartbeat(run.folder, print):
        said = answer(handed_over(run), one_thread_of_a_cpu)
    assert said == Answer(ELSEWHERE, f"process {os.getpid()} on {os.uname().nodename} works on it")
    assert not (run.folder / "result.json").exists()


def test_a_worker_with_another_srbench_refuses_before_it_reads_the_run(carn):
    handed = replace(handed_over(carn()), code=replace(code_version(), digest="0" * 64), pickled=b"of another srbench")
    said = answer(handed, one_thread_of_a_cpu)
    assert said.status == FOR_GOOD
    assert (
        f"has srbench {code_version()}, the command has {handed.code}: another would give other numbers" in said.reason
    )


def test_a_worker_that_does_not_see_the_commands_folder_says_so(carn, tmp_path):
    said = answer(replace(handed_over(carn()), folder=tmp_path / "nowhere"), one_thread_of_a_cpu)
    assert said.status == FOR_GOOD
    assert said.reason.startswith(f"{tmp_path}/nowhere: No such file or directory on ")


def test_a_run_that_fails_says_what_its_record_says(carn):
    run = carn("recipe.optimizer.lr=1e20", "precision=32")
    said = answer(handed_over(run), one_thread_of_a_cpu)
    assert (said.status, said.reason) == (FOR_GOOD, read_record(run.folder).error)
    assert said.reason.startswith("the loss is ")


def test_a_run_that_is_asked_to_stop_is_interrupted(carn):
    def stop(run):
        raise KeyboardInterrupt

    assert answer(handed_over(carn()), stop) == Answer(INTERRUPTED, "interrupted")
