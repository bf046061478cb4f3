"""How much of a training its validations take: python -m benchmarks.validation [THREADS]

At the intervals of conf/recipe; of the default run, trained for some steps: seconds of a step and of a validation, and
what they make of each length.
"""

import logging
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.measured import command, measuring
from srbench.core.allocator import keep_freed_memory
from srbench.core.progress import silent
from srbench.experiments.compose import compose_run
from srbench.experiments.recording import Slot
from srbench.experiments.training import train_stages, validation
from srbench.recipes.ranks import ALONE

STEPS = 30


def main() -> None:
    asked = command(__file__, __doc__, repeats=3, threads=1).parse_args()
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    keep_freed_memory()
    slot = Slot("cpu", asked.threads)
    with measuring(asked, asked.threads) as note:
        for length in ("quick", "full"):
            steps, validations = measure(length, slot, asked.repeats)
            note(f"{length}: a step", "s", steps)
            note(f"{length}: a validation", "s", validations)
            step, once = median(steps), median(validations)
            run = compose_run([f"budget={length}"])
            whole = run.stages[0].length
            every = range(whole.val_every, whole.steps + 1, whole.val_every) if whole.val_every else ()
            often = sum(whole.validates_at(number) for number in every)
            print(
                f"{run.name}, budget={length}, {slot.threads} threads: {step:.3f} s a step, {once:.2f} s a validation; "
                f"{often} of them in {whole.steps} steps are {often * once / (often * once + whole.steps * step):.2%}",
                flush=True,
            )


def measure(length: str, slot: Slot, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of a step, one value a training, and of a validation after each."""
    run = compose_run([f"budget={length}", f"budget.steps={STEPS}", "budget.val_every=0"])
    validate, steps, validations = validation(run, slot, ALONE), [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            model, (outcome,) = train_stages(run, slot, Path(folder), ALONE, silent, lambda: None)
        steps.append(1 / outcome.steps_per_second)
        began = time.perf_counter()
        validate(model)
        validations.append(time.perf_counter() - began)
    return steps, validations


if __name__ == "__main__":
    main()
