"""How soon srbench answers: python -m benchmarks.startup [LINE …]

Wall seconds, medians, of what a LINE names: Python alone (python), importing the package (import), --help (help), the
plan of 200 runs (plan); from the command to the weights of a first step on disk, of one run (run) and of the main
command's nine (grid); and the main command as a whole, nine runs of 500 steps and their report (main). On a GPU where
there is one.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.measured import command, measuring, take_lines
from srbench.core import hardware

PLAN = ["-m", "srbench", "-m", "ablation=atrous", f"seed={','.join(map(str, range(40)))}", "dry_run=true"]
MAIN = ["-m", "srbench", "-m", "model=carn,mossnet", "ablation=atrous"]
ONE_STEP = ["budget=quick", "budget.steps=1"]
LOOK_SECONDS = 0.01
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path.cwd())}


def whole(words: Sequence[str], folder: Path) -> float:
    """Seconds of a command from start to end."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, capture_output=True, cwd=folder, env=ENVIRONMENT)
    return time.perf_counter() - began


def until_a_step(words: Sequence[str], folder: Path) -> float:
    """Seconds until a training of one step has kept its weights; the command is interrupted then."""
    began = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, *words, *ONE_STEP],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env=ENVIRONMENT,
    )
    try:
        while not any(folder.glob("runs/*/*/stages/*.safetensors")):
            if child.poll() is not None:
                raise SystemExit(f"{' '.join(words)} has ended with {child.returncode} before a step was done")
            time.sleep(LOOK_SECONDS)
        return time.perf_counter() - began
    finally:
        child.send_signal(signal.SIGINT)
        child.wait()


LINES: dict[str, tuple[str, Callable[[Path], float]]] = {
    "python": ("python -c pass", partial(whole, ["-c", "pass"])),
    "import": ("import srbench", partial(whole, ["-c", "import srbench"])),
    "help": ("--help", partial(whole, ["-m", "srbench", "--help"])),
    "plan": ("a plan of 200 runs (5 variants, 40 seeds) and the bicubic one", partial(whole, PLAN)),
    "run": ("a run, to the weights of its first step", partial(until_a_step, ["-m", "srbench", "model=carn"])),
    "grid": ("nine runs, to the weights of a first step", partial(until_a_step, MAIN)),
    "main": ("the main command", partial(whole, MAIN)),
}


def seconds(line: Callable[[Path], float]) -> float:
    """Of one repeat, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return line(Path(folder))


def main() -> None:
    parser = command(__file__, __doc__, repeats=5)
    take_lines(parser, LINES, "all but the last")
    asked = parser.parse_args()
    with measuring(asked, threads=None, device=hardware.pick_device("auto")) as note:
        for name in dict.fromkeys(asked.lines or [name for name in LINES if name != "main"]):
            told, line = LINES[name]
            times = [seconds(line) for _ in range(asked.repeats)]
            note(told, "s", times)
            print(f"{told}: {median(times):.2f} s", flush=True)


if __name__ == "__main__":
    main()
