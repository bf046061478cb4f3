"""A study read from disk: every planned run, every run that lies there, and why some are not done."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from srbench.core.errors import UserError
from srbench.experiments.store.plans import new_plan, write_plan
from srbench.experiments.store.record import write_record
from srbench.experiments.store.study import open_study
from tests.builders import member, plan, planned, record


def lie(study, **records):
    """Puts records into folders of the study."""
    for name, one in records.items():
        (study / name).mkdir()
        write_record(study / name, replace(one, run=name, config_hash=name))


def test_a_study_has_every_planned_run_and_every_one_found(tmp_path):
    names = ("done", "failed", "begun", "open", "waiting")
    write_plan(tmp_path, plan(**{name: planned(config_hash=name) for name in names}))
    lie(tmp_path, done=record(seed=3), failed=record(status="failed", error="OOM"), found=record(seed=3))
    lie(tmp_path, open=record(status="failed"))
    (tmp_path / "waiting").mkdir()
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun/config.yaml").touch()
    (tmp_path / "open/config.yaml").touch()
    (tmp_path / "no run").mkdir()
    runs = {run.name: run for run in open_study(tmp_path).runs}
    assert list(runs) == ["done", "failed", "begun", "open", "waiting", "found"]
    assert [run.status for run in runs.values()] == ["done", "failed", "missing", "missing", "missing", "done"]
    unfinished = "begun, not finished"
    assert [run.error for run in runs.values()] == ["", "OOM", unfinished, unfinished, "not run yet", ""]
    assert (runs["done"].known.seed, runs["found"].known.seed) == (0, 3)  # the plan's identity holds
    assert runs["waiting"].planned.config_hash == "waiting"


def test_a_record_that_cannot_be_read_is_a_failed_run_with_its_reason(tmp_path):
    write_plan(tmp_path, plan(run=planned()))
    for name in ("run", "unplanned"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "result.json").write_text("{")
    runs = open_study(tmp_path).runs
    assert [(run.status, run.model) for run in runs] == [("failed", "carn"), ("failed", "unplanned")]
    assert all(run.error.startswith("result.json: cannot be read (") for run in runs)


def test_what_commands_say_is_united(tmp_path):
    first, second = plan(command="first"), plan(study="renamed", command="second")
    write_plan(tmp_path, replace(first, ablations={"se": {"title": "SE"}}, claims=("a",), published={"x": "a page"}))
    write_plan(tmp_path, replace(second, ablations={"atrous": {"title": "A"}}, claims=("a", "b")))
    study = open_study(tmp_path)
    assert (study.name, study.commands) == (tmp_path.name, ("first", "second"))
    assert study.ablations == {"se": {"title": "SE"}, "atrous": {"title": "A"}}
    assert (study.claims, study.published) == (("a", "b"), {"x": "a page"})


def test_a_run_is_in_the_ablations_of_its_plan_else_of_its_record(tmp_path):
    write_plan(tmp_path, plan(run=planned(config_hash="run", memberships=(member("se"),), variant="none")))
    lie(tmp_path, run=record(), found=record(memberships=(member("atrous"),), variant="1-2-1"))
    run, found = open_study(tmp_path).runs
    assert (run.memberships, run.variant) == ((member("se"),), "none")
    assert (found.memberships, found.variant) == ((member("atrous"),), "1-2-1")


def test_an_empty_plan_is_a_study_without_runs(tmp_path):
    write_plan(tmp_path, plan())
    assert open_study(tmp_path).runs == ()


def test_a_folder_that_is_no_study_is_the_users_mistake(tmp_path):
    write_plan(tmp_path / "runs" / "real", plan())
    (tmp_path / "runs" / "other" / "images").mkdir(parents=True)
    with pytest.raises(UserError, match=r"runs/reel: no such study; studies in .*runs: real$"):
        open_study(tmp_path / "runs" / "reel")
    with pytest.raises(UserError, match=r"other: no study there: no plans/ \(it holds: images\); studies in .*: real$"):
        open_study(tmp_path / "runs" / "other")
    with pytest.raises(UserError, match=r"runs: is a folder of studies; name one: .*runs/real$"):
        open_study(tmp_path / "runs")


def test_the_store_imports_neither_torch_nor_hydra():
    modules = sorted(Path(__file__).parents[3].glob("srbench/experiments/store/*.py"))
    names = [f"srbench.experiments.store.{path.stem}" for path in modules if path.stem != "__init__"]
    code = f"import sys, {', '.join(names)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"torch", "lightning", "hydra", "omegaconf", "cv2"}


# Studies that were copied, or made by somebody else


def test_a_study_is_called_as_its_folder_whatever_its_plans_say(tmp_path, monkeypatch):
    write_plan(tmp_path / "calmcopy", plan(study="../victim"))
    assert open_study(tmp_path / "calmcopy").name == "calmcopy"
    monkeypatch.chdir(tmp_path / "calmcopy")
    assert open_study(Path()).name == "calmcopy"


@pytest.mark.parametrize("folder", ["../run", "/tmp/run", "..", ".", "", "a/b", "a\\b", "a\0b", "a" * 300])
def test_a_plan_that_names_a_folder_elsewhere_is_none(tmp_path, folder):
    write_plan(tmp_path, plan(command="good", run=planned()))
    write_plan(tmp_path, replace(plan(), runs={folder: planned()}))
    study = open_study(tmp_path)
    assert [run.name for run in study.runs] == ["run"]
    assert "no name of a folder" in study.strange[0]


OTHER_STUDY = "{} is a copy of the study mine, or another name for it"


def test_a_copy_of_a_runs_folder_is_named_and_not_counted(tmp_path):
    write_plan(tmp_path, plan(run=planned(config_hash="run")))
    lie(tmp_path, run=record())
    shutil.copytree(tmp_path / "run", tmp_path / "run.bak")
    study = open_study(tmp_path)
    assert [run.name for run in study.runs] == ["run"]
    assert study.strange == (
        "run.bak: is a copy of run, or another name for it; it is not counted",
        OTHER_STUDY.format(tmp_path.name),
    )


@pytest.mark.parametrize("changes", [{"run": "other"}, {"config_hash": "run"}])
def test_a_record_of_another_run_is_none_of_this(tmp_path, changes):
    write_plan(tmp_path, plan(run=planned()))
    lie(tmp_path, run=record())
    write_record(tmp_path / "run", replace(record(run="run"), **changes))
    (run,) = open_study(tmp_path).runs
    assert (run.status, run.record) == ("failed", None)
    assert run.error.startswith("result.json is of another run: ")


def test_a_second_record_of_a_run_is_named_and_not_counted(tmp_path):
    write_plan(tmp_path, plan(run=planned()))
    lie(tmp_path, run=record(), again=record())
    write_record(tmp_path / "run", record(run="run"))
    write_record(tmp_path / "again", record(run="again"))
    study = open_study(tmp_path)
    assert [run.name for run in study.runs] == ["run"]
    assert study.strange == ("again: is the same run as run; it is not counted", OTHER_STUDY.format(tmp_path.name))


def test_two_plans_that_know_a_folder_as_two_runs_are_told(tmp_path):
    write_plan(tmp_path, plan(run=planned()))
    write_plan(tmp_path, plan(command="second", run=planned(config_hash="0a1b2c3dff")))
    study = open_study(tmp_path)
    assert study.strange == (
        "run: plans know 2 runs by this name; the last one counts",
        OTHER_STUDY.format(tmp_path.name),
    )
    assert study.runs[0].planned.config_hash == "0a1b2c3dff"


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"ablations": {"se": {"applies_to": {"CARN": None}}}}, "se: applies_to: CARN: an object is needed"),
        ({"ablations": {"se": []}}, "se: an object is needed"),
        ({"published": {"mdrn": [{"network": "MDRN"}]}}, "mdrn: 0: source is missing"),
    ],
)
def test_a_plan_that_no_report_could_use_is_named_and_never_written(tmp_path, parts, reason):
    with pytest.raises(UserError, match=f"^study=mine: its ablation or sweep: {reason}"):
        new_plan("mine", "", parts.get("ablations", {}), (), parts.get("published", {}))
    write_plan(tmp_path, replace(plan(), **parts))
    with pytest.raises(UserError, match=rf"not a plan \({reason}"):
        open_study(tmp_path)
