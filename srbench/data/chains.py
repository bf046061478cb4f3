"""`data.degradation`: from what the user wrote to a chain of degradations, the same for an image on every machine."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from srbench.core.errors import UserError
from srbench.core.suggest import did_you_mean
from srbench.data.degradations import STEPS, Jpeg, Random, Resize, Step
from srbench.data.lr_source import DegradationStep
from srbench.data.resizers import RESIZERS


@dataclass(frozen=True)
class Degradation:
    """Steps, done in order: on HR where one of them is a resizer, else on the LR that there is."""

    steps: tuple[Step, ...]

    @property
    def shrinks(self) -> bool:
        """Whether it takes HR."""
        return any(isinstance(step, Resize) for step in self.steps)

    @property
    def label(self) -> str:
        """gaussian-blur k=5 σ=1.5 + pil-bicubic."""
        return " + ".join(step.label for step in self.steps)

    @property
    def facts(self) -> tuple[DegradationStep, ...]:
        """The steps with all their settings, alike for all spellings."""
        return tuple(DegradationStep(type(step).__name__.lower(), _settings(step)) for step in self.steps)

    @property
    def settings(self) -> list[list[Any]]:
        """The `facts` as JSON."""
        return [[step.name, step.settings] for step in self.facts]

    def check_bits(self, bits: int) -> None:
        """UserError for 16 where a step would leave 8: JPEG, Pillow's resizers, and any resizer after another step."""
        for place, step in enumerate(self.steps if bits > 8 else ()):
            if isinstance(step, Jpeg) or (isinstance(step, Resize) and (place or step.resizer.startswith("pil-"))):
                begins = isinstance(step, Resize) and not step.resizer.startswith("pil-")
                cure = "a resizer must be the first step" if begins else "use data.bits=8, or leave it out"
                raise UserError(f"data.degradation: {step.label} leaves 8 bits of data.bits={bits}; {cure}")

    def __call__(self, image: np.ndarray, scale: int, random: Random) -> np.ndarray:
        """LR of `image`: uint8, uint16, or float32 on 0–255; draws from `random` only."""
        for step in self.steps:
            image = step(image, scale, random)
        return image

    def random_of(self, name: str) -> Random:
        """What an image is degraded with in every evaluation: it depends on its name and on the settings alone.

        NumPy keeps PCG64's bits, and the way from bits to numbers of RandomState but not of Generator, for good.
        """
        digest = hashlib.sha256(json.dumps([name, self.settings]).encode()).digest()
        return np.random.RandomState(np.random.PCG64(int.from_bytes(digest)))


def parse_degradation(given: Any) -> Degradation | None:
    """The degradation that `data.degradation` describes: None, a step, or a list of steps, each a name or
    {name: {setting: value}}. Raises UserError, naming the key, for anything else."""
    if given is None or given == []:
        return None
    try:
        steps = tuple(_step(one) for one in (given if isinstance(given, list) else [given]))
    except ValueError as error:
        raise UserError(f"data.degradation: {error}") from error
    resizers = [step.label for step in steps if isinstance(step, Resize)]
    if len(resizers) > 1:
        raise UserError(f"data.degradation: {' and '.join(resizers)} would shrink the image twice; keep one of them")
    return Degradation(steps)


def degradation_of(facts: Sequence[DegradationStep]) -> Degradation:
    """The degradation of these `facts`. Raises ValueError for steps or settings that do not exist."""
    kinds: dict[str, Callable[..., Step]] = {**STEPS, "resize": Resize}
    try:
        return Degradation(tuple(kinds[one.name](**_typed(kinds[one.name], one.settings)) for one in facts))
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"no such degradation: {error}") from error


def _typed(kind: Any, settings: dict[str, float | str]) -> dict[str, float | str]:
    """Whole numbers where the step takes them: JSON and `facts` have floats."""
    whole = {field.name for field in fields(kind) if field.type is int or field.type == "int"}
    return {key: int(value) if key in whole else value for key, value in settings.items()}


def _step(one: Any) -> Step:
    ((name, settings),) = one.items() if isinstance(one, dict) and len(one) == 1 else [(one, {})]
    if not isinstance(name, str) or not isinstance(settings, dict):
        raise ValueError(f"{one} is not a step; write NAME or {{NAME: {{SETTING: VALUE}}}}")
    if name not in STEPS and name not in RESIZERS:
        raise ValueError(f"{name}: no such step{did_you_mean(name, [*STEPS, *RESIZERS])}")
    known = [field.name for field in fields(STEPS[name])] if name in STEPS else []
    for key in settings:
        if key not in known:
            raise ValueError(f"{name} has no setting {key}{did_you_mean(str(key), known)}")
    if name in RESIZERS:
        return Resize(name)
    return STEPS[name](**{key: _number(value) for key, value in settings.items()})


def _number(value: Any) -> Any:
    """25/255 as a number; anything else as it is."""
    over, slash, under = str(value).partition("/")
    try:
        return float(over) / float(under) if slash else value
    except (ValueError, ZeroDivisionError):
        return value


def _settings(step: Step) -> dict[str, float | str]:
    values = {field.name: getattr(step, field.name) for field in fields(step)}
    return {key: value if isinstance(value, str) else float(value) for key, value in values.items()}
