"""What `status` says beside what is done: which runs are worked on, how far they are, and of which study it is."""

import os
import pty
import shutil
import signal
import subprocess

import pytest

from srbench.cli.dispatch import perform
from srbench.core.files import write_file
from srbench.core.heartbeat import heartbeat
from srbench.experiments.store.codec import to_json
from srbench.experiments.store.run_progress import PROGRESS, RunProgress
from srbench.experiments.store.standing import look
from tests.builders import planned
from tests.reports.conftest import Builder, failed, scored


def test_a_run_that_is_worked_on_is_running_whatever_it_was_before(tmp_path, capsys):
    build = Builder(tmp_path / "mine")
    again = build.run("carn", hashed="01", left=failed("of before"))
    build.run("edsr", hashed="02", left=scored(30.0))
    with heartbeat(build.folder / again, lambda worker: None):
        assert perform(["status", str(build.folder)])
    told = capsys.readouterr().out
    assert f"running  {again}" in told
    assert "of before" not in told
    assert told.endswith("1 done, 1 running; ≈ 1 s left\n")
    assert perform(["status", str(build.folder)])
    assert f"failed   {again}  of before" in capsys.readouterr().out


def test_a_study_that_was_copied_is_named(tmp_path, capsys):
    build = Builder(tmp_path / "mine")
    build.run("edsr", hashed="02", left=scored(30.0))
    shutil.copytree(build.folder, tmp_path / "copied")
    assert perform(["status", str(tmp_path / "copied")])
    assert "note: copied is a copy of the study mine, or another name for it\n" in capsys.readouterr().out
    assert perform(["status", str(build.folder)])
    assert "note: " not in capsys.readouterr().out


def test_a_run_that_is_worked_on_says_how_far_it_is(tmp_path, capsys):
    build = Builder(tmp_path / "mine")
    name = build.run("carn", hashed="01", left=failed("of before"))
    for told, shown in [
        (RunProgress("train", "loss 0.0312", 1200, 5000, 3.33), "train  1,200/5,000  3.33 steps/s  ≈ 19 min left"),
        (RunProgress("train", "loss 0.0312", 1200, 5000, None), "train  1,200/5,000  loss 0.0312"),
        (RunProgress("score", "evaluates val", 3, 8, 0.5), "score  3/8  0.5 images/s  ≈ 10 s left  evaluates val"),
        (RunProgress("cost", "a\x1b[31m", 0, 0, None), "cost  a\\x1b[31m"),
    ]:
        write_file(build.folder / name / PROGRESS, to_json(told))
        with heartbeat(build.folder / name, lambda worker: None):
            assert perform(["status", str(build.folder)])
        assert f"running  {name}  {shown}" in capsys.readouterr().out
    write_file(build.folder / name / PROGRESS, b"{")
    with heartbeat(build.folder / name, lambda worker: None):
        assert perform(["status", str(build.folder)])
    assert f"running  {name}  begins\n" in capsys.readouterr().out


@pytest.fixture
def build(srbench):
    """Two runs, of which one is done."""
    build = Builder(srbench.folder / "runs/mine")
    build.run("edsr", hashed="02", left=scored(30.0))
    build.run("carn", hashed="01")
    return build


def lines_until(process: subprocess.Popen, end: str) -> list[str]:
    """What it prints up to the line that begins so."""
    lines = []
    while not lines or not lines[-1].startswith(end):
        lines.append(process.stdout.readline())
        assert lines[-1], process.stderr.read()
    return lines


def test_to_watch_is_to_print_what_changes_until_all_is_over(srbench, build):
    (name,) = (one.run.name for one in look(build.folder).runs if one.state == "missing")
    (build.folder / name).mkdir()
    build.run("edsr", hashed="02", left=failed("too small"))
    with heartbeat(build.folder / name, lambda worker: None):
        process = srbench.start("status", "runs/mine", "--watch")
        first = lines_until(process, "1 running, 1 failed")
        assert f"running  {name}  begins\n" in first
        build.leave(name, planned(config_hash=build.study().runs[-1].planned.config_hash), failed("too loud"))
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert out.splitlines() == [f"failed   {name}  too loud", "2 failed"]


def test_ctrl_c_ends_to_watch_without_a_word(srbench, build):
    process = srbench.start("status", "runs/mine", "--watch")
    lines_until(process, "1 done, 1 missing")
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 0


def test_at_a_terminal_what_is_at_work_is_drawn_again_and_again(srbench, build):
    (name,) = (one.run.name for one in look(build.folder).runs if one.state == "missing")
    (build.folder / name).mkdir()
    ours, theirs = pty.openpty()
    shown = ""
    with heartbeat(build.folder / name, lambda worker: None):
        process = srbench.start("status", "runs/mine", "--watch", stdout=theirs)
        os.close(theirs)
        while "1 done, 1 running" not in shown:
            shown += os.read(ours, 4096).decode(errors="replace")
        write_file(build.folder / name / PROGRESS, to_json(RunProgress("train", "loss 0.1", 7, 50, 0.5)))
        while "7/50  0.5 steps/s" not in shown:
            shown += os.read(ours, 4096).decode(errors="replace")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert "edsr" not in shown  # it is done
    os.close(ours)
