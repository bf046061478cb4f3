"""Plans: one file a command, united when they are read, written by many at once."""

import json
import multiprocessing
from dataclasses import replace

import pytest

from srbench.core.errors import UserError
from srbench.data.lr_source import DegradationStep
from srbench.experiments.store.plans import Wanted, read_plans, united, write_plan
from srbench.experiments.store.record import Fingerprints
from tests.builders import member, plan, planned


def test_a_plan_reads_back_as_it_was_written(tmp_path):
    written = replace(plan(run=planned(memberships=(member("se"),))), ablations={"se": {"title": "SE"}}, claims=("x",))
    write_plan(tmp_path, written)
    assert read_plans(tmp_path) == (written,)


def test_runs_of_several_commands_are_united_with_their_memberships(tmp_path):
    write_plan(tmp_path, plan(shared=planned(memberships=(member("atrous"),), params=412_000), old=planned()))
    later = planned(memberships=(member("se", "none"),), variant="none")
    write_plan(tmp_path, plan(command="second", shared=later, new=planned()))
    runs = united(read_plans(tmp_path))
    assert list(runs) == ["shared", "old", "new"]
    assert runs["shared"].memberships == (member("atrous"), member("se", "none"))
    assert runs["shared"].params == 412_000


def test_a_run_keeps_the_variant_that_its_folder_is_named_after(tmp_path):
    write_plan(tmp_path, plan(run=planned(variant="1-2-1")))
    write_plan(tmp_path, plan(command="second", run=planned(variant="another name")))
    assert united(read_plans(tmp_path))["run"].variant == "1-2-1"


def test_a_changed_baseline_replaces_the_old_membership(tmp_path):
    write_plan(tmp_path, plan(run=planned(memberships=(member("atrous", baseline=True),))))
    write_plan(tmp_path, plan(command="second", run=planned(memberships=(member("atrous"),))))
    assert united(read_plans(tmp_path))["run"].memberships == (member("atrous"),)


def test_what_several_commands_want_of_a_run_is_united(tmp_path):
    first = Wanted(Fingerprints("t", {"val": "1", "set5": "2"}, "c", "l"), ("psnr",))
    second = Wanted(Fingerprints("t", {"val": "3"}, "c", None), ("psnr", "niqe"))
    write_plan(tmp_path, plan(run=planned(wanted=first)))
    write_plan(tmp_path, plan(command="second", run=planned(wanted=second)))
    wanted = united(read_plans(tmp_path))["run"].wanted
    assert wanted == Wanted(Fingerprints("t", {"val": "3", "set5": "2"}, "c", "l"), ("psnr", "niqe"))


def test_the_same_command_again_writes_nothing(tmp_path):
    write_plan(tmp_path, plan(run=planned()))
    write_plan(tmp_path, plan(run=planned()))
    assert len(read_plans(tmp_path)) == 1


def _plan_runs(study, writer):
    for number in range(25):
        write_plan(study, plan(command=f"{writer} {number}", **{f"run-{writer}-{number}": planned()}))


def test_eight_processes_that_write_one_study_lose_no_run(tmp_path):
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_plan_runs, args=(tmp_path, writer)) for writer in range(8)]
    for writer in writers:
        writer.start()
    seen = 0
    while any(writer.is_alive() for writer in writers):
        found = len(united(read_plans(tmp_path)))  # never half a plan
        assert found >= seen
        seen = found
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 8
    assert len(united(read_plans(tmp_path))) == 200


@pytest.mark.parametrize("content", ["{", "[]", '{"schema": 2, "runs": 3}', '{"schema": 9}'])
def test_a_broken_plan_is_named_and_stays(tmp_path, content):
    write_plan(tmp_path, plan())
    (path,) = (tmp_path / "plans").iterdir()
    path.write_text(content)
    with pytest.raises(UserError, match=rf"^{path}: not a plan \([^\n]+\); move it away and repeat its command$"):
        read_plans(tmp_path)
    assert path.read_text() == content


def test_a_plan_with_a_degradation_that_does_not_exist_is_none(tmp_path):
    noise = DegradationStep("noise", {"sigma": 0.1})
    write_plan(tmp_path, plan(one=planned(degradation=(noise,))))
    (path,) = (tmp_path / "plans").iterdir()
    path.write_text(path.read_text().replace('"noise"', '"fog"'))
    with pytest.raises(UserError, match=r"not a plan \(.*no such degradation: 'fog'"):
        read_plans(tmp_path)


def test_plans_are_read_in_the_order_of_their_times(tmp_path):
    for time in ("2026-11-26T12:00:00.000001+00:00", "2026-11-26T09:59:59.999999+00:00"):
        write_plan(tmp_path, replace(plan(command=time), time=time))
    assert [one.command for one in read_plans(tmp_path)] == [
        "2026-11-26T09:59:59.999999+00:00",
        "2026-11-26T12:00:00.000001+00:00",
    ]
    assert all(json.loads(path.read_text())["schema"] == 2 for path in (tmp_path / "plans").iterdir())
