"""What `status` says of runs that a process works on at that moment."""

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
