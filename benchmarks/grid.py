"""Runs per hour of a grid: python benchmarks/grid.py

Eight runs of CARN, of 60 steps each: the local launcher (as many at a time as there are cores, one thread each) against
the same runs one after another with all threads. Each takes its turn twice; printed are medians and the ratio.
"""

import subprocess
import sys
import tempfile
import time
from statistics import median

RUNS = ["-m", "seed=0,1,2,3,4,5,6,7", "budget.steps=60", "budget.val_every=0", "eval.latency=false"]
RUNS += ["eval.metrics=[psnr]", "eval.save_images=0"]


def runs_per_hour(*words: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        places = [f"runs_dir={folder}/runs", f"reports_dir={folder}/reports"]
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "srbench", *RUNS, *words, *places], check=True, capture_output=True)
        return 8 * 3600 / (time.perf_counter() - began)


def main() -> None:
    grid, serial = [], []
    for _ in range(2):
        grid.append(runs_per_hour())
        serial.append(runs_per_hour("hydra/launcher=basic"))
        print(f"local launcher {grid[-1]:.0f} runs/h, one after another {serial[-1]:.0f} runs/h", flush=True)
    print(f"ratio of the medians: {median(grid) / median(serial):.2f}")


if __name__ == "__main__":
    main()
