"""The weights and losses of release 0.1.0, whose loop was Lightning's automatic optimization, with its samplers.

golden/<case>.safetensors holds what commit 96a7fb9 left of the same case after 24 steps, with losses.csv, torch's
version and the processor in its metadata. There, training repeats itself bit for bit.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch import nn

from srbench.data.chains import parse_degradation
from srbench.data.images import write_image
from srbench.data.patches import FixedPatches, Patches
from srbench.data.supply import Supply
from srbench.models.carn import CARN
from srbench.recipes.fit import Session, fit
from srbench.recipes.length import Length
from srbench.recipes.recipe import MakeSchedule
from srbench.recipes.schedules import constant, cosine, multistep
from srbench.recipes.stages import BatchSource, Stage
from srbench.recipes.supervised import Supervised

GOLDEN = Path(__file__).parent / "golden"
SCALES = (2, 3, 4)
ADAM = partial(torch.optim.Adam, lr=1e-3)


def halved(hr, random):
    return hr[::2, ::2] // np.uint8(random.integers(1, 3))


@dataclass(frozen=True)
class Case:
    batches: Callable[[Supply], BatchSource] = Patches
    optimizer: Callable[..., torch.optim.Optimizer] = ADAM
    schedule: MakeSchedule = cosine
    gradient_clip: float | None = None
    ema: float | None = None
    precision: str = "32-true"
    scales: tuple[int, ...] | None = None
    degradation: str | None = None


CASES = {
    "float32": Case(),
    "bf16": Case(precision="bf16-mixed"),
    "averaged": Case(ema=0.9, gradient_clip=0.05),
    "several": Case(
        batches=partial(Patches, multi_scale=True),
        schedule=partial(multistep, milestones=[8], gamma=0.5),
        scales=SCALES,
    ),
    "degraded": Case(degradation="noise"),
    "fixed": Case(
        batches=partial(FixedPatches, count=5, degrade=halved),
        optimizer=partial(ADAM, amsgrad=True, weight_decay=1e-5),
        schedule=constant,
    ),
}


def processor() -> str:
    """What tells apart processors, and instructions, that may compute other last bits."""
    info, names = Path("/proc/cpuinfo"), ("model name", "cpu family", "model", "flags")
    text = info.read_text(encoding="utf-8").split("\n\n")[0] if info.is_file() else ""
    lines = [line for line in text.splitlines() if line.split("\t")[0] in names]
    return hashlib.sha256("\n".join([*lines, torch.backends.cpu.get_cpu_capability()]).encode()).hexdigest()[:16]


def blocks(folder: Path) -> list[Path]:
    """Two images of 60×48 in squares of six pixels."""
    for i in range(2):
        small = np.random.default_rng(i).integers(0, 256, (8, 10, 3), np.uint8)
        write_image(folder / f"{i}.png", small.repeat(6, axis=0).repeat(6, axis=1))
    return sorted(folder.glob("*.png"))


def trained(case: Case, folder: Path) -> nn.Module:
    degradation = parse_degradation(case.degradation)
    supply = Supply(blocks(folder), 2, case.scales, 2, 24, seed=3, degradation=degradation)
    recipe = partial(
        Supervised,
        loss=nn.L1Loss(),
        optimizer=case.optimizer,
        schedule=case.schedule,
        gradient_clip=case.gradient_clip,
        ema=case.ema,
    )
    stage = Stage("pixel", recipe, lambda: case.batches(supply), Length(24, 2, 24, 10), epoch_steps=10)
    torch.manual_seed(3)
    model = CARN(width=4, blocks=1, units=1, atrous=[1], scale=2, scales=case.scales)
    return fit(model, [stage], folder, Session(3, "cpu", case.precision, lambda _: 30.0, lambda *_: None))[0]


@pytest.mark.parametrize("name", CASES)
def test_training_ends_as_it_did_before_stages(name, tmp_path):
    state = trained(CASES[name], tmp_path).state_dict()
    rows = [
        line.removeprefix("pixel,").rpartition(",")[0]
        for line in (tmp_path / "losses.csv").read_text().splitlines()[1:]
    ]
    with safe_open(GOLDEN / f"{name}.safetensors", "pt") as file:
        about = file.metadata()
        golden = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    expected = about["losses"].splitlines()[1:]
    assert state.keys() == golden.keys()
    if (about["torch"], about["cpu"]) == (torch.__version__, processor()):
        assert rows == expected
        assert all(torch.equal(state[key], golden[key]) for key in golden)
        return
    # Without AVX-512 (ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=AVX2), float32 moves by 2e-7 and bf16 by 2e-3.
    near = 1e-2 if name == "bf16" else 1e-4
    losses, golden_losses = (np.array([line.split(",") for line in lines], float) for lines in (rows, expected))
    np.testing.assert_allclose(losses, golden_losses, rtol=near)
    for key, tensor in golden.items():
        assert (state[key] - tensor).norm() <= near * tensor.norm(), key
