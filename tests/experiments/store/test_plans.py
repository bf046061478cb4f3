"""Plans: one file a command, united when they are read, written by many at once."""

import json
import multiprocessing
from dataclasses import replace

import pytest

from srbench.core.errors import UserError
from srbench.data.lr_source import DegradationStep
from srbench.experiments.store.plans import Wanted, WantedLatency, WantedScores, factors_of, united, write_plan
from tests.builders import member, plan, planned, read_plans


def runs_of(study):
    return united(read_plans(study), [])


def test_a_factor_that_hydra_must_add_is_one():
    ablation = {"applies_to": {"CARN": {"variants": {"a": {"+model.depth": 3}, "b": {"model.width": 8}, "c": None}}}}
    assert factors_of(ablation, "CARN") == {"model.depth", "model.width"}


def test_a_plan_reads_back_as_it_was_written(tmp_path):
    written = replace(plan(run=planned(memberships=(member("se"),))), ablations={"se": {"title": "SE"}}, claims=("x",))
    write_plan(tmp_path, written)
    assert read_plans(tmp_path) == (written,)


def test_runs_of_several_commands_are_united_with_their_memberships(tmp_path):
    write_plan(
        tmp_path, plan(shared=planned(memberships=(member("atrous"),), params=412_000), old=planned(config_hash="old"))
    )
    later = planned(memberships=(member("se", "none"),), variant="none")
    write_plan(tmp_path, plan(command="second", shared=later, new=planned(config_hash="new")))
    runs = runs_of(tmp_path)
    assert list(runs) == ["shared", "old", "new"]
    assert runs["shared"].memberships == (member("atrous"), member("se", "none"))
    assert runs["shared"].params == 412_000


def test_a_run_keeps_the_variant_that_its_folder_is_named_after(tmp_path):
    write_plan(tmp_path, plan(run=planned(variant="1-2-1")))
    write_plan(tmp_path, plan(command="second", run=planned(variant="another name")))
    assert runs_of(tmp_path)["run"].variant == "1-2-1"


def test_a_changed_baseline_replaces_the_old_membership(tmp_path):
    write_plan(tmp_path, plan(run=planned(memberships=(member("atrous", baseline=True),))))
    write_plan(tmp_path, plan(command="second", run=planned(memberships=(member("atrous"),))))
    assert runs_of(tmp_path)["run"].memberships == (member("atrous"),)


def test_what_several_commands_want_of_a_run_is_united(tmp_path):
    latency = WantedLatency("l", None, None)
    one, two = WantedScores("1", ("psnr",), 5), WantedScores("2", ("psnr",), 5)
    write_plan(tmp_path, plan(run=planned(wanted=Wanted("t", {"val": one, "set5": two}, "c", latency))))
    write_plan(tmp_path, plan(command="second", run=planned(wanted=Wanted("t", {"val": other(one)}, "c", None))))
    assert runs_of(tmp_path)["run"].wanted == Wanted("t", {"val": other(one), "set5": two}, "c", latency)


def other(scores):
    """The same on other pixels."""
    return replace(scores, fingerprint="other")


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        ((("psnr",), 5), (("niqe",), 1), (("psnr", "niqe"), 5)),
        ((("psnr", "niqe"), 1), (("psnr",), None), (("psnr", "niqe"), None)),
        ((("psnr",), None), (("psnr",), 3), (("psnr",), None)),
    ],
)
def test_metrics_and_images_of_the_same_pixels_are_united(tmp_path, first, second, both):
    for command, (metrics, images) in (("first", first), ("second", second)):
        wanted = Wanted("t", {"val": WantedScores("1", metrics, images)}, "c", None)
        write_plan(tmp_path, plan(command=command, run=planned(wanted=wanted)))
    assert runs_of(tmp_path)["run"].wanted.scores == {"val": WantedScores("1", *both)}


def test_a_set_that_a_command_does_not_name_keeps_its_metrics(tmp_path):
    val, set5 = WantedScores("1", ("psnr",), 0), WantedScores("2", ("ssim",), 0)
    write_plan(tmp_path, plan(run=planned(wanted=Wanted("t", {"val": val}, "c", None))))
    write_plan(tmp_path, plan(command="second", run=planned(wanted=Wanted("t", {"set5": set5}, "c", None))))
    assert runs_of(tmp_path)["run"].wanted.scores == {"val": val, "set5": set5}


def test_a_run_that_plans_know_under_two_names_is_one(tmp_path):
    baseline = planned(memberships=(member("atrous", "1-1-1", baseline=True),), variant="1-1-1")
    write_plan(tmp_path, plan(**{"carn-1-1-1": baseline}))
    write_plan(tmp_path, plan(command="second", **{"carn-default": planned()}))
    assert list(united(read_plans(tmp_path), [])) == ["carn-1-1-1"]
    runs = united(read_plans(tmp_path), ["carn-default"])
    assert {name: run.memberships for name, run in runs.items()} == {"carn-default": baseline.memberships}


def test_the_same_command_again_writes_nothing(tmp_path):
    write_plan(tmp_path, plan(run=planned()))
    write_plan(tmp_path, plan(run=planned()))
    assert len(read_plans(tmp_path)) == 1


def test_a_command_that_comes_back_after_another_is_the_last_again(tmp_path):
    for command in ("first", "second", "first"):
        write_plan(tmp_path, plan(command=command, run=planned()))
    assert [one.command for one in read_plans(tmp_path)] == ["first", "second", "first"]


def _plan_runs(study, writer):
    for number in range(25):
        name = f"run-{writer}-{number}"
        write_plan(study, plan(command=f"{writer} {number}", **{name: planned(config_hash=name)}))


def test_eight_processes_that_write_one_study_lose_no_run(tmp_path):
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_plan_runs, args=(tmp_path, writer)) for writer in range(8)]
    for writer in writers:
        writer.start()
    seen = 0
    while any(writer.is_alive() for writer in writers):
        found = len(runs_of(tmp_path))  # never half a plan
        assert found >= seen
        seen = found
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 8
    assert len(runs_of(tmp_path)) == 200


@pytest.mark.parametrize("content", ["{", "[]", '{"schema": 2, "runs": 3}'])
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
