"""torch.compile for the passes of a training; validation and evaluation run the network as it is written."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from srbench.core.errors import FailedRunError, first_line_with_type


@dataclass
class Compiled:
    """Whether a compiled pass has run."""

    ran: bool = False


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
    plain = model.forward
    fast = torch.compile(plain, fullgraph=True)

    def forward(*inputs: Any) -> Any:
        if not model.training:
            return plain(*inputs)
        try:
            output = fast(*inputs)
        except torch._dynamo.exc.TorchDynamoException as error:
            raise FailedRunError(
                f"compile=true: torch.compile cannot compile {type(model).__name__}: {first_line_with_type(error)}; "
                "set compile=false"
            ) from error
        told.ran = True
        return output

    model.forward = forward
    try:
        yield told
    finally:
        del model.forward  # that of its class again
