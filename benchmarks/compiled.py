"""What compile=true gains on this machine: python -m benchmarks.compiled [THREADS]

CARN by srbench's loop, with and without torch.compile, in turns, each in a process of its own that finds nothing
compiled, in the fast precision: seconds of a step, and of the first compiled one.
"""

import os
import tempfile
from pathlib import Path
from statistics import median

from torch import nn

from benchmarks.measured import command, in_own_process, measuring
from benchmarks.training import ADAM, Clocked, patches, quiet, steps_of
from srbench.core import hardware
from srbench.core.allocator import keep_freed_memory
from srbench.models.carn import CARN
from srbench.recipes.fit import Session, fit
from srbench.recipes.length import Length
from srbench.recipes.schedules import constant
from srbench.recipes.stages import Stage

STEPS, BATCH, PATCH = 12, 16, 64


def begins(compile: bool, threads: int) -> list[float]:
    """When each step of a training begins; the first one of a process compiles."""
    quiet(threads)
    keep_freed_memory()
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
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = f"{folder}/compiled"
        fit(model, [stage], Path(folder), session)
    return noted


def main() -> None:
    asked = command(__file__, __doc__, repeats=3, threads=1).parse_args()
    with measuring(asked, asked.threads) as note:
        plain, fast, first = list[float](), list[float](), list[float]()
        for _ in range(asked.repeats):
            plain.append(median(steps_of(in_own_process(begins, False, asked.threads))))
            compiled = in_own_process(begins, True, asked.threads)
            fast.append(median(steps_of(compiled)))
            first.append(compiled[1] - compiled[0])
        note("a step", "s", plain)
        note("a compiled step", "s", fast)
        note("the first compiled step", "s", first)
    print(
        f"CARN, batch {BATCH}, HR patch {PATCH}, {asked.threads} threads: compiled steps take {median(fast):.3f} s, "
        f"others {median(plain):.3f} s ({median(plain) / median(fast):.2f} times as fast); the first takes "
        f"{median(first):.0f} s"
    )


if __name__ == "__main__":
    main()
