"""How fast training is: python benchmarks/training.py

On one thread, in turns: srbench's loop against a bare PyTorch loop over the same batches of the same net in the same
precision; precision=auto against float32 in NCHW; and, in processes of their own, with and without the allocator's
setting. Printed are medians over the rounds and ratios; above 1 srbench is faster.
"""

import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median

import torch
from torch import nn

from srbench import machine
from srbench.data.patches import Patches, Stream
from srbench.data.photos import Photos
from srbench.models.carn import CARN
from srbench.models.mossnet import MossNet
from srbench.recipes.fit import Training, fit
from srbench.recipes.supervised import Supervised, as_images

ROUNDS = 7
BATCH = 16
ADAM = partial(torch.optim.Adam, lr=1e-4)
CONSTANT = partial(torch.optim.lr_scheduler.ConstantLR, factor=1.0)


def patches(model: nn.Module, hr_patch: int) -> Patches:
    thumbnail = getattr(model, "make_thumbnail", None)
    return Patches(Photos().train(), (2,), BATCH, hr_patch, seed=0, thumbnail=thumbnail)


def ours(model: nn.Module, source: Patches, precision: str, steps: int) -> tuple[float, float]:
    """Steps per second of srbench's loop, and the share of them spent waiting for batches."""
    training = Training(
        steps=steps,
        epoch_steps=steps,
        val_every=0,
        device="cpu",
        precision=precision,
        clip=None,
        validate=lambda _: 0.0,
        tell=lambda *_: None,
    )
    with tempfile.TemporaryDirectory() as folder:
        numbers = fit(Supervised(model, nn.L1Loss(), ADAM, CONSTANT, None), source, training, Path(folder))
    return numbers["steps_per_second"], numbers["data_wait"]


def bare(model: nn.Module, source: Patches, precision: str, steps: int, channels_last: bool = True) -> float:
    """Steps per second of a loop without Lightning, losses file or checkpoints."""
    model = model.train().to(memory_format=torch.channels_last if channels_last else torch.contiguous_format)
    optimizer = ADAM(model.parameters())
    began = time.perf_counter()
    for batch in islice(Stream(source, 0), steps):
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
    return steps / (time.perf_counter() - began)


def compare(name: str, make: Callable[[], nn.Module], hr_patch: int, steps: int) -> None:
    precision = machine.pick_precision("auto", "cpu")
    source = patches(make(), hr_patch)
    bare(make(), source, precision, 3)
    measured = []
    for _ in range(ROUNDS):
        fast, wait = ours(make(), source, precision, steps)
        plain = bare(make(), source, precision, steps)
        slow = bare(make(), source, "32-true", max(3, steps // 3), channels_last=False)
        measured.append((fast, fast / plain, fast / slow, wait))
    speed, against_bare, against_float, wait = (median(column) for column in zip(*measured, strict=True))
    print(
        f"{name}, batch {BATCH}, HR patch {hr_patch}, {precision}: {speed:.2f} steps/s; "
        f"{against_bare:.3f} of a bare loop; {against_float:.2f} of float32 NCHW; waits for data {wait:.2%}",
        flush=True,
    )


def with_allocator(kept: bool) -> float:
    setting = "machine.keep_freed_memory()" if kept else "None"
    code = (
        f"from benchmarks.training import *; quiet(); {setting}; model = CARN(); source = patches(model, 64); "
        "bare(model, source, 'bf16-mixed', 3); print(bare(model, source, 'bf16-mixed', 25))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def quiet() -> None:
    torch.set_num_threads(1)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


def main() -> None:
    quiet()
    ratios = [with_allocator(True) / with_allocator(False) for _ in range(ROUNDS)]
    print(f"CARN with freed memory kept: {median(ratios):.2f} of the speed without", flush=True)
    machine.keep_freed_memory()
    compare("CARN", CARN, 64, 20)
    compare("MossNet-XS", MossNet, 128, 30)


if __name__ == "__main__":
    main()
