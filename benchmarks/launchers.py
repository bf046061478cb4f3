"""What a launcher adds to a run: python benchmarks/launchers.py [RUNS [LAUNCHER …]]

Grids of 1,000 runs that have next to nothing to do (nearest neighbour, no data set; planned, launched, recorded and
reported all the same) by each launcher that is there; SLURM's only where SLURM answers. Printed are the seconds of the
command, and those of each run: by how much a grid of all takes longer than one of two, over the number of runs more.
The aim of local and Ray: less than 0.1 s a run.
"""

import importlib.util
import shutil
import subprocess
import sys
import tempfile
import time

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
    runs = int([*sys.argv[1:], "1000"][0])
    for launcher in sys.argv[2:] or there():
        few, all_of_them = seconds(launcher, FEW), seconds(launcher, runs)
        each = (all_of_them - few) / (runs - FEW)
        print(f"{launcher}: {runs} runs {all_of_them:.1f} s, {FEW} runs {few:.1f} s: {each:.3f} s a run", flush=True)


if __name__ == "__main__":
    main()
