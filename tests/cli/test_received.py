"""A study that somebody else has made, gone on with: its links are not followed, what is broken is made anew."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.cli.test_rubbish import RUBBISH

ONE = ("model=bicubic", "budget=none", "study=mine", "eval.metrics=[psnr]", "eval.latency=false")


@pytest.fixture(scope="module")
def received(tmp_path_factory):
    """The folder of the run of ONE."""
    import sys

    from srbench.__main__ import main

    folder = tmp_path_factory.mktemp("received")
    before, argv = Path.cwd(), sys.argv
    os.chdir(folder)
    sys.argv = ["srbench", *ONE]
    try:
        assert main() == 0
    finally:
        os.chdir(before)
        sys.argv = argv
    return next((folder / "runs/mine").glob("bicubic-*"))


@pytest.fixture
def run(received, tmp_path, monkeypatch) -> Path:
    """A copy of the study, in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copytree(received.parent, "runs/mine")
    return Path("runs/mine") / received.name


@pytest.mark.parametrize("kind", ["empty", "half", "zeros", "nested", "an object", "a pipe", "of another encoding"])
@pytest.mark.parametrize("name", ["result.json", "scores.csv"])
def test_a_run_whose_file_is_none_is_tried_again(run, door, name, kind):
    RUBBISH[kind](run / name)
    (run / "result.json").unlink(missing_ok=name == "scores.csv")
    done = door(*ONE)
    assert done.returncode == 0, done.stderr
    assert "1 done" in done.stdout
    assert json.loads((run / "result.json").read_text())["status"] == "done"


@pytest.mark.parametrize("name", ["result.json", "config.yaml", "scores.csv", "run.log", "losses.csv", "last.ckpt"])
@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["a folder", "a pipe"])
def test_what_stands_in_place_of_a_file_is_moved_aside_with_a_line(run, door, name, make):
    for there in (run / "result.json", run / name):
        there.unlink(missing_ok=True)
    make(run / name)
    done = door(*ONE)
    assert done.returncode == 0, done.stderr
    assert f"{run / name}: is not what srbench writes there; now {name}.set-aside-1" in done.stderr
    assert "1 done" in done.stdout


@pytest.mark.parametrize("force", [False, True])
def test_a_newer_record_is_refused_and_stays_unless_it_is_forced(run, door, force):
    newer = b'{"schema": 99}'
    (run / "result.json").write_bytes(newer)
    done = door(*ONE, *["force=true"] * force)
    if force:
        assert (done.returncode, json.loads((run / "result.json").read_text())["status"]) == (0, "done")
    else:
        line = f"srbench: {run}/result.json: was written by a newer srbench (schema 99, this one reads 2); upgrade it"
        assert (done.returncode, done.stderr.partition(", or make")[0]) == (2, line)
        assert (run / "result.json").read_bytes() == newer


@pytest.mark.parametrize("name", ["config.yaml", "run.log", "result.json", "scores.csv", "images/val/chelsea.png"])
def test_links_are_replaced_and_never_written_through(run, door, tmp_path, name):
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (run / name).unlink()
    (run / name).symlink_to(precious)
    assert door(*ONE, "force=true").returncode == 0
    assert precious.read_text() == "mine"
    assert (run / name).is_file()
    assert not (run / name).is_symlink()


@pytest.mark.parametrize("name", ["images", "images/val", ""])
def test_links_to_folders_are_not_written_into(run, door, tmp_path, name):
    (tmp_path / "elsewhere").mkdir()
    shutil.rmtree(run / name)
    (run / name).symlink_to(tmp_path / "elsewhere")
    assert door(*ONE, "force=true").returncode == 0
    assert not list((tmp_path / "elsewhere").iterdir())
    assert (run / "images/val/chelsea.png").is_file()


def test_plans_that_lie_elsewhere_are_not_written_to(run, door, tmp_path):
    shutil.move("runs/mine/plans", tmp_path / "elsewhere")
    Path("runs/mine/plans").symlink_to(tmp_path / "elsewhere")
    before = sorted((tmp_path / "elsewhere").iterdir())
    done = door(*ONE, "force=true")
    assert (done.returncode, done.stderr.partition("; ")[0]) == (2, "srbench: runs/mine/plans: is a link")
    assert sorted((tmp_path / "elsewhere").iterdir()) == before


def test_the_report_of_a_copy_leaves_the_originals_alone(run, door):
    assert door("report", "runs/mine").returncode == 0
    original = Path("reports/mine/table.csv")
    original.write_text("the original's")
    shutil.copytree("runs/mine", "runs/calmcopy")
    assert door("report", "runs/calmcopy").returncode == 0
    assert original.read_text() == "the original's"
    assert "# calmcopy" in Path("reports/calmcopy/table.md").read_text()
    assert door("explain", "runs/calmcopy").returncode == 0
    assert sorted(path.name for path in Path("reports").iterdir()) == ["calmcopy", "mine"]
    assert not Path("reports/mine/explain.md").exists()


@pytest.mark.parametrize("name", ["../victim", "/tmp/victim", "..", "."])
def test_a_study_elsewhere_is_no_studys_name(run, door, name):
    for path in Path("runs/mine/plans").iterdir():
        path.write_text(path.read_text().replace('"study": "mine"', f'"study": "{name}"'))
    assert door("report", "runs/mine").returncode == 0
    assert [path.name for path in Path("reports").iterdir()] == ["mine"]
    assert door("model=bicubic", "budget=none", f"study={name}").returncode == 2
