"""NVIDIA's MPS around the runs that share a GPU: with a stand-in for its daemon that answers as it does."""

import os
from itertools import groupby
from pathlib import Path

import pytest

from srbench.experiments.launchers import pool
from srbench.experiments.launchers.mps import PROGRAM, is_shared, multi_process_service
from srbench.experiments.launchers.pool import run_all

DAEMON = """#!/bin/sh
pipe=${CUDA_MPS_PIPE_DIRECTORY:-@folder@/default}
echo "$pipe $*" >> @folder@/calls
if [ "$1" = -d ]; then
    [ -e @folder@/broken ] && exit 1
    [ -d "$pipe" ] && [ -d "$CUDA_MPS_LOG_DIRECTORY" ] || exit 1
    echo "$CUDA_VISIBLE_DEVICES" > @folder@/visible
    [ -e @folder@/mute ] || touch "$pipe/control"
    exit 0
fi
read command
[ -e "$pipe/control" ] || { echo "Cannot find MPS control daemon process"; exit 1; }
echo "$pipe $command" >> @folder@/calls
[ "$command" = quit ] && rm "$pipe/control"
exit 0
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Of the program, which is on PATH, and of `calls`, its words and what it was told."""
    found = tmp_path / "bin"
    found.mkdir()
    (found / PROGRAM).write_text(DAEMON.replace("@folder@", str(found)))
    (found / PROGRAM).chmod(0o755)
    monkeypatch.setenv("PATH", f"{found}{os.pathsep}{os.environ['PATH']}")
    return found


def serves(environment):
    return (Path(environment["CUDA_MPS_PIPE_DIRECTORY"]) / "control").exists()


def was_told(folder, command):
    return [line for line in (folder / "calls").read_text().splitlines() if line.endswith(f" {command}")]


@pytest.fixture
def study(tmp_path_factory) -> Path:
    """A folder whose path is short."""
    return Path(os.path.relpath(tmp_path_factory.mktemp("s") / "runs"))


def test_only_runs_that_share_a_gpu_need_it():
    assert is_shared(["cuda:0", "cuda:1", "cuda:0"])
    assert not is_shared(["cuda:0", "cuda:1"])
    assert not is_shared(["cpu", "cpu"])


def test_the_daemon_is_there_meanwhile_and_nothing_of_it_afterwards(folder, study, capsys):
    with multi_process_service(study, serves) as environment:
        pipe, log = Path(environment["CUDA_MPS_PIPE_DIRECTORY"]), Path(environment["CUDA_MPS_LOG_DIRECTORY"])
        assert pipe.is_absolute()
        assert pipe.parent == log.parent
        assert serves(environment)
    assert not pipe.parent.exists()
    assert was_told(folder, "quit") == [f"{pipe} quit"]
    assert not capsys.readouterr().err


def test_its_folder_lies_in_the_study_s_unless_that_path_is_too_long_for_a_socket(folder, monkeypatch, tmp_path):
    monkeypatch.chdir("/")
    near, far = tmp_path, tmp_path / ("long" * 20)
    monkeypatch.setattr("srbench.experiments.launchers.mps.LONGEST", len(str(near)) + 20)
    for study, there in ((near, True), (far, False)):
        with multi_process_service(study, serves) as environment:
            assert Path(environment["CUDA_MPS_PIPE_DIRECTORY"]).is_relative_to(study) is there
            assert serves(environment)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ValueError])
def test_it_is_ended_whatever_happens(folder, study, stop):
    with pytest.raises(stop), multi_process_service(study, serves) as environment:
        raise stop
    assert not Path(environment["CUDA_MPS_PIPE_DIRECTORY"]).parent.exists()
    assert was_told(folder, "quit")


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("broken", f"{PROGRAM} -d cannot be started"),
        ("mute", f"{PROGRAM} does not answer"),
        ("unfit", "a process could not use the GPU by it"),
    ],
)
def test_where_it_cannot_be_started_one_line_says_so_and_it_is_ended(folder, study, wrong, reason, capsys, monkeypatch):
    (folder / wrong).touch()
    if wrong == "mute":
        monkeypatch.setattr("srbench.experiments.launchers.mps.START_SECONDS", 0)
    with multi_process_service(study, lambda environment: serves(environment) and wrong != "unfit") as environment:
        assert not environment
        assert not list(study.iterdir())
        assert bool(was_told(folder, "quit")) is (wrong == "unfit")
    assert capsys.readouterr().err == f"without NVIDIA's MPS: {reason}; runs that share a GPU take turns\n"


def test_where_there_is_no_such_program_one_line_says_so(study, monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")
    with multi_process_service(study, serves) as environment:
        assert not environment
    assert f"{PROGRAM} is not on PATH" in capsys.readouterr().err
    assert not study.exists()


def test_somebody_elses_daemon_is_used_as_it_is(folder, study):
    (folder / "default").mkdir()
    (folder / "default/control").touch()
    with multi_process_service(study, serves) as environment:
        assert not environment
    assert not was_told(folder, "-d")
    assert not was_told(folder, "quit")


@pytest.mark.parametrize(
    ("told", "through_it"),
    [("2", "0"), ("0,2", "0,1"), (" 3, 1", "0,1"), ("1,-1,0", "0"), ("GPU-8f", "GPU-8f"), ("MIG-1a", "MIG-1a")],
)
def test_of_gpus_by_number_its_processes_see_those_that_the_daemon_numbers_anew(
    folder, study, monkeypatch, told, through_it
):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", told)
    tried = []

    def serves(variables):
        tried.append(variables)
        return True

    with multi_process_service(study, serves) as variables:
        assert (folder / "visible").read_text() == f"{told}\n"
        assert (os.environ | variables)["CUDA_VISIBLE_DEVICES"] == through_it
    assert tried == [variables]


SEEN = """
import os

from srbench.models.carn import CARN


class Seen(CARN):
    def forward(self, lr):
        with open("seen", "a") as file:
            print(os.environ.get("CUDA_MPS_PIPE_DIRECTORY"), file=file)
        return super().forward(lr)
"""


@pytest.mark.parametrize("mps", ["auto", "off"])
def test_runs_have_its_variables(folder, carn, tmp_path, monkeypatch, mps):
    (tmp_path / "seen.py").write_text(SEEN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(pool, "is_shared", lambda devices: devices == ["cpu", "cpu"])
    words = ["model._target_=seen.Seen", "device=cpu", "jobs=2", f"mps={mps}"]
    runs = [carn(f"seed={seed}", *words) for seed in (0, 1)]
    assert run_all(runs) == [None, None]
    (pipe,) = set((tmp_path / "seen").read_text().split())
    assert pipe.endswith("/pipe") if mps == "auto" else pipe == "None"
    assert (folder / "calls").exists() is (mps == "auto")


PASSES = """
import os

import torch

from srbench.models.carn import CARN


class Passes(CARN):
    def forward(self, lr):
        if lr.device.type != "meta":
            what = "timed" if lr.shape[-1] == 256 else "other"
            with open("passes", "a") as file:
                print(what, os.getpid(), torch.get_num_threads(), "CUDA_MPS_PIPE_DIRECTORY" in os.environ, file=file)
        return super().forward(lr)
"""


@pytest.mark.usefixtures("folder")
def test_latencies_are_measured_without_it_one_at_a_time_with_all_cores_when_all_else_is_done(
    carn, tmp_path, monkeypatch
):
    (tmp_path / "passing.py").write_text(PASSES)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setattr(pool, "is_shared", lambda devices: devices == ["cpu", "cpu"])
    words = ["model._target_=passing.Passes", "device=cpu", "jobs=2", "eval.latency=true"]
    assert run_all([carn(f"seed={seed}", *words) for seed in (0, 1)]) == [None, None]
    passes = [line.split() for line in (tmp_path / "passes").read_text().splitlines()]
    kinds = [(what, threads, through_it) for what, _, threads, through_it in passes]
    assert [kind for kind, _ in groupby(kinds)] == [("other", "1", "True"), ("timed", "3", "False")]
    assert len(list(groupby(process for what, process, *_ in passes if what == "timed"))) == 2
