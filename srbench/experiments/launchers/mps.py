"""NVIDIA's Multi-Process Service for runs that share a GPU: kernels of several processes run there at the same time,
where without it the processes take turns.

It is a daemon of the user's own, which changes no setting of the card. A process computes through it that has the
variables of its folder when it first asks CUDA for anything. What it takes away: an error that breaks the GPU's memory
for one run, an illegal address say, ends those beside it, too.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

from srbench.core.interrupts import uninterrupted
from srbench.core.progress import console

PROGRAM = "nvidia-cuda-mps-control"
START_SECONDS = 10.0  # until the daemon answers
LOOK_SECONDS = 0.1
SAYS_SECONDS = 20.0  # that the program takes at most, to end the daemon, say
LONGEST = 70  # bytes of the folder's path: Linux takes 107 for a socket, whose name the daemon chooses

Environment = Mapping[str, str]


def is_shared(devices: Sequence[str]) -> bool:
    """Whether runs on these devices, one for each run, share a GPU."""
    return any(number > 1 for device, number in Counter(devices).items() if device.startswith("cuda"))


@contextmanager
def multi_process_service(study_dir: Path, serves: Callable[[Environment], bool]) -> Iterator[Environment]:
    """Starts the daemon, and gives the variables by which processes compute through it; ends it, whatever happens, and
    removes its folder, which lies in `study_dir` or, where that path is too long, where temporary files do.

    `serves`: whether a process with these variables can use the GPU. None are given where there is no such program,
    where it does not answer or serve, which is told in one line, and where a daemon of somebody else's serves already.
    """
    if shutil.which(PROGRAM) is None:
        reason = f"{PROGRAM} is not on PATH"
    elif _says(os.environ, "get_server_list") is not None:
        yield {}
        return
    else:
        with _folder(study_dir) as folder:
            places = {f"CUDA_MPS_{name}_DIRECTORY": str(folder / name.lower()) for name in ("PIPE", "LOG")}
            environment = places | _visible()
            try:
                reason = _start(places) or ("" if serves(environment) else "a process could not use the GPU by it")
                if not reason:
                    yield environment
                    return
            finally:
                _end(places)
    console.print(f"without NVIDIA's MPS: {reason}; runs that share a GPU take turns")
    yield {}


def _visible() -> dict[str, str]:
    """What its processes are to see of GPUs that $CUDA_VISIBLE_DEVICES has by number: the daemon, which has it, too,
    numbers those anew, from 0 on."""
    named = (name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(","))
    numbers = [str(place) for place, _ in enumerate(takewhile(str.isdecimal, named))]
    return {"CUDA_VISIBLE_DEVICES": ",".join(numbers)} if numbers else {}


@contextmanager
def _folder(study_dir: Path) -> Iterator[Path]:
    """Of its own, as several commands may be at work on one study."""
    study_dir.mkdir(parents=True, exist_ok=True)
    near = len(os.fsencode(study_dir.resolve())) + len("/.mps-12345678/pipe") <= LONGEST
    with tempfile.TemporaryDirectory(
        prefix=".mps-", dir=study_dir.resolve() if near else None, ignore_cleanup_errors=True
    ) as name:
        folder = Path(name)
        for part in ("pipe", "log"):
            (folder / part).mkdir()
        yield folder


def _start(environment: Environment) -> str:
    """Why the daemon does not answer; "" where it does."""
    try:
        # Of another session: Ctrl-C is for the runs, which it has to outlive.
        subprocess.run(
            [PROGRAM, "-d"],
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            timeout=SAYS_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return f"{PROGRAM} -d cannot be started"
    began = time.monotonic()
    while _says(environment, "get_server_list") is None:
        if time.monotonic() - began > START_SECONDS:
            return f"{PROGRAM} does not answer"
        time.sleep(LOOK_SECONDS)
    return ""


def _end(environment: Environment) -> None:
    with uninterrupted():
        if _says(environment, "get_server_list") is not None and _says(environment, "quit") is None:
            console.print(f"NVIDIA's MPS does not end within {SAYS_SECONDS:.0f} s; end {PROGRAM} by hand")


def _says(environment: Environment, command: str) -> str | None:
    """What the daemon answers to a command; None where none does."""
    try:
        done = subprocess.run(
            [PROGRAM],
            input=f"{command}\n",
            env=os.environ | environment,
            capture_output=True,
            text=True,
            start_new_session=True,
            timeout=SAYS_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None
