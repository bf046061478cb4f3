"""How soon srbench answers: python -m benchmarks.startup [--main]

Wall seconds, medians: Python alone, importing the package, --help, the plan of 200 runs (dry_run), and from the command
to the weights of a first step on disk, of one run and of the main command's nine. `--main`: also the main command as a
whole, nine runs of 500 steps and their report. On a GPU where there is one.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.measured import Note, command, measuring
from srbench.core import hardware

PLAN = ["-m", "srbench", "-m", "ablation=atrous", f"seed={','.join(map(str, range(40)))}", "dry_run=true"]
MAIN = ["-m", "srbench", "-m", "model=carn,mossnet", "ablation=atrous"]
ONE_STEP = ["budget=quick", "budget.steps=1"]
LOOK_SECONDS = 0.01


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


ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path.cwd())}
LINES: dict[str, Callable[[Path], float]] = {
    "python -c pass": partial(whole, ["-c", "pass"]),
    "import srbench": partial(whole, ["-c", "import srbench"]),
    "--help": partial(whole, ["-m", "srbench", "--help"]),
    "a plan of 200 runs (5 variants, 40 seeds) and the bicubic one": partial(whole, PLAN),
    "a run, to the weights of its first step": partial(until_a_step, ["-m", "srbench", "model=carn"]),
    "nine runs, to the weights of a first step": partial(until_a_step, MAIN),
}


def measure(name: str, line: Callable[[Path], float], asked: Namespace, note: Note) -> None:
    times = []
    for _ in range(asked.repeats):
        with tempfile.TemporaryDirectory() as folder:
            times.append(line(Path(folder)))
    note(name, "s", times)
    print(f"{name}: {median(times):.2f} s", flush=True)


def main() -> None:
    parser = command(__file__, __doc__, repeats=5)
    parser.add_argument("--main", action="store_true", help="also the main command, from start to report")
    asked = parser.parse_args()
    lines = LINES | ({"the main command": partial(whole, MAIN)} if asked.main else {})
    with measuring(asked, threads=None, device=hardware.pick_device("auto")) as note:
        for name, line in lines.items():
            measure(name, line, asked, note)


if __name__ == "__main__":
    main()
