"""torch.compile for the passes of a training; validation and evaluation run the network as it is written."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from srbench.core.errors import FailedRunError, first_line_with_type
from srbench.recipes.replaced_forward import ReplacedForward


@dataclass
class Compiled:
    """Whether a compiled pass has run."""

    ran: bool = False


class _Forward(ReplacedForward):
    """The forward pass of a network, compiled in train mode."""

    def __init__(self, model: nn.Module, told: Compiled) -> None:
        super().__init__(model)
        self.told, self.fast = told, torch.compile(self.plain, fullgraph=True)

    def __call__(self, *inputs: Any) -> Any:
        if not self.model.training:
            return self.plain(*inputs)
        try:
            output = self.fast(*inputs)
        except torch._dynamo.exc.TorchDynamoException as error:
            raise FailedRunError(
                f"compile=true: torch.compile cannot compile {type(self.model).__name__}: "
                f"{first_line_with_type(error)}; set compile=false"
            ) from error
        self.told.ran = True
        return output


@contextmanager
def compiled(model: nn.Module, wanted: bool) -> Iterator[Compiled]:
    """Meanwhile, the model's forward passes in train mode are compiled, each as one graph, where that is `wanted`; its
    weights keep their names.

    Nothing falls back: a pass raises FailedRunError where torch cannot compile it.
    """
    told = Compiled()
    if not wanted:
        yield told
        return
    model.forward = _Forward(model, told)
    try:
        yield told
    finally:
        del model.forward  # that of its class again
