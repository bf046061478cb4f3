"""Whether a network can be trained: ten steps by srbench's own loop, interrupted and not, and captured on a GPU."""

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import torch
from torch import nn

from srbench.audits.ticks import Inspection, LeftOutError, RedError
from srbench.data.patches import Patches
from srbench.data.photos import photographs_of
from srbench.data.supply import Supply
from srbench.evaluation.translated import SCRIPTED, is_scripted
from srbench.metrics.cost import dead_parameters
from srbench.metrics.network_copy import copy_to
from srbench.models.layers.thumbnail import thumbnail_maker
from srbench.models.traits import format_for, traits_of
from srbench.recipes.fit import Session, fit
from srbench.recipes.history import LOSSES
from srbench.recipes.length import Length
from srbench.recipes.outcome import StageOutcome
from srbench.recipes.schedules import constant
from srbench.recipes.stages import Stage
from srbench.recipes.supervised import Supervised

STEPS, SAVED_EVERY, INTERRUPTED = 10, 3, 2  # the second time that it is saved, it is interrupted
CAPTURED_STEPS = 20  # the first of which run as they are written
BATCH, SIDE = 2, 32  # images, pixels of LR
ADAM = partial(torch.optim.Adam, lr=1e-4)


class _InterruptedError(Exception):
    """Ends a training on purpose."""


def looks_at_training(model: nn.Module, scale: int, device: str, folder: Path) -> Iterator[Inspection]:
    """The looks; `model` stays as it is. They leave files in `folder`."""
    trial = _Trial(model, scale, device, folder)
    cure = "look for logarithms and roots of 0, and divisions by 0"
    yield Inspection("ten steps of training", True, trial.ten_steps, cure)
    yield Inspection("every parameter learns", False, trial.gradients, "a layer that nothing reaches learns nothing")
    cure = "keep in buffers what changes in training; draw numbers from torch's generator alone"
    yield Inspection("resumed training", True, trial.resumed, cure)
    cure = "a step may not wait for the GPU: no .item(), no choice by values"
    yield Inspection("captured on a GPU", False, trial.captured, cure)


class _Trial:
    """Trainings of copies of one network."""

    def __init__(self, model: nn.Module, scale: int, device: str, folder: Path) -> None:
        self.model, self.scale, self.device, self.folder = model, scale, device, folder
        self.trained: nn.Module | None = None

    def ten_steps(self) -> str:
        """What comes of them."""
        self._refuse_untrainable()
        self.trained, outcome = self._fit("calm", STEPS)
        return f"loss {outcome.final_loss:.4f} at the end, {outcome.steps_per_second:.3g} steps/s of {BATCH} patches"

    def gradients(self) -> str:
        """Whether all parameters have moved."""
        if self.trained is None:
            raise LeftOutError("it was not trained")
        before, after = dict(self.model.named_parameters()), dict(self.trained.named_parameters())
        learning = [name for name, one in before.items() if one.requires_grad]
        still = [name for name in learning if torch.equal(before[name].cpu(), after[name].cpu())]
        if traits_of(self.model).scales:  # one of which was trained: the others' upsamplers need not have moved
            still = [name for name in still if name in dead_parameters(self.model)]
        if still:
            raise RedError(f"{len(still)} of {len(learning)} tensors stay as they are: {', '.join(still[:3])}", "")
        return f"all {len(learning)} tensors have moved"

    def resumed(self) -> str:
        """Whether an interrupted training ends as one that was not."""
        if self.trained is None:
            raise LeftOutError("it was not trained")
        with suppress(_InterruptedError):
            self._fit("interrupted", STEPS, interrupted=True)
        again, _ = self._fit("interrupted", STEPS)
        losses = [(self.folder / name / LOSSES).read_text(encoding="utf-8") for name in ("calm", "interrupted")]
        expected, found = self.trained.state_dict(), again.state_dict()
        other = [name for name, one in expected.items() if not torch.equal(one, found[name])]
        if other or losses[0] != losses[1]:
            raise RedError(f"ends with other weights or losses than an uninterrupted one: {', '.join(other[:3])}", "")
        return "interrupted and gone on, it ends with the same weights and losses to the bit"

    def captured(self) -> str:
        """Whether its steps run as CUDA graphs."""
        if not self.device.startswith("cuda"):
            raise LeftOutError("there is no GPU here" if not torch.cuda.is_available() else f"device={self.device}")
        self._refuse_untrainable()
        _, outcome = self._fit("captured", CAPTURED_STEPS)
        reasons = [session.not_captured for session in outcome.sessions if session.not_captured]
        if reasons or not any(session.captured for session in outcome.sessions):
            raise RedError(f"steps run as they are written: {'; '.join(reasons) or 'none was captured'}", "")
        return f"{outcome.steps_per_second:.3g} steps/s of {BATCH} patches"

    def _refuse_untrainable(self) -> None:
        if is_scripted(self.model):
            raise LeftOutError(SCRIPTED)
        if not any(one.requires_grad for one in self.model.parameters()):
            raise LeftOutError("it has nothing to train")

    def _fit(self, name: str, steps: int, interrupted: bool = False) -> tuple[nn.Module, StageOutcome]:
        """A copy, trained in a folder of its own, and how it went."""
        (self.folder / name).mkdir(exist_ok=True)
        torch.manual_seed(0)
        length = Length(steps, BATCH, self._side * self.scale, SAVED_EVERY)
        stage = Stage("all", _recipe, lambda: self._patches(length), length, epoch_steps=steps)
        session = Session(0, self.device, "32-true", _Validation(interrupted), lambda *_: None)
        model, (outcome,) = fit(copy_to(self.model, "cpu"), [stage], self.folder / name, session)
        return model, outcome

    @property
    def _side(self) -> int:
        side, _ = traits_of(self.model).size_for(SIDE, SIDE)
        return side

    def _patches(self, length: Length) -> Patches:
        traits = traits_of(self.model)
        thumbnail = thumbnail_maker(traits.thumbnail)
        form = format_for(self.model)
        files, scales = photographs_of(form.channels)[:1], traits.scales or None
        return Patches(
            Supply(files, self.scale, scales, BATCH, length.hr_patch, seed=0, thumbnail=thumbnail, form=form)
        )


def _recipe(model: nn.Module, length: Length) -> Supervised:
    return Supervised(model, length, nn.L1Loss(), ADAM, constant)


class _Validation:
    """In place of one: a training is saved at each."""

    def __init__(self, interrupted: bool) -> None:
        self.left = INTERRUPTED if interrupted else STEPS

    def __call__(self, model: nn.Module) -> float:
        self.left -= 1
        if not self.left:
            raise _InterruptedError
        return 0.0
