"""Convolutions whose gradients a CPU gets wrong in bfloat16 are computed in float32.

Measured on x86 with torch 2.15 (oneDNN): with a dilation above 1, weights in channels_last, and channels of a group
that are no multiple of 16, the gradient of the weights in bfloat16 is made of memory that nobody has written. Mostly
that holds zeros, and nothing is seen; else the gradient is nan, or a number that is wrong.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from srbench.models.layers.full_precision import in_full_precision
from srbench.models.layers.reparameterised import TrainingForm
from srbench.recipes.replaced_forward import ReplacedForward

BLOCK = 16  # channels


@contextmanager
def sound_convolutions(model: nn.Module, device: str, precision: str) -> Iterator[None]:
    """Meanwhile the convolutions of `model` that need it take and give float32, if it is trained on a CPU in bfloat16
    (`precision`, as Lightning names it). Those that a network calls as functions are not seen."""
    wrong = [part for part in model.modules() if _is_wrong(part)]
    if device != "cpu" or precision != "bf16-mixed":
        wrong = []
    for part in wrong:
        part.forward = _InFull(part)
    try:
        yield
    finally:
        for part in wrong:
            del part.forward  # that of its class again


def _is_wrong(part: nn.Module) -> bool:
    convolution = part.folded[0] if isinstance(part, TrainingForm) else part
    if not isinstance(convolution, nn.Conv2d):
        return False
    return max(convolution.dilation) > 1 and convolution.in_channels // convolution.groups % BLOCK != 0


class _InFull(ReplacedForward):
    def __call__(self, x: Tensor, *others: Any) -> Tensor:
        with in_full_precision(x.device):
            output: Tensor = self.plain(x.float(), *others)
            return output
