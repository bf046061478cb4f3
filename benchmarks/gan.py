"""How fast a step of the GAN recipe is: python -m benchmarks.gan [THREADS]

In turns, a few steps each: srbench's loop, and a bare PyTorch loop of the same steps over the same batches in the same
precision: CARN against the published discriminator, L1 and the relativistic loss, a step of each network a batch.
Compared are the medians of single steps, as in benchmarks.training. Above 1 srbench is faster.
"""

import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.measured import Note, command, measuring, middle_half
from benchmarks.training import ADAM, quiet, steps_of
from srbench.core import hardware
from srbench.core.allocator import keep_freed_memory
from srbench.data.patches import Patches
from srbench.data.photos import Photos
from srbench.data.supply import Batch, Supply
from srbench.models.carn import CARN
from srbench.models.layers.discriminator import Discriminator
from srbench.recipes.adversarial import RelativisticAverage
from srbench.recipes.fit import Session, fit
from srbench.recipes.gan import GAN
from srbench.recipes.length import Length
from srbench.recipes.losses import L1
from srbench.recipes.schedules import constant
from srbench.recipes.stages import Stage
from srbench.recipes.stream import Stream
from srbench.recipes.supervised import as_images

STEPS = 8
BATCH = 8
HR_PATCH = 64
LENGTH = Length(STEPS, BATCH, HR_PATCH, val_every=0)
WEIGHT = 0.005


class Clocked(GAN):
    """Notes when each step begins."""

    begins: list[float]

    def training_step(self, batch: Batch, index: int) -> dict[str, Tensor]:
        self.begins.append(time.perf_counter())
        return super().training_step(batch, index)


def ours(source: Patches, precision: str) -> list[float]:
    """Seconds of each step of srbench's loop."""
    begins: list[float] = []

    def recipe(model: torch.nn.Module, length: Length) -> Clocked:
        loss, adversarial = {"pixel": L1(0.01)}, RelativisticAverage(WEIGHT)
        made = Clocked(model, length, loss, adversarial, Discriminator, ADAM, constant, ADAM, constant)
        made.begins = begins
        return made

    length = LENGTH
    session = Session(seed=0, device="cpu", precision=precision, validate=lambda _: 0.0, tell=lambda *_: None)
    stage = Stage("gan", recipe, lambda: source, length, epoch_steps=STEPS)
    with tempfile.TemporaryDirectory() as folder:
        fit(CARN(), [stage], Path(folder), session)
    return steps_of(begins)


def bare(source: Patches, precision: str) -> list[float]:
    """Seconds of each step of a loop without Lightning, losses file or checkpoints."""
    model = CARN().train().to(memory_format=torch.channels_last)
    critic = Discriminator(HR_PATCH).train().to(memory_format=torch.channels_last)
    generates, judges = ADAM(model.parameters()), ADAM(critic.parameters())
    autocast = partial(torch.autocast, "cpu", torch.bfloat16, enabled=precision == "bf16-mixed")
    begins = []
    for (batch,) in Stream(source, 0, LENGTH):
        begins.append(time.perf_counter())
        lr, hr = as_images(batch.lr), as_images(batch.hr)
        critic.requires_grad_(False)
        with autocast():
            sr = model(lr).float()
            with torch.no_grad():
                real = critic(hr).float()
            fake = critic(sr).float()
        adversarial = F.softplus(real.mean() - fake).mean() + F.softplus(real - fake.mean()).mean()
        loss = 0.01 * F.l1_loss(sr, hr) + WEIGHT * adversarial
        generates.zero_grad()
        loss.backward()
        generates.step()
        critic.requires_grad_(True)
        with autocast():
            real, fake = critic(hr).float(), critic(sr.detach()).float()
        loss = F.softplus(fake.mean() - real).mean() + F.softplus(fake - real.mean()).mean()
        judges.zero_grad()
        loss.backward()
        judges.step()
    return steps_of(begins)


def compare(precision: str, source: Patches, rounds: int, note: Note) -> None:
    bare(source, precision)
    own, other, steps, ratios = [], [], [], []
    for number in range(rounds):
        turn = [ours, bare] if number % 2 else [bare, ours]
        found = {run: run(source, precision) for run in turn}
        own += found[ours]
        other += found[bare]
        steps.append(median(found[ours]))
        ratios.append(median(found[bare]) / median(found[ours]))
    note(f"{precision}: a step", "s", steps)
    note(f"{precision}: speed of a bare loop's", "×", ratios, lower_is_better=False)
    low, high = middle_half(ratios)
    print(
        f"CARN against the published discriminator, batch {BATCH}, HR patch {HR_PATCH}, "
        f"{precision}, {torch.get_num_threads()} threads: {1 / median(own):.2f} steps/s; "
        f"{median(other) / median(own):.3f} of a bare loop (middle half of {rounds} "
        f"rounds {low:.2f} to {high:.2f})",
        flush=True,
    )


def main() -> None:
    asked = command(__file__, __doc__, repeats=6, threads=1).parse_args()
    quiet(asked.threads)
    keep_freed_memory()
    source = Patches(Supply(Photos().train(), 2, None, BATCH, HR_PATCH, seed=0))
    precisions = dict.fromkeys([hardware.pick_precision("auto", "cpu"), "32-true"])
    with measuring(asked, asked.threads) as note:
        for precision in precisions:
            compare(precision, source, asked.repeats, note)


if __name__ == "__main__":
    main()
