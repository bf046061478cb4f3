"""How soon srbench answers: python benchmarks/startup.py

Wall seconds, medians of five: importing the package, --help, and the plan of 200 runs (dry_run).
"""

import subprocess
import sys
import time
from statistics import median


def seconds(*words: str, rounds: int = 5) -> float:
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    return median(times)


def main() -> None:
    print(f"python -c pass: {seconds('-c', 'pass'):.2f} s")
    print(f"import srbench: {seconds('-c', 'import srbench'):.2f} s")
    print(f"--help: {seconds('-m', 'srbench', '--help'):.2f} s")
    seeds = f"seed={','.join(map(str, range(40)))}"
    plan = seconds("-m", "srbench", "-m", "ablation=atrous", seeds, "dry_run=true", rounds=3)
    print(f"a plan of 200 runs (5 variants, 40 seeds) and the bicubic one: {plan:.1f} s")


if __name__ == "__main__":
    main()
