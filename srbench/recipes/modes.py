"""What training and evaluating set on a model, and how it is put back."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def as_found(module: nn.Module) -> Iterator[None]:
    """Puts back, at the end, each submodule's train or eval mode and `scale`, and which parameters are trained."""
    modes = [(part, part.training) for part in module.modules()]
    scales = [(part, vars(part)["scale"]) for part in module.modules() if isinstance(vars(part).get("scale"), int)]
    trained = [(parameter, parameter.requires_grad) for parameter in module.parameters()]
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode
        for part, scale in scales:
            vars(part)["scale"] = scale
        for parameter, requires_grad in trained:
            parameter.requires_grad_(requires_grad)
