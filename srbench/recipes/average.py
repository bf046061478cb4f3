"""The moving average of a model's weights, which a training leaves in place of the last ones."""

from copy import deepcopy

import torch
from torch import nn
from torch.optim import Optimizer


class Average(nn.Module):
    """`module`: a copy of `model` whose weights are the exponential moving average of the model's,
    a ← decay · a + (1 − decay) · w.

    The first move copies the weights, as every move does the buffers. It is what torch's AveragedModel computes with
    `get_ema_multi_avg_fn(decay)`; older releases of that wait for the device at each move, as they count moves there.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        super().__init__()
        if not (isinstance(decay, int | float) and 0 <= decay <= 1):
            raise ValueError(f"ema is {decay}; it must be a number from 0 to 1.")
        self.module = deepcopy(model).requires_grad_(False)
        self.decay, self.moves = decay, 0
        self.source = (model,)  # a tuple, or the model's weights would be saved as this module's, too

    @torch.no_grad()
    def move(self) -> None:
        """Moves towards the model's weights; `moved` counts it."""
        (model,) = self.source
        averaged, weights = tuple(self.module.parameters()), tuple(model.parameters())
        if self.moves:
            torch._foreach_lerp_(averaged, weights, 1 - self.decay)
        else:
            torch._foreach_copy_(averaged, weights)
        for copy, buffer in zip(self.module.buffers(), model.buffers(), strict=True):
            copy.copy_(buffer)

    def moved(self) -> None:
        """Counts a move."""
        self.moves += 1

    def follows(self, optimizer: Optimizer) -> bool:
        """Whether the optimizer trains weights of the model."""
        weights = set(self.source[0].parameters())
        return any(weight in weights for group in optimizer.param_groups for weight in group["params"])

    def get_extra_state(self) -> dict[str, int]:
        """What the state holds beside the weights."""
        return {"moves": self.moves}

    def set_extra_state(self, state: dict[str, int]) -> None:
        """The counterpart of `get_extra_state`."""
        self.moves = state["moves"]
