"""What a launcher adds to a run: python -m benchmarks.launchers [RUNS [LAUNCHER …]]

Grids of 1,000 runs that have next to nothing to do (nearest neighbour, no data set; planned, launched, recorded and
reported all the same) by each launcher that is there; SLURM's only where SLURM answers. Printed are the medians of
the command's seconds, and those of each run: by how much a grid of all takes longer than one of two, over the number of
runs more.
The aim of local and Ray: less than 0.1 s a run.
"""

import importlib.util
import shutil
import subprocess
import sys
import tempfile
import time
from statistics import median

from benchmarks.measured import command, measuring, natural

FEW = 2  # runs of the grid that has all that a command costs whatever its size
WORDS = ["model=nearest", "budget=none", "eval.datasets=[]", "eval.latency=false"]


def seconds(launcher: str, runs: int) -> float:
    """Of a command that does so many runs in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        seeds = f"seed={','.join(map(str, range(runs)))}"
        places = [f"runs_dir={folder}/runs", f"reports_dir={folder}/reports"]
        command = [sys.executable, "-m", "srbench", "-m", *WORDS, seeds, f"hydra/launcher={launcher}", *places]
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - began


def there() -> list[str]:
    """The launchers that can be measured here."""
    ray = ["ray_cluster"] if importlib.util.find_spec("ray") else []
    slurm = shutil.which("sinfo") and subprocess.run(["sinfo"], capture_output=True).returncode == 0
    return ["local", *ray, *(["submitit_slurm"] if slurm else [])]


def main() -> None:
    parser = command(__file__, __doc__, repeats=3)
    parser.add_argument("runs", nargs="?", type=natural, default=1000, metavar="RUNS", help="default: 1000")
    parser.add_argument("launchers", nargs="*", metavar="LAUNCHER", help="default: all that are there")
    asked = parser.parse_args()
    runs = asked.runs
    if runs <= FEW:
        parser.error(f"{runs}: RUNS must be more than {FEW}")
    with measuring(asked, threads=None) as note:
        for launcher in asked.launchers or there():
            times = [(seconds(launcher, FEW), seconds(launcher, runs)) for _ in range(asked.repeats)]
            each = [(most - few) / (runs - FEW) for few, most in times]
            note(f"{launcher}, {FEW} runs", "s", [few for few, _ in times])
            note(f"{launcher}, {runs} runs", "s", [most for _, most in times])
            note(f"{launcher}, {runs} runs, each", "s", each)
            few, most = (median(column) for column in zip(*times, strict=True))
            print(
                f"{launcher}: {runs} runs {most:.1f} s, {FEW} runs {few:.1f} s: {median(each):.3f} s a run", flush=True
            )


if __name__ == "__main__":
    main()
