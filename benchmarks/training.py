"""How fast training is: python -m benchmarks.training [THREADS]

First CARN in processes of their own, three repeats at most: a bare loop in the fast precision, with and without the
allocator's setting, and in float32 and NCHW without. Then, in turns, a few steps each: srbench's loop, a bare PyTorch
loop over the same batches of the same net in the same precision, and a bare loop in float32 and NCHW. Compared are the
medians of single steps, from one begin to the next, so that what else the machine does in between counts little. Above
1 srbench is faster.
"""

import logging
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn

from benchmarks.measured import Note, command, in_own_process, measuring, middle_half
from srbench.core import hardware
from srbench.core.allocator import keep_freed_memory
from srbench.data.patches import Patches
from srbench.data.photos import Photos
from srbench.data.supply import Batch, Supply
from srbench.models.carn import CARN
from srbench.models.layers.thumbnail import thumbnail_maker
from srbench.models.mossnet import MossNet
from srbench.models.traits import traits_of
from srbench.recipes.fit import Session, fit
from srbench.recipes.length import Length
from srbench.recipes.schedules import constant
from srbench.recipes.stages import Stage
from srbench.recipes.stream import Stream
from srbench.recipes.supervised import Supervised, as_images

TURNS = 3  # at most, of what starts processes
BATCH = 16
STEPS = {64: 12, 128: 20}  # of a round, by the HR patch
STEPS_ALONE = {64: 12, 128: 6}
ADAM = partial(torch.optim.Adam, lr=1e-4)


class Clocked(Supervised):
    """Notes when each step begins."""

    begins: list[float]

    def training_step(self, batch: Batch, index: int) -> dict[str, Tensor]:
        self.begins.append(time.perf_counter())
        return super().training_step(batch, index)


def patches(model: nn.Module, hr_patch: int) -> Patches:
    return Patches(
        Supply(
            Photos().train(), 2, None, BATCH, hr_patch, seed=0, thumbnail=thumbnail_maker(traits_of(model).thumbnail)
        )
    )


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


def compare(name: str, make: Callable[[], nn.Module], hr_patch: int, rounds: int, note: Note) -> None:
    precision = hardware.pick_precision("auto", "cpu")
    source, steps = patches(make(), hr_patch), STEPS[hr_patch]
    bare(make(), source, precision, 3)
    fast, plain, slow, waits = [], [], [], []
    own_steps, ratios = [], []
    for number in range(rounds):
        if number % 2:
            other = bare(make(), source, precision, steps)
        own, wait = ours(make(), source, precision, steps)
        if not number % 2:
            other = bare(make(), source, precision, steps)
        fast += own
        plain += other
        waits.append(wait)
        own_steps.append(median(own))
        ratios.append(median(other) / median(own))
        slow += bare(make(), source, "32-true", max(5, steps // 2), channels_last=False)
    note(f"{name}, HR patch {hr_patch}: a step", "s", own_steps)
    note(f"{name}, HR patch {hr_patch}: speed of a bare loop's", "×", ratios, lower_is_better=False)
    low, high = middle_half(ratios)
    print(
        f"{name}, batch {BATCH}, HR patch {hr_patch}, {precision}, {torch.get_num_threads()} threads: "
        f"{1 / median(fast):.2f} steps/s; {median(plain) / median(fast):.3f} of a bare loop (middle half of {rounds} "
        f"rounds {low:.2f} to {high:.2f}); {median(slow) / median(fast):.2f} of float32 NCHW; "
        f"waits for data {median(waits):.2%}",
        flush=True,
    )


def alone(precision: str, kept: bool, hr_patch: int, threads: int) -> float:
    """Seconds of a step of CARN by a bare loop, in a process of its own; float32 in NCHW, as PyTorch comes."""
    quiet(threads)
    if kept:
        keep_freed_memory()
    model, steps = CARN(), STEPS_ALONE[hr_patch]
    return median(bare(model, patches(model, hr_patch), precision, steps, precision != "32-true"))


def compare_with_plain(hr_patch: int, threads: int, rounds: int, note: Note) -> None:
    """What precision=auto and the allocator's setting gain over PyTorch as it comes."""
    fast = hardware.pick_precision("auto", "cpu")
    gains, ratios = [], []
    for _ in range(min(rounds, TURNS)):
        ours = in_own_process(alone, fast, True, hr_patch, threads)
        gains.append(in_own_process(alone, fast, False, hr_patch, threads) / ours)
        ratios.append(in_own_process(alone, "32-true", False, hr_patch, threads) / ours)
    note(f"CARN, HR patch {hr_patch}: speed of float32 NCHW's", "×", ratios, lower_is_better=False)
    note(f"CARN, HR patch {hr_patch}: gain of keeping freed memory", "×", gains, lower_is_better=False)
    print(
        f"CARN, batch {BATCH}, HR patch {hr_patch}, {threads} threads: {fast} is {median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f}) times as fast as float32 NCHW in plain PyTorch; of that, keeping "
        f"freed memory gives {median(gains):.2f}",
        flush=True,
    )


def quiet(threads: int) -> None:
    torch.set_num_threads(threads)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


def main() -> None:
    asked = command(__file__, __doc__, repeats=10, threads=1).parse_args()
    quiet(asked.threads)
    with measuring(asked, asked.threads) as note:
        compare_with_plain(64, asked.threads, asked.repeats, note)
        compare_with_plain(128, asked.threads, asked.repeats, note)  # the patch of CARN's paper
        keep_freed_memory()
        compare("CARN", CARN, 64, asked.repeats, note)
        compare("MossNet-XS", MossNet, 128, asked.repeats, note)


if __name__ == "__main__":
    main()
