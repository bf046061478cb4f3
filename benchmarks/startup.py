"""How soon srbench answers: python -m benchmarks.startup

Wall seconds, medians: Python alone, importing the package, --help, and the plan of 200 runs (dry_run).
"""

import subprocess
import sys
import time
from statistics import median

from benchmarks.measured import command, measuring

PLAN = ["-m", "srbench", "-m", "ablation=atrous", f"seed={','.join(map(str, range(40)))}", "dry_run=true"]
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import srbench": ["-c", "import srbench"],
    "--help": ["-m", "srbench", "--help"],
    "a plan of 200 runs (5 variants, 40 seeds) and the bicubic one": PLAN,
}


def seconds(words: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    asked = command(__file__, __doc__, repeats=5).parse_args()
    with measuring(asked, threads=None) as note:
        for name, words in COMMANDS.items():
            times = [seconds(words) for _ in range(asked.repeats)]
            note(name, "s", times)
            print(f"{name}: {median(times):.2f} s", flush=True)


if __name__ == "__main__":
    main()
