"""What `status` says beside what is done: which runs are worked on, and of which study it is."""

import shutil

from srbench.cli.dispatch import perform
from srbench.core.heartbeat import heartbeat
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
    assert told.endswith("1 done, 1 running\n")
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
