"""Runs per hour of a grid: python -m benchmarks.grid [MODEL [STEPS]]

Six runs of one model (CARN, 60 steps): by the local launcher, as many at a time as there are cores, one thread each;
against the same runs one after another with all threads, as commands of their own and in one process (Hydra's basic
launcher). They take turns; printed are the medians and their ratios.
"""

import subprocess
import sys
import tempfile
import time
from statistics import median

from benchmarks.measured import command, measuring, natural

SEEDS = range(6)


def runs_per_hour(commands: list[list[str]]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        places = [f"runs_dir={folder}/runs", f"reports_dir={folder}/reports"]
        began = time.perf_counter()
        for words in commands:
            subprocess.run([sys.executable, "-m", "srbench", *words, *places], check=True, capture_output=True)
        return len(SEEDS) * 3600 / (time.perf_counter() - began)


def main() -> None:
    parser = command(__file__, __doc__, repeats=2)
    parser.add_argument("model", nargs="?", default="carn", metavar="MODEL", help="default: carn")
    parser.add_argument("steps", nargs="?", type=natural, default=60, metavar="STEPS", help="default: 60")
    asked = parser.parse_args()
    model, steps = asked.model, asked.steps
    words = [f"model={model}", f"budget.steps={steps}", "budget.val_every=0", "eval.latency=false"]
    words += ["eval.metrics=[psnr]", "eval.save_images=0"]
    grid = ["-m", *words, f"seed={','.join(map(str, SEEDS))}"]
    ways = {
        "local launcher": [grid],
        "commands one after another": [[*words, f"seed={seed}"] for seed in SEEDS],
        "one process, one after another": [[*grid, "hydra/launcher=basic"]],
    }
    rates: dict[str, list[float]] = {way: [] for way in ways}
    with measuring(asked, threads=None) as note:
        for _ in range(asked.repeats):
            for way, commands in ways.items():
                rates[way].append(runs_per_hour(commands))
        for way, measured in rates.items():
            note(f"{model}, {steps} steps, {way}", "runs/h", measured, lower_is_better=False)
    fast = median(rates["local launcher"])
    for way, measured in rates.items():
        print(f"{model}, {steps} steps, {way}: {median(measured):.0f} runs/h (local: {fast / median(measured):.2f})")


if __name__ == "__main__":
    main()
