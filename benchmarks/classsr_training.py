"""How fast ClassSR trains: python -m benchmarks.classsr_training [THREADS]

The classifier's stage, its branches frozen, and the joint one: srbench's loop and a bare PyTorch loop over the same
batches of the same net in the same precision take turns, as in benchmarks.training. Compared are the medians of
single steps. Above 1 srbench is faster.
"""

import tempfile
import time
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn

from benchmarks.measured import Note, command, measuring, middle_half
from benchmarks.training import ADAM, quiet, steps_of
from srbench.core import hardware
from srbench.core.allocator import keep_freed_memory
from srbench.data.photos import Photos
from srbench.data.sub_image_patches import SubImagePatches
from srbench.data.supply import Batch, Supply
from srbench.models.classsr import ClassSR
from srbench.models.fsrcnn import FSRCNN
from srbench.recipes.fit import Session, fit
from srbench.recipes.length import Length
from srbench.recipes.losses import L1
from srbench.recipes.routed import AverageLoss, ClassifierAlone, ClassLoss, Routed
from srbench.recipes.schedules import constant
from srbench.recipes.stages import Stage
from srbench.recipes.stream import Stream
from srbench.recipes.supervised import as_images

STEPS, BATCH = 12, 16
LENGTH = Length(STEPS, BATCH, 128, val_every=0)


def made() -> ClassSR:
    return ClassSR([FSRCNN(d=d) for d in (16, 36, 56)])


def ours(recipe: type[Routed], source: SubImagePatches, precision: str) -> list[float]:
    """Seconds of each step of srbench's loop."""
    begins: list[float] = []

    class Clocked(recipe):  # type: ignore[valid-type,misc]
        def training_step(self, batch: Batch, index: int) -> dict[str, Tensor]:
            begins.append(time.perf_counter())
            losses: dict[str, Tensor] = super().training_step(batch, index)
            return losses

    def clocked(model: nn.Module, length: Length) -> Routed:
        losses = {"image": L1(weight=1000), "class": ClassLoss(weight=0.5), "average": AverageLoss(weight=3)}
        return Clocked(model, length, losses, ADAM, constant)

    length = LENGTH
    session = Session(seed=0, device="cpu", precision=precision, validate=lambda _: 0.0, tell=lambda *_: None)
    with tempfile.TemporaryDirectory() as folder:
        fit(made(), [Stage("routed", clocked, lambda: source, length, epoch_steps=STEPS)], Path(folder), session)
    return steps_of(begins)


def bare(frozen: bool, source: SubImagePatches, precision: str) -> list[float]:
    """Seconds of each step of a loop without Lightning, losses file or checkpoints."""
    model = made().train().to(memory_format=torch.channels_last)
    if frozen:
        for branch in model.branches:
            branch.requires_grad_(False).eval()
    optimizer = ADAM([weight for weight in model.parameters() if weight.requires_grad])
    begins = []
    for (batch,) in Stream(source, 0, LENGTH):
        begins.append(time.perf_counter())
        lr, hr = as_images(batch.lr), as_images(batch.hr)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16-mixed"):
            sr, p = model.soft(lr)
        p = p.float()
        apart = (p[:, 0] - p[:, 1]).abs() + (p[:, 0] - p[:, 2]).abs() + (p[:, 1] - p[:, 2]).abs()
        uneven = (p.sum(0) - BATCH / 3).abs().sum() / (4 * BATCH / 3)
        loss = 1000 * nn.functional.l1_loss(sr.float(), hr) + 0.5 * (2 - apart).mean() + 3 * uneven
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return steps_of(begins)


def compare(name: str, recipe: type[Routed], source: SubImagePatches, rounds: int, note: Note) -> None:
    precision = hardware.pick_precision("auto", "cpu")
    frozen = recipe.freezes_branches
    bare(frozen, source, precision)
    own, plain, ratios, steps = [], [], [], []
    for number in range(rounds):
        first = bare(frozen, source, precision) if number % 2 else []
        mine = ours(recipe, source, precision)
        other = first or bare(frozen, source, precision)
        own += mine
        plain += other
        steps.append(median(mine))
        ratios.append(median(other) / median(mine))
    note(f"{name}: a step", "s", steps)
    note(f"{name}: speed of a bare loop's", "×", ratios, lower_is_better=False)
    low, high = middle_half(ratios)
    print(
        f"ClassSR of FSRCNNs, {name}, batch {BATCH}, HR patch 128, {precision}, {torch.get_num_threads()} threads: "
        f"{1 / median(own):.2f} steps/s; {median(plain) / median(own):.3f} of a bare loop (middle half of {rounds} "
        f"rounds {low:.2f} to {high:.2f})",
        flush=True,
    )


def main() -> None:
    asked = command(__file__, __doc__, repeats=10, threads=1).parse_args()
    quiet(asked.threads)
    keep_freed_memory()
    source = SubImagePatches(Supply(Photos().train(), 4, None, BATCH, 128, seed=0))
    with measuring(asked, asked.threads) as note:
        compare("classifier alone", ClassifierAlone, source, asked.repeats, note)
        compare("all together", Routed, source, asked.repeats, note)


if __name__ == "__main__":
    main()
