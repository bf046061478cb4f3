"""One run, top to bottom: train, score, count, time. Each step does what is left of its part of the record."""

import logging
import shlex
from functools import partial

import torch

from srbench.core import hardware
from srbench.core.allocator import keep_freed_memory
from srbench.core.pixel_limit import limit_pixels
from srbench.core.progress import RunListener
from srbench.evaluation.inference import failures_as_raised
from srbench.experiments.measuring import measure_cost, measure_latency
from srbench.experiments.recording import Slot, recording
from srbench.experiments.scoring import score_run
from srbench.experiments.spec import RunSpec
from srbench.experiments.store.record import Record
from srbench.experiments.store.run_progress import noted_progress
from srbench.experiments.training import train

log = logging.getLogger(__name__)

STEPS = {"train": train, "score": score_run, "cost": measure_cost, "latency": measure_latency}


def run(spec: RunSpec, slot: Slot, hear: RunListener) -> Record:
    """Does what is left to do of a run and returns its record, result.json.

    Raises what went wrong, a UserError for a user's mistake; it is in the record, too, and its traceback in run.log.
    KeyboardInterrupt leaves the record as it was: the same run goes on later.
    """
    torch.set_num_threads(slot.threads)
    limit_pixels(spec.max_megapixels)
    keep_freed_memory()
    with recording(spec, slot) as attempt, noted_progress(spec.folder, hear) as tell, failures_as_raised():
        hardware.make_current(slot.device)
        log.info("%s", shlex.join(["python", "-m", "srbench", *spec.overrides]))
        log.info("writes to %s", spec.folder)
        for part, step in STEPS.items():
            attempt.tell = attempt.as_long_as_it_is_ours(partial(tell, part))
            attempt.keep(step(attempt))
    return attempt.record
