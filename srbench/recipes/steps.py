"""A recipe's steps as Lightning has them done: several of them are one of its batches, so that on a GPU, where a step
may take less than Lightning does between two, little of that is left."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from srbench.data.supply import Batch
from srbench.recipes.ranks import ROWS
from srbench.recipes.recipe import Recipe


class Steps:
    """The steps of a training, whose `together` stands in for the recipe's own `training_step`."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.step: Callable[[Batch, int], dict[str, Tensor]] = recipe.training_step  # type: ignore[assignment]
        # In a row, which is 1-D: the loss, its parts, and the norms of the gradients.
        self.losses = ("loss", *recipe.parts)
        self.names = (*self.losses, *recipe.norm_columns)

    def together(self, batches: Sequence[Any], index: int) -> dict[str, Any]:
        """A step of each batch, and their rows."""
        return {ROWS: [self.one(batch) for batch in batches]}

    def one(self, batch: Any) -> Tensor:
        """One step: its row."""
        self.recipe.begin_step()
        row = self.row(batch)
        self.recipe.end_step()
        return row

    def row(self, batch: Any) -> Tensor:
        """The step itself, with all that the device does in it."""
        return torch.stack(self.in_order(self.step(batch, self.recipe.step - 1)))

    def in_order(self, outputs: Mapping[str, Tensor]) -> list[Tensor]:
        """What a step gave, and the norms, in the order of `names`."""
        return [outputs[name] for name in self.losses] + self.recipe.norms()[: len(self.recipe.norm_columns)]
