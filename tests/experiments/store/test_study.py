"""A study read from disk: every planned run, every run that lies there, and why some are not done."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from srbench.core.errors import UserError
from srbench.experiments.store.plans import write_plan
from srbench.experiments.store.record import write_record
from srbench.experiments.store.study import read_study
from tests.builders import member, plan, planned, record


def lie(study, **records):
    """Puts records into folders of the study."""
    for name, one in records.items():
        (study / name).mkdir()
        write_record(study / name, replace(one, run=name))


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
    runs = {run.name: run for run in read_study(tmp_path).runs}
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
    runs = read_study(tmp_path).runs
    assert [(run.status, run.model) for run in runs] == [("failed", "carn"), ("failed", "unplanned")]
    assert all(run.error.startswith("result.json: cannot be read (") for run in runs)


def test_what_commands_say_is_united(tmp_path):
    first, second = plan(command="first"), plan(study="renamed", command="second")
    write_plan(tmp_path, replace(first, ablations={"se": {"title": "SE"}}, claims=("a",), published={"x": "a page"}))
    write_plan(tmp_path, replace(second, ablations={"atrous": {"title": "A"}}, claims=("a", "b")))
    study = read_study(tmp_path)
    assert (study.name, study.commands) == (tmp_path.name, ("first", "second"))
    assert study.ablations == {"se": {"title": "SE"}, "atrous": {"title": "A"}}
    assert (study.claims, study.published) == (("a", "b"), {"x": "a page"})


def test_a_run_is_in_the_ablations_of_its_plan_else_of_its_record(tmp_path):
    write_plan(tmp_path, plan(run=planned(memberships=(member("se"),), variant="none")))
    lie(tmp_path, run=record(), found=record(memberships=(member("atrous"),), variant="1-2-1"))
    run, found = read_study(tmp_path).runs
    assert (run.memberships, run.variant) == ((member("se"),), "none")
    assert (found.memberships, found.variant) == ((member("atrous"),), "1-2-1")


def test_an_empty_plan_is_a_study_without_runs(tmp_path):
    write_plan(tmp_path, plan())
    assert read_study(tmp_path).runs == ()


def test_a_folder_that_is_no_study_is_the_users_mistake(tmp_path):
    write_plan(tmp_path / "runs" / "real", plan())
    (tmp_path / "runs" / "other" / "images").mkdir(parents=True)
    with pytest.raises(UserError, match=r"runs/reel: no such study; studies in .*runs: real$"):
        read_study(tmp_path / "runs" / "reel")
    with pytest.raises(UserError, match=r"other: no study there: no plans/ \(it holds: images\); studies in .*: real$"):
        read_study(tmp_path / "runs" / "other")


def test_the_store_imports_neither_torch_nor_hydra():
    modules = sorted(Path(__file__).parents[3].glob("srbench/experiments/store/*.py"))
    names = [f"srbench.experiments.store.{path.stem}" for path in modules if path.stem != "__init__"]
    code = f"import sys, {', '.join(names)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"torch", "lightning", "hydra", "omegaconf", "cv2"}
