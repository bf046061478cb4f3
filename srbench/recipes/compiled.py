"""torch.compile for the passes of a training; validation and evaluation run the network as it is written."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from types import MethodType
from typing import Any

import torch
from torch import nn

from srbench.core.errors import FailedRunError, first_line_with_type


@dataclass
class Compiled:
    """Whether a compiled pass has run."""

    ran: bool = False


class _Forward:
    """The forward pass of a network, compiled in train mode. A copy of the network has the pass as it is written."""

    def __init__(self, model: nn.Module, told: Compiled) -> None:
        self.model, self.told, self.plain = model, told, model.forward
        self.fast = torch.compile(self.plain, fullgraph=True)

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

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        # This one would run the weights of the network that is copied, as what torch.compile gives would.
        return MethodType(type(self.model).forward, deepcopy(self.model, memo))


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
