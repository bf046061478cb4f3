"""Runs per hour of a grid: python benchmarks/grid.py [MODEL [STEPS]]

Six runs of one model (CARN, 60 steps): by the local launcher, as many at a time as there are cores, one thread each;
against the same runs one after another with all threads, as commands of their own and in one process (Hydra's basic
launcher). They take turns; printed are the medians and their ratios.
"""

import subprocess
import sys
import tempfile
import time
from statistics import median

SEEDS = range(6)
ROUNDS = 2


def runs_per_hour(commands: list[list[str]]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        places = [f"runs_dir={folder}/runs", f"reports_dir={folder}/reports"]
        began = time.perf_counter()
        for words in commands:
            subprocess.run([sys.executable, "-m", "srbench", *words, *places], check=True, capture_output=True)
        return len(SEEDS) * 3600 / (time.perf_counter() - began)


def main() -> None:
    model, steps = [*sys.argv[1:], *("carn", "60")[len(sys.argv) - 1 :]]
    words = [f"model={model}", f"budget.steps={steps}", "budget.val_every=0", "eval.latency=false"]
    words += ["eval.metrics=[psnr]", "eval.save_images=0"]
    grid = ["-m", *words, f"seed={','.join(map(str, SEEDS))}"]
    ways = {
        "local launcher": [grid],
        "commands one after another": [[*words, f"seed={seed}"] for seed in SEEDS],
        "one process, one after another": [[*grid, "hydra/launcher=basic"]],
    }
    rates: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, commands in ways.items():
            rates[way].append(runs_per_hour(commands))
    fast = median(rates["local launcher"])
    for way, measured in rates.items():
        print(f"{model}, {steps} steps, {way}: {median(measured):.0f} runs/h (local: {fast / median(measured):.2f})")


if __name__ == "__main__":
    main()
