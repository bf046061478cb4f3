"""The front door: which exit status a command ends with, and what it leaves of the process that it ran in."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import srbench as srbench_package
from srbench.core.errors import UserError
from tests.cli.conftest import Shell, make_images, shell_in


@pytest.fixture
def srbench(tmp_path: Path) -> Shell:
    """Whose interpreter starts by itself, as that is looked at."""
    return replace(shell_in(tmp_path), warm=False)


def test_what_is_found_to_be_wrong_is_status_1_and_no_mistake(door, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_images(Path("own/HR"), 2)
    done = door("data", "check", "own")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "2 images, nothing wrong")
    Path("own/HR/1.png").write_bytes(b"")
    done = door("data", "check", "own")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines()[-1] == "2 images, 1 wrong"


def test_the_version_is_srbench_s(door):
    assert door("--version").stdout == f"srbench {srbench_package.__version__}\n"


def test_a_mistake_leaves_the_environment_as_it_was(mistake):
    before = dict(os.environ)
    mistake("model=crn")
    assert dict(os.environ) == before


def test_whoever_asks_hydra_for_tracebacks_gets_them(door, monkeypatch):
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(UserError, match="no such command"):
        door("reprot")


def test_a_reader_that_has_left_is_told_nothing(srbench):
    srbench.environment.pop("PYTHONUNBUFFERED", None)  # then the output is written when the process ends
    process = srbench.start("resize", "--help")
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(60) == 1


def test_a_process_without_stdout_ends_well(srbench):
    process = srbench.start("resize", "hr/0.png", "0.png", "scale=1/2", preexec_fn=lambda: os.close(1))
    assert (process.communicate(timeout=60)[1], process.returncode) == ("", 0)
    assert (srbench.folder / "0.png").is_file()


@pytest.mark.parametrize(
    "words", [("status", "runs/x"), ("report", "runs/x"), ("score", "a", "b", "scale=2"), ("data", "check", "x")]
)
def test_no_file_beside_what_others_made_stands_in_for_a_module(srbench, words):
    (srbench.folder / "loaded.py").write_text("import sys; print(*sys.modules)")
    python = subprocess.run([sys.executable, "-m", "loaded"], cwd=srbench.folder, capture_output=True, text=True)
    (srbench.folder / "loaded.py").unlink()
    for name in {*sys.stdlib_module_names, "numpy", "pandas", "PIL", "torch", "yaml"} - {*python.stdout.split()}:
        (srbench.folder / f"{name}.py").write_text(f"raise SystemExit('{name}.py of the current folder has run')")
    done = srbench(*words)
    assert done.returncode == 2
    assert done.stderr.startswith("srbench: ")
