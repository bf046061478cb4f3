"""What a training is made of: stages, each with a recipe, batches, a length and a start of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import nn

from srbench.data.supply import Batch
from srbench.recipes.length import Length
from srbench.recipes.outcome import Keep
from srbench.recipes.recipe import Recipe


class BatchSource(Protocol):
    """What makes the batches of a stage, such as Patches."""

    def batch(self, step: int) -> Batch:
        """The batch of `step` (0, 1, …), which depends on the seed, the stage and the step alone."""


@dataclass(frozen=True)
class Stage:
    """One training with one objective.

    `recipe`: makes it of the model and the length. `batches`: makes their source, when the stage begins.
    `epoch_steps`: what losses.csv calls an epoch. `start`: loads other weights into the whole model before the stage;
    None goes on from the stage before. `part`: the submodule that is trained, validated and averaged; None for all.
    `keep`: the weights that the stage leaves, of its last step or of its best validation.
    """

    name: str
    recipe: Callable[[nn.Module, Length], Recipe]
    batches: Callable[[], BatchSource]
    length: Length
    epoch_steps: int
    start: Callable[[nn.Module], None] | None = None
    part: str | None = None
    keep: Keep = "last"
