"""How fast training is: python -m benchmarks.training [THREADS]

First CARN in processes of their own: a bare loop in the fast precision, with and without the allocator's setting, and
in float32 and NCHW without. Then, in turns, a few steps each: srbench's loop, a bare PyTorch loop over the same batches
of the same net in the same precision, and a bare loop in float32 and NCHW. Compared are the medians of single steps,
from one begin to the next, so that what else the machine does in between counts little. Above 1 srbench is faster.
"""

import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles

import torch
from torch import Tensor, nn

from srbench.core import hardware
from srbench.data.patches import Patches
from srbench.data.photos import Photos
from srbench.data.supply import Batch, Supply
from srbench.models.carn import CARN
from srbench.models.mossnet import MossNet
from srbench.recipes.fit import Session, fit
from srbench.recipes.length import Length
from srbench.recipes.schedules import constant
from srbench.recipes.stages import Stage
from srbench.recipes.stream import Stream
from srbench.recipes.supervised import Supervised, as_images

ROUNDS = 10
TURNS = 3
BATCH = 16
ADAM = partial(torch.optim.Adam, lr=1e-4)


class Clocked(Supervised):
    """Notes when each step begins."""

    begins: list[float]

    def training_step(self, batch: Batch, index: int) -> dict[str, Tensor]:
        self.begins.append(time.perf_counter())
        return super().training_step(batch, index)


def patches(model: nn.Module, hr_patch: int) -> Patches:
    thumbnail = getattr(model, "make_thumbnail", None)
    return Patches(Supply(Photos().train(), 2, None, BATCH, hr_patch, seed=0, thumbnail=thumbnail))


def ours(model: nn.Module, source: Patches, precision: str, steps: int) -> tuple[list[float], float]:
    """Seconds of each step of srbench's loop, and the share of the time spent waiting for batches."""
    begins: list[float] = []

    def recipe(model: nn.Module, length: Length) -> Clocked:
        made = Clocked(model, length, nn.L1Loss(), ADAM, constant)
        made.begins = begins
        return made

    length = Length(steps, BATCH, source.supply.hr_patch, val_every=0)
    session = Session(seed=0, device="cpu", precision=precision, validate=lambda _: 0.0, tell=lambda *_: None)
    with tempfile.TemporaryDirectory() as folder:
        _, (outcome,) = fit(
            model, [Stage("all", recipe, lambda: source, length, epoch_steps=steps)], Path(folder), session
        )
    return steps_of(begins), outcome.data_wait


def bare(model: nn.Module, source: Patches, precision: str, steps: int, channels_last: bool = True) -> list[float]:
    """Seconds of each step of a loop without Lightning, losses file or checkpoints."""
    model = model.train().to(memory_format=torch.channels_last if channels_last else torch.contiguous_format)
    optimizer = ADAM(model.parameters())
    begins = []
    for (batch,) in Stream(source, 0, Length(steps, BATCH, source.supply.hr_patch, val_every=0)):
        begins.append(time.perf_counter())
        lr, hr = as_images(batch.lr), as_images(batch.hr)
        if not channels_last:
            lr, hr = lr.contiguous(), hr.contiguous()
        inputs = [lr] if batch.thumbnail is None else [lr, batch.thumbnail.permute(0, 3, 1, 2)]
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16-mixed"):
            sr = model(*inputs)
        loss = nn.functional.l1_loss(sr.float(), hr)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return steps_of(begins)


def steps_of(begins: list[float]) -> list[float]:
    """Without the first two, which warm up."""
    return [after - before for before, after in pairwise(begins[2:])]


def compare(name: str, make: Callable[[], nn.Module], hr_patch: int, steps: int) -> None:
    precision = hardware.pick_precision("auto", "cpu")
    source = patches(make(), hr_patch)
    bare(make(), source, precision, 3)
    fast, plain, slow, waits = [], [], [], []
    ratios = []
    for number in range(ROUNDS):
        if number % 2:
            other = bare(make(), source, precision, steps)
        own, wait = ours(make(), source, precision, steps)
        if not number % 2:
            other = bare(make(), source, precision, steps)
        fast += own
        plain += other
        waits.append(wait)
        ratios.append(median(other) / median(own))
        slow += bare(make(), source, "32-true", max(5, steps // 2), channels_last=False)
    low, _, high = quantiles(ratios, n=4)
    print(
        f"{name}, batch {BATCH}, HR patch {hr_patch}, {precision}, {torch.get_num_threads()} threads: "
        f"{1 / median(fast):.2f} steps/s; {median(plain) / median(fast):.3f} of a bare loop (middle half of {ROUNDS} "
        f"rounds {low:.2f} to {high:.2f}); {median(slow) / median(fast):.2f} of float32 NCHW; "
        f"waits for data {median(waits):.2%}",
        flush=True,
    )


def alone(precision: str, kept: bool, hr_patch: int, steps: int) -> float:
    """Seconds of a step of a bare loop in a process of its own; float32 in NCHW, as PyTorch comes."""
    setting = "hardware.keep_freed_memory()" if kept else "None"
    code = (
        f"from benchmarks.training import *; quiet({torch.get_num_threads()}); {setting}; model = CARN(); "
        f"source = patches(model, {hr_patch}); "
        f"print(median(bare(model, source, '{precision}', {steps}, {precision != '32-true'})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def compare_with_plain(hr_patch: int, steps: int) -> None:
    """What precision=auto and the allocator's setting gain over PyTorch as it comes."""
    fast = hardware.pick_precision("auto", "cpu")
    gains, ratios = [], []
    for _ in range(TURNS):
        ours = alone(fast, True, hr_patch, steps)
        gains.append(alone(fast, False, hr_patch, steps) / ours)
        ratios.append(alone("32-true", False, hr_patch, steps) / ours)
    print(
        f"CARN, batch {BATCH}, HR patch {hr_patch}, {torch.get_num_threads()} threads: {fast} is {median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f}) times as fast as float32 NCHW in plain PyTorch; of that, keeping "
        f"freed memory gives {median(gains):.2f}",
        flush=True,
    )


def quiet(threads: int) -> None:
    torch.set_num_threads(threads)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


def main() -> None:
    quiet(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    compare_with_plain(64, 12)
    compare_with_plain(128, 6)  # the patch of CARN's paper
    hardware.keep_freed_memory()
    compare("CARN", CARN, 64, 12)
    compare("MossNet-XS", MossNet, 128, 20)


if __name__ == "__main__":
    main()
