"""A trial of a user's network before anything is trained: what does not fit is told in one line, with its cure."""

from functools import cache
from math import lcm

import torch
from torch import Tensor, nn

from srbench.core import hardware
from srbench.core.errors import UserError, first_line_with_type
from srbench.core.progress import console
from srbench.evaluation.fitting_sizes import SIDE, fitting_traits, smallest_side, to_say
from srbench.evaluation.inference import on_multiples
from srbench.experiments.component import Component
from srbench.experiments.spec import RunSpec
from srbench.models.layers.thumbnail import second_inputs
from srbench.models.traits import Traits, image_channels_of, traits_of, use_scale

LOUDEST = 16.0  # that a network may be before it has learnt to give [0, 1]; one for 0-255 is louder


def try_network(run: RunSpec) -> None:
    """Raises UserError for a network of the user's that does not give SR `scale` times as large as LR, of any size that
    it says to take, or not in training. One whose values are not of [0, 1] is told on the console.

    Networks of srbench's own are proven by its tests.
    """
    if not run.model.target.startswith("srbench."):
        patches = tuple((stage.length.hr_patch, min(2, stage.length.batch_size)) for stage in run.stages)
        _try(run.model, run.name, run.scale, patches, run.device)


@cache  # every run of a grid asks
def _try(network: Component, name: str, scale: int, patches: tuple[tuple[int, int], ...], device: str) -> None:
    picked = hardware.pick_device(device)
    for place in dict.fromkeys(["cpu", picked]):  # operators of a GPU alone have no other place
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model: nn.Module = network.build(f"model={name}").to(place)
        use_scale(model, scale)
        trial = _Trial(model, scale, place)
        wrong = next(filter(None, (trial.in_evaluation(), *(trial.in_training(*patch) for patch in patches))), None)
        if wrong is None:
            trial.tell_of_values(name)
            return
    raise UserError(f"model={name}: {wrong}")


class _Trial:
    """One network on one device."""

    def __init__(self, model: nn.Module, scale: int, device: str) -> None:
        self.model, self.scale, self.device, self.traits = model, scale, device, traits_of(model)
        self.peak = 0.0

    def in_evaluation(self) -> str | None:
        """What is wrong with what comes of LR of even and of odd sides."""
        self.model.eval()
        least = max(SIDE, self.traits.smallest_input)
        even = _up(least, lcm(16, self.traits.multiple))
        with torch.no_grad():
            wrong = self._wrong(1, even, 2 * even) or self._wrong(1, least + 1, least + 19)
            if wrong is None:
                return None
            found = fitting_traits(lambda height, width: not self._wrong(1, height, width), least)
        return f"{wrong}; {to_say(found)}" if found else wrong

    def in_training(self, hr_patch: int, batch: int) -> str | None:
        """What is wrong with what comes of a batch of patches."""
        self.model.train()
        side, multiple = hr_patch // self.scale, self.traits.multiple
        if side % multiple or side < self.traits.smallest_input:
            step = self.scale * multiple
            nearest = _up(max(hr_patch, self.scale * self.traits.smallest_input), step)
            return f"does not take LR patches of {side}×{side}; set budget.hr_patch={nearest}"
        if wrong := self._wrong(batch, side, side):
            enough = smallest_side(lambda side: not self._wrong(batch, side, side), side, multiple)
            cure = (
                f"; {to_say(Traits(smallest_input=enough))}; set budget.hr_patch={self.scale * enough}"
                if enough
                else ""
            )
            return f"in training: {wrong}{cure}"
        trains = any(weight.requires_grad for weight in self.model.parameters())
        if trains and not self._output(batch, side, side).requires_grad:
            return "in training: no gradient reaches its weights; SR is detached from them, or made without them"
        return None

    def tell_of_values(self, name: str) -> None:
        """Of a network that seems to be made for another range."""
        if self.peak > LOUDEST:
            console.print(
                f"model={name}: gives values up to {self.peak:.3g} for LR in [0, 1]; SR in [0, 1] is expected, "
                "so that a network for 0 to 255 must divide by 255"
            )

    def _wrong(self, batch: int, height: int, width: int) -> str | None:
        """What is wrong with the output for a batch of LR; None: nothing."""
        lr, s, c = f"LR of {width}×{height}", self.scale, image_channels_of(self.model)
        try:
            sr = self._output(batch, height, width)
        except Exception as error:  # whatever a network of the user's does
            return f"fails on {lr}: {first_line_with_type(error)}"
        if not isinstance(sr, Tensor):
            return f"gives a {type(sr).__name__}, not a tensor; return SR alone"
        shape = tuple(sr.shape)
        if len(shape) != 4 or shape[0] != batch:
            return f"gives a tensor of shape {shape} for LR (N, {c}, H, W), not SR (N, {c}, {s}·H, {s}·W)"
        if shape[1] != c:
            return f"gives {shape[1]} channels; SR has {'three, RGB' if c == 3 else 'as many as LR, one'}"
        if shape[2:] != (s * height, s * width):
            return self._wrong_size(shape[2], shape[3], height, width)
        if not sr.is_floating_point():
            return f"gives {sr.dtype}, not floating-point numbers in [0, 1]"
        if not sr.isfinite().all():
            return f"gives values that are not finite (NaN or inf) on {lr}"
        self.peak = max(self.peak, sr.detach().abs().max().item())
        return None

    def _wrong_size(self, sr_height: int, sr_width: int, height: int, width: int) -> str:
        s, times = self.scale, sr_height / height
        told = f"gives SR of {sr_width}×{sr_height} for LR of {width}×{height}"
        if times == sr_width / width and times == int(times):
            return (
                f"{told}, ×{int(times)}, where scale={s}; set scale={int(times)}, or tell its constructor "
                f"(where its argument is upscale, say: ~model.scale +model.upscale={s})"
            )
        return f"{told}, not {s * width}×{s * height} (scale={s})"

    def _output(self, batch: int, height: int, width: int) -> Tensor:
        channels = image_channels_of(self.model)
        lr = torch.rand(batch, channels, height, width, generator=torch.Generator().manual_seed(0)).to(self.device)
        others = second_inputs(lr, self.traits.thumbnail)
        if self.model.training:
            trained: Tensor = self.model(lr, *others)
            return trained
        if height % self.traits.multiple or width % self.traits.multiple:
            return on_multiples(self.model, lr, *others)
        sr: Tensor = self.model(lr, *others)  # as it is: on_multiples would cut a tuple
        return sr


def _up(length: int, multiple: int) -> int:
    return -(-length // multiple) * multiple
