"""`make quickstart`, with a program in Python's place that notes what it is told to do."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STUDY = "-m srbench -m model=carn,mossnet ablation=atrous"
FETCHING = "fetches AlexNet's weights for the column LPIPS (244 MB, once; leave them out by: make quickstart LPIPS=no)"

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")


@pytest.fixture
def quickstart(tmp_path):
    """Runs the target; `network`: whether the weights can be fetched. The output's lines, the words of each call."""

    def run(*words, network):
        (tmp_path / "bin").mkdir()
        python, called = tmp_path / "bin/python", tmp_path / "called"
        python.write_text(f'#!/bin/sh\necho "$@" >> {called}\n[ "$3" != data ] || exit {0 if network else 2}\n')
        python.chmod(0o755)
        (tmp_path / ".installed").touch()
        command = ["make", "--no-print-directory", "quickstart", f"VENV={tmp_path}", *words]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines(), called.read_text().splitlines()

    return run


def test_it_fetches_the_weights_of_lpips_first_and_says_so(quickstart):
    told, called = quickstart(network=True)
    assert told[0] == FETCHING
    assert called == ["-m srbench data get alexnet patience=5", STUDY]


def test_it_goes_on_where_there_is_no_network(quickstart):
    told, called = quickstart(network=False)
    assert told[:2] == [FETCHING, "goes on without them: the column LPIPS will be –"]
    assert called[-1] == STUDY


def test_the_weights_can_be_left_out(quickstart):
    told, called = quickstart("LPIPS=no", network=False)
    assert called == [STUDY]
    assert "AlexNet" not in " ".join(told)
