"""How a study stands: states, and the time that is left, by hand."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest

from srbench.core.files import write_file
from srbench.core.heartbeat import heartbeat
from srbench.experiments.store.codec import to_json
from srbench.experiments.store.plans import Wanted
from srbench.experiments.store.record import write_record
from srbench.experiments.store.run_progress import PROGRESS, RunProgress
from srbench.experiments.store.standing import look
from tests.builders import planned
from tests.reports.conftest import Builder, failed, record_of, scored

TRAINED = Wanted("t", {}, "", None)


@pytest.fixture
def study(tmp_path):
    """Four trained CARNs, of which one took 100 s, and one has failed."""
    build = Builder(tmp_path / "mine")
    runs = {f"carn-{n}": planned(config_hash=f"{n}", seed=n, wanted=TRAINED) for n in range(4)}
    build.plan(runs)
    build.leave("carn-0", runs["carn-0"], scored(30.0).with_facts(seconds=100.0))
    build.leave("carn-3", runs["carn-3"], failed("too loud"))
    return build


@contextmanager
def at_work(build, name, told=None):
    (build.folder / name).mkdir(exist_ok=True)
    with heartbeat(build.folder / name, lambda worker: None):
        if told:
            write_file(build.folder / name / PROGRESS, to_json(told))
        yield


def test_the_time_that_is_left_is_that_of_the_running_ones_and_as_long_for_the_missing_as_others_took(study):
    assert look(study.folder).seconds_left is None  # nobody works on it
    with at_work(study, "carn-1", RunProgress("train", "loss 0.1", 30, 50, 0.5)):
        standing = look(study.folder)
        assert standing.counts == {"done": 1, "running": 1, "failed": 1, "missing": 1}
        # 20 steps at 0.5 a second; the mean of 100 s and of 50 steps at 0.5 a second.
        assert standing.seconds_left == 40 + 100
        with at_work(study, "carn-2", RunProgress("train", "loss 0.1", 0, 50, 2.0)):
            assert look(study.folder).seconds_left == 40  # the longer one; both at once
        with at_work(study, "carn-2", RunProgress("train", "loss 0.1", 49, 50, None)):  # not known yet: as others
            assert look(study.folder).seconds_left == 100


def test_without_any_that_is_known_there_is_no_time(tmp_path):
    build = Builder(tmp_path / "mine")
    build.plan({"carn-1": planned(config_hash="1", wanted=TRAINED)})
    with at_work(build, "carn-1"):
        assert look(build.folder).seconds_left is None


def test_it_is_over_when_all_is_done_or_has_failed_and_nothing_is_lacking(study):
    assert not look(study.folder).is_over
    for name in ("carn-1", "carn-2"):
        study.leave(name, planned(config_hash=name[-1]), failed("too loud"))
    assert [one.state for one in look(study.folder).runs] == ["done", "failed", "failed", "failed"]
    assert not look(study.folder).is_over  # the Builder left no weights: there is training left to do
    study.leave("carn-0", planned(config_hash="0"), failed("too loud"))
    assert look(study.folder).is_over


def test_while_runs_are_written_every_look_finds_whole_records(tmp_path):
    build = Builder(tmp_path / "mine")
    runs = {f"carn-{n}": planned(config_hash=f"{n}", seed=n) for n in range(8)}
    build.plan(runs)

    def write(name):
        for number in range(60):
            with heartbeat(build.folder / name, lambda worker: None):
                write_file(build.folder / name / PROGRESS, to_json(RunProgress("train", "", number, 60, 1.0)))
                record = record_of(name, runs[name], scored(30.0))
                write_record(build.folder / name, replace(record, seconds=float(number)))

    with ThreadPoolExecutor(8) as pool, ExitStack() as stack:
        for name in runs:
            (build.folder / name).mkdir()
        stack.callback(pool.shutdown)
        writers = [pool.submit(write, name) for name in runs]
        looks = [look(build.folder)]
        while not all(one.done() for one in writers):
            looks.append(look(build.folder))
        for one in writers:
            one.result()
    assert {one.state for found in looks for one in found.runs} <= {"missing", "running", "done"}
    assert not any(found.study.strange for found in looks)
    assert look(build.folder).counts == {"done": 8}
