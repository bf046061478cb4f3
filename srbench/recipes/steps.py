"""A recipe's steps as Lightning has them done: several of them are one of its batches, so that on a GPU, where a step
may take less than Lightning does between two, little of that is left."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from srbench.data.supply import Batch
from srbench.recipes.ranks import ROWS
from srbench.recipes.recipe import Recipe


class Rows:
    """What steps that were done together tell: `tensor` (steps, names); it `travels` from where a device may still
    work on them."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor, self.travels = tensor, tensor.is_cuda
        self.arrived: Callable[[], None] = lambda: None

    def send(self) -> None:
        """Sends it to the host, which need not wait for the steps behind these to read it."""
        if self.travels:
            self.tensor = torch.empty_like(self.tensor, device="cpu", pin_memory=True).copy_(
                self.tensor, non_blocking=True
            )
            event = torch.cuda.Event(blocking=True)
            event.record()
            self.arrived = event.synchronize

    def values(self) -> list[list[float]]:
        """Its numbers, once they have arrived."""
        self.arrived()
        numbers: list[list[float]] = self.tensor.cpu().double().tolist()
        return numbers


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
        return {ROWS: Rows(torch.stack([self.one(batch) for batch in batches]))}

    def end(self) -> None:
        """After the last."""

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
