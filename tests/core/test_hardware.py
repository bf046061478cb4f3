"""Cores and threads are two things: how many processes may run, and how many threads one of them computes with."""

import os
import sys
import warnings
from types import SimpleNamespace

import pytest
import torch

from srbench.core import hardware
from srbench.core.errors import UserError

MANY = 1024


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """A machine of many cores, told nothing by a cluster."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(MANY), raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)


@pytest.mark.parametrize("number", ["1", "3", "2,1"])
def test_openmps_number_is_of_threads_not_of_cores(monkeypatch, number):
    before = hardware.cores()
    monkeypatch.setenv("OMP_NUM_THREADS", number)
    assert hardware.cores() == before
    assert hardware.threads("auto") == int(number[0])


@pytest.mark.parametrize("number", ["", "0", "many"])
def test_a_number_that_openmp_would_not_take_is_left(monkeypatch, number):
    monkeypatch.setenv("OMP_NUM_THREADS", number)
    assert hardware.threads("auto") == hardware.cores()


def test_threads_that_are_asked_for_come_before_openmps(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert hardware.threads(5) == 5


def test_cores_are_those_that_the_affinity_leaves(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3}, raising=False)
    assert hardware.cores() == 1


def test_slurms_allotment_is_a_number_of_cores(monkeypatch):
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "1")
    assert hardware.cores() == 1


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells it")
def test_a_container_s_limit_is_the_memory_that_there_is(monkeypatch, tmp_path):
    free = hardware.memory("cpu")
    assert 0 < free.free <= free.total
    for name, text in {
        "memory.max": "3000000",
        "memory.current": "2000000",
        "memory.stat": "inactive_file 500000",
    }.items():
        (tmp_path / name).write_text(f"{text}\n")
    monkeypatch.setattr(hardware, "CGROUPS", [(str(tmp_path), "memory.max", "memory.current", "inactive_file")])
    assert hardware.memory("cpu") == hardware.DeviceMemory(3_000_000, 1_500_000)
    (tmp_path / "memory.max").write_text("max\n")
    assert hardware.memory("cpu").total > 3_000_000


def test_a_gpu_without_memory_is_known_by_the_error_or_what_led_to_it():
    allocation, other = torch.AcceleratorError("CUDA error"), torch.AcceleratorError("CUDA error")
    allocation.error_code, other.error_code = 2, 700  # cudaErrorMemoryAllocation, cudaErrorIllegalAddress
    later = ValueError("what was to be closed was never opened")
    later.__context__ = torch.OutOfMemoryError("CUDA")
    library = RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")
    assert all(map(hardware.is_out_of_memory, (torch.OutOfMemoryError("CUDA"), allocation, later, library)))
    assert not any(map(hardware.is_out_of_memory, (other, RuntimeError("CUDA out of memory"), MemoryError())))
    outer = RuntimeError("of Hydra's")
    outer.__cause__, other.__context__ = other, outer  # as where an error is carried through somebody's code
    assert not hardware.is_out_of_memory(outer)


@pytest.mark.parametrize(("device", "precision"), [("cuda", "bf16-mixed"), ("cuda:1", "32-true")])
def test_auto_is_bf16_on_a_gpu_that_computes_it(monkeypatch, device, precision):
    gpus = [SimpleNamespace(major=9), SimpleNamespace(major=7)]  # an H100 and a V100
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: gpus[index])
    assert hardware.pick_precision("auto", device) == precision


def old_driver():
    warnings.warn(
        "CUDA initialization: The NVIDIA driver on your system is too old (found version 11020).\nUpdate", stacklevel=1
    )
    return False


def test_a_gpu_that_torch_cannot_use_is_told_and_refused_by_name(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", old_driver)
    hardware._tell.cache_clear()
    assert [hardware.pick_device("auto") for _ in range(2)] == ["cpu", "cpu"]
    told = "The NVIDIA driver on your system is too old (found version 11020)."
    assert capsys.readouterr().err.count(told) == 1
    with pytest.raises(UserError, match=r"device=cuda:1: .*too old \(found version 11020\)\.; use device=auto"):
        hardware.pick_device("cuda:1")


@pytest.mark.parametrize(
    ("built", "shown", "reason"),
    [
        (True, None, "this machine has 2 CUDA devices"),
        (True, "3,1", "this machine has 2 CUDA devices, with CUDA_VISIBLE_DEVICES=3,1"),
        (False, None, "this torch is built without CUDA"),
    ],
)
def test_of_a_gpu_that_is_not_there_is_told_which_are(built, shown, reason, monkeypatch):
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: built)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if shown:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown)
    with pytest.raises(UserError) as told:
        hardware.pick_device("cuda:9")
    assert str(told.value) == f"device=cuda:9: {reason}; use device=auto"


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cpu:1", "auto:0"])
def test_a_device_of_no_such_name_is_refused(name):
    with pytest.raises(UserError, match=f"device={name}: no such device"):
        hardware.pick_device(name)


def test_an_apple_gpu_is_taken_where_it_is_named_and_found_alone(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(UserError, match="device=mps: this torch finds no Apple GPU; use device=auto"):
        hardware.pick_device("mps")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert hardware.pick_device("mps") == hardware.describe_device("mps") == "mps"
    assert hardware.pick_device("auto") == "cpu"
    with pytest.raises(UserError, match="device=mps:0: no such device"):
        hardware.pick_device("mps:0")


def test_an_apple_gpu_trains_in_float32():
    assert [hardware.pick_precision(name, "mps") for name in ("auto", "32")] == ["32-true", "32-true"]
    for name in ("16", "bf16"):
        with pytest.raises(UserError, match=f"precision={name}: on an Apple GPU trainings are float32"):
            hardware.pick_precision(name, "mps")


@pytest.mark.parametrize(("device", "current"), [("cuda:1", [1]), ("cuda:0", []), ("cuda", []), ("cpu", [])])
def test_another_gpu_than_the_first_is_the_current_one(device, current, monkeypatch):
    told = []
    monkeypatch.setattr(torch.cuda, "set_device", told.append)
    hardware.make_current(device)
    assert told == current


def test_a_gpu_tells_what_it_has_free_of_its_memory(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", {"cuda:1": (3, 10)}.get)
    assert hardware.memory("cuda:1") == hardware.DeviceMemory(total=10, free=3)


@pytest.mark.parametrize(("device", "waits"), [("cuda:1", [torch.device("cuda:1")]), ("mps", ["mps"]), ("cpu", [])])
def test_what_a_gpu_was_asked_for_is_waited_for(device, waits, monkeypatch):
    told = []
    monkeypatch.setattr(torch.cuda, "synchronize", told.append)
    monkeypatch.setattr(torch.mps, "synchronize", lambda: told.append("mps"))
    hardware.wait_for(torch.device(device))
    assert told == waits
