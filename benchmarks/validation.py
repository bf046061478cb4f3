"""The share of a training that its validations take, at the intervals of conf/recipe: python -m benchmarks.validation

Of the default run, trained for some steps: seconds of a step and of a validation, and what they make of each length.
"""

import logging
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from srbench.core import hardware
from srbench.core.progress import silent
from srbench.experiments.compose import compose_run
from srbench.experiments.recording import Slot
from srbench.experiments.training import train_stages, validation
from srbench.recipes.ranks import ALONE

STEPS, VALIDATIONS = 30, 3


def main() -> None:
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    hardware.keep_freed_memory()
    slot = Slot("cpu", int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    for length in ("quick", "full"):
        whole = compose_run([f"budget={length}"]).stages[0].length
        run = compose_run([f"budget={length}", f"budget.steps={STEPS}", "budget.val_every=0"])
        with tempfile.TemporaryDirectory() as folder:
            model, (outcome,) = train_stages(run, slot, Path(folder), ALONE, silent, lambda: None)
        validate, times = validation(run, slot, ALONE), []
        for _ in range(VALIDATIONS):
            began = time.perf_counter()
            validate(model)
            times.append(time.perf_counter() - began)
        step, once = 1 / outcome.steps_per_second, median(times)
        often = sum(whole.validates_at(number) for number in range(whole.val_every, whole.steps + 1, whole.val_every))
        print(
            f"{run.name}, budget={length}, {slot.threads} threads: {step:.3f} s a step, {once:.2f} s a validation; "
            f"{often} of them in {whole.steps} steps are {often * once / (often * once + whole.steps * step):.2%}",
            flush=True,
        )


if __name__ == "__main__":
    main()
