"""The machine that a run meets: its cores, its device, its memory, and what is recorded of them."""

import os
import platform
import subprocess
import sys
import warnings
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from srbench.core.errors import UserError, first_line
from srbench.core.progress import console

if TYPE_CHECKING:
    import torch

PACKAGES = ("srbench", "torch", "lightning", "lpips", "hydra-core", "numpy", "scikit-image", "pillow")

CGROUPS = [  # files that limit a container's memory, say what it takes, and what of that are old pages of files
    ("/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),  # version 1
]

ALLOCATION_CODE = 2  # CUDA's, cudaErrorMemoryAllocation
NO_MEMORY = (  # of a library of NVIDIA's that finds none for itself, which torch tells in words alone
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
    "CUFFT_ALLOC_FAILED",
    "CUDA driver error: out of memory",
)


def cores() -> int:
    """The processors that this process may use: affinity, a container's quota, SLURM's allotment."""
    limits = [len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1]
    limits += [int(text) for text in [os.environ.get("SLURM_CPUS_PER_TASK", "")] if text.isdecimal()]
    quota = Path("/sys/fs/cgroup/cpu.max")
    if quota.is_file():
        allowed, period = quota.read_text(encoding="utf-8").split()
        limits += [] if allowed == "max" else [int(allowed) // int(period)]
    return max(1, min(limits))


def threads(asked: int | str) -> int:
    """The threads that one run computes with. `auto`: OMP_NUM_THREADS, which clusters set to 1 for a process that is
    one of many; else as many as there are cores."""
    if asked != "auto":
        return int(asked)
    told = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return int(told) if told.isdecimal() and int(told) else cores()


@dataclass(frozen=True)
class DeviceMemory:
    """Bytes that a device has in all, and those that are free: of a CPU what this process may still take."""

    total: int
    free: int


def memory(device: str) -> DeviceMemory | None:
    """Of a GPU, or of the machine and the container that this process runs in; None where nobody says."""
    if device.startswith("cuda"):
        import torch

        free, total = torch.cuda.mem_get_info(device)
        return DeviceMemory(total, free)
    info = Path("/proc/meminfo")
    if not info.is_file():
        return None
    kilobytes = _numbers(info)
    found = DeviceMemory(1024 * kilobytes["MemTotal:"], 1024 * kilobytes["MemAvailable:"])
    for folder, limit, used, old in CGROUPS:
        try:
            most, taken = (int((Path(folder) / file).read_text(encoding="utf-8")) for file in (limit, used))
            taken -= _numbers(Path(folder) / "memory.stat")[old]
        except (OSError, ValueError, KeyError):  # not there, or "max"
            continue
        found = DeviceMemory(min(found.total, most), min(found.free, max(0, most - taken)))
    return found


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error, or one that led to it, is of a GPU that has no memory left."""
    return memory_error(error) is not None


def memory_error(error: BaseException) -> BaseException | None:
    """The error, or the one that led to it, that is of a GPU that has no memory left: for a tensor, as torch says it,
    for the context of a process, as CUDA does, or for what a library keeps there. None where none is."""
    seen: list[BaseException] = []
    while error not in seen:  # one may have led to itself
        if _is_full(error):
            return error
        seen.append(error)
        error = error.__cause__ or error.__context__ or error
    return None


def _is_full(error: BaseException) -> bool:
    import torch

    cuda_code = getattr(error, "error_code", None) if isinstance(error, torch.AcceleratorError) else None
    if isinstance(error, torch.OutOfMemoryError) or cuda_code == ALLOCATION_CODE:
        return True
    return isinstance(error, RuntimeError) and any(told in str(error) for told in NO_MEMORY)


def _numbers(file: Path) -> dict[str, int]:
    lines = (line.split() for line in file.read_text(encoding="utf-8").splitlines())
    return {name: int(value) for name, value, *_ in lines}


def pick_device(name: str) -> str:
    """`auto` → `cuda` where there is one, else `cpu`, and a line where there is one that torch cannot use. `mps`, an
    Apple GPU, is taken where it is named alone: it has no float64, and no test of srbench has run on one. Raises
    UserError for a device that is not there."""
    import torch

    kind, _, index = name.partition(":")
    if kind not in ("auto", "cpu", "cuda", "mps") or (index and (kind != "cuda" or not index.isdigit())):
        raise UserError(f"device={name}: no such device (auto, cpu, cuda, cuda:N or mps)")
    if kind == "cpu":
        return name
    if kind == "mps":
        if not torch.backends.mps.is_available():
            raise UserError(f"device={name}: this torch finds no Apple GPU; use device=auto")
        return name
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        there = torch.cuda.is_available()
    # torch's own words, of a driver that is too old, say: it has no others.
    reason = first_line(Warning(told[0].message)) if told and not there else ""
    if kind == "auto":
        if reason:
            _tell(f"device=auto: the CPU, as torch cannot use the GPU: {reason}")
        return "cuda" if there else "cpu"
    if not there or torch.cuda.device_count() <= int(index or 0):
        raise UserError(f"device={name}: {reason or _what_there_is(there)}; use device=auto")
    return name


def _what_there_is(there: bool) -> str:
    """Of CUDA devices, as torch sees them; `there`: any are."""
    import torch

    if not torch.backends.cuda.is_built():
        return "this torch is built without CUDA"
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    told = "" if shown is None else f", with CUDA_VISIBLE_DEVICES={shown}"
    return f"this machine has {torch.cuda.device_count() if there else 0} CUDA devices{told}"


def make_current(device: str) -> None:
    """Lets torch, and kernels of a network's own, take this GPU where nobody names one: else the process holds memory
    of the first, too."""
    import torch

    kind, _, index = device.partition(":")
    if kind == "cuda" and int(index or 0):
        torch.cuda.set_device(int(index))


@cache  # every run of a grid asks
def _tell(line: str) -> None:
    console.print(line)


def wait_for(device: "torch.device") -> None:
    """Returns when the device has done what it was asked for; a GPU's operators return before they have run."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def pick_precision(name: str | int, device: str) -> str:
    """What Lightning calls the training precision. `auto`: bf16 where the hardware computes it fast, else float32."""
    known = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}
    if str(name) == "16" and device == "cpu":
        raise UserError("precision=16: half precision trains on a GPU only; use precision=bf16 or 32")
    if str(name) in ("16", "bf16") and device == "mps":
        raise UserError(f"precision={name}: on an Apple GPU trainings are float32; use precision=32 or auto")
    if str(name) in known:
        return known[str(name)]
    if name != "auto":
        raise UserError(f"precision={name}: no such precision (auto, 32, bf16 or 16)")
    if device.startswith("cuda"):
        return "bf16-mixed" if _gpu_has_bf16(device) else "32-true"
    if device == "mps":
        return "32-true"
    return "bf16-mixed" if _cpu_has_bf16() else "32-true"


def _gpu_has_bf16(device: str) -> bool:
    """As torch.cuda.is_bf16_supported, of this GPU (`cuda`: the first), and without making it the current one."""
    import torch

    return bool(torch.version.hip) or torch.cuda.get_device_properties(torch.device(device).index or 0).major >= 8


def versions() -> dict[str, str]:
    """What the numbers were made with; a package that is not installed is left out."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def git_state() -> str | None:
    """`<commit>` or `<commit>+changes` of the checkout that srbench runs from; None for an installed package."""
    folder = Path(__file__).parents[2]
    if not (folder / ".git").exists():
        return None
    git = ["git", "-C", str(folder)]
    try:
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        changes = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{commit[:12]}+changes" if changes else commit[:12]


def describe_device(device: str) -> str:
    """The processor's or accelerator's own name; of an accelerator of another machine torch's, `cuda`."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.get_device_name(device) if torch.cuda.is_available() else device
    if device == "mps":
        return device
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or sys.platform


def _cpu_has_bf16() -> bool:
    info = Path("/proc/cpuinfo")
    return info.is_file() and any(flag in info.read_text(encoding="utf-8") for flag in ("avx512_bf16", "amx_bf16"))
