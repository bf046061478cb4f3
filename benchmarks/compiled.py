"""What compile=true gains on this machine: python -m benchmarks.compiled [THREADS]

CARN by srbench's loop, with and without torch.compile, in turns, in the fast precision: steps a second, and the seconds
that the first compiled step takes.
"""

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import torch
from torch import nn

from benchmarks.training import ADAM, Clocked, patches, quiet, steps_of
from srbench.core import hardware
from srbench.models.carn import CARN
from srbench.recipes.fit import Session, fit
from srbench.recipes.length import Length
from srbench.recipes.schedules import constant
from srbench.recipes.stages import Stage

ROUNDS, STEPS, BATCH, PATCH = 3, 12, 16, 64


def begins(compile: bool) -> list[float]:
    """When the training, and then each of its steps, begins."""
    noted = list[float]()

    def recipe(model: nn.Module, length: Length) -> Clocked:
        made = Clocked(model, length, nn.L1Loss(), ADAM, constant)
        made.begins = noted
        return made

    model, length = CARN(), Length(STEPS, BATCH, PATCH, val_every=0)
    stage = Stage("all", recipe, lambda: patches(model, PATCH), length, epoch_steps=STEPS)
    precision = hardware.pick_precision("auto", "cpu")
    session = Session(0, "cpu", precision, lambda _: 0.0, lambda *_: None, compile=compile)
    with tempfile.TemporaryDirectory() as folder:
        fit(model, [stage], Path(folder), session)
    return noted


def main() -> None:
    quiet(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    hardware.keep_freed_memory()
    began = time.perf_counter()
    first = begins(True)
    compiling = first[1] - first[0]
    plain, fast = list[float](), list[float]()
    for _ in range(ROUNDS):
        plain += steps_of(begins(False))
        fast += steps_of(begins(True))
    print(
        f"CARN, batch {BATCH}, HR patch {PATCH}, {torch.get_num_threads()} threads: compiled steps take "
        f"{median(fast):.3f} s, others {median(plain):.3f} s ({median(plain) / median(fast):.2f} times as fast); the "
        f"first takes {compiling:.0f} s; {time.perf_counter() - began:.0f} s in all"
    )


if __name__ == "__main__":
    main()
