"""What a run's training takes, by a few of its own steps: a training that ends early, in a process like a run's, on
images of noise where the sampler only cuts them."""

import resource
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from srbench.core.allocator import keep_freed_memory
from srbench.core.pixel_limit import limit_pixels
from srbench.data.cache import IN_MEMORY
from srbench.data.images import write_image
from srbench.data.patches import FixedPatches, Patches
from srbench.experiments.component import Component, imported
from srbench.experiments.launchers.run_memory import PROCESS, image_bytes, images_on_gpu, scales_of
from srbench.experiments.recording import Slot
from srbench.experiments.spec import DataSpec, RunSpec, StageSpec
from srbench.experiments.training import train_stages
from srbench.recipes.ranks import ALONE

WARM_SECONDS, MEASURED_SECONDS = 1.0, 3.0
LEAST_STEPS = 2  # that are measured, however long one takes, but for
LONGEST_SECONDS = 30.0  # of a stage
IMAGES = 4  # of noise


@dataclass(frozen=True)
class Measured:
    """Of a whole training: `seconds`, and the `bytes` of memory that its process takes at most, of the GPU on one."""

    seconds: float
    bytes: int


class _EnoughError(Exception):
    """Ends a training of which enough is known."""


def measured(run: RunSpec, slot: Slot, scratch: Path) -> Measured:
    """Of the run's training in this process, stage by stage, without its validations; of several devices that of one,
    with its part of each batch. Leaves files in `scratch`. Raises what a training raises."""
    limit_pixels(run.max_megapixels)
    keep_freed_memory()
    seconds = sum(_seconds(run, number, slot, scratch) for number in range(len(run.stages)))
    return Measured(seconds, _memory(run, slot.device))


def _seconds(run: RunSpec, number: int, slot: Slot, scratch: Path) -> float:
    """Of one stage."""
    stage, folder = run.stages[number], scratch / str(number)
    data = _noise(stage, folder / "noise") if _only_cuts(stage) else stage.data
    length = replace(stage.length, batch_size=stage.length.batch_size // run.devices, val_every=0)
    alone = replace(stage, data=data, length=length, start=None, keep="last")
    pace = _Pace()
    probed = replace(run, stages=(alone,), data=data, checkpoint=None, devices=1)
    with suppress(_EnoughError):
        train_stages(probed, slot, folder, ALONE, pace.hear, lambda: None)
    return pace.seconds_a_step * length.steps


class _Pace:
    """Hears how far a training is, and ends it once its pace is known."""

    def __init__(self) -> None:
        self.points = [(time.perf_counter(), 0)]  # when how many steps were done

    def hear(self, stage: str, done: int, total: int) -> None:
        """A Listener."""
        self.points.append((time.perf_counter(), done))
        (began, before), (now, _) = self._warm, self.points[-1]
        is_known = now - began >= MEASURED_SECONDS and done - before >= LEAST_STEPS
        if is_known or now - self.points[0][0] > LONGEST_SECONDS:
            raise _EnoughError

    @property
    def _warm(self) -> tuple[float, int]:
        """The first point that lies WARM_SECONDS behind that of the first steps, which are slow; while there is none
        but the last, the point before that."""
        *earlier, _ = self.points
        first = self.points[1][0] if len(self.points) > 1 else 0.0
        return next((point for point in earlier if point[0] - first >= WARM_SECONDS), earlier[-1])

    @property
    def seconds_a_step(self) -> float:
        """After the warm-up, if the training lasted so long."""
        (began, before), (ended, after) = self._warm, self.points[-1]
        return (ended - began) / max(1, after - before)


def _only_cuts(stage: StageSpec) -> bool:
    """Whether the sampler takes crops of any images there are; others may look at what is on them."""
    return imported(stage.batches.target) in (Patches, FixedPatches)


def _noise(stage: StageSpec, folder: Path) -> DataSpec:
    """Images that a patch fits into, at any place but the last."""
    folder.mkdir(parents=True)
    side, form = 2 * stage.length.hr_patch, stage.data.form
    for number in range(IMAGES):
        pixels = np.random.default_rng(number).integers(0, 2**form.bits, (side, side, form.channels), form.dtype)
        write_image(folder / f"{number}.png", pixels)
    return replace(stage.data, component=Component("srbench.data.folders.Folder", {"root": str(folder)}))


def _memory(run: RunSpec, device: str) -> int:
    """What this process takes at most, with the training images that a run has in memory in place of noise."""
    stages = [(stage, scales_of(run, stage)) for stage in run.stages if _only_cuts(stage)]
    if device.startswith("cuda"):
        free, _ = torch.cuda.mem_get_info(device)
        images = max((images_on_gpu(stage, scales, free) for stage, scales in stages), default=0)
        return PROCESS + torch.cuda.max_memory_reserved(device) + images
    images = max((image_bytes(stage, scales) for stage, scales in stages), default=0)
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + (images if images <= IN_MEMORY else 0)
