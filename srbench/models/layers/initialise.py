"""How the published code of ClassSR, and of the residual networks that it grew from, starts its convolutions."""

from torch import nn


def start_small(*parts: nn.Module) -> None:
    """Sets every nn.Conv2d of `parts`: weights Kaiming normal by fan-in (He et al., ICCV 2015) times 0.1, biases zero.

    A transposed convolution keeps PyTorch's default, as in the published code.
    """
    for layer in (module for part in parts for module in part.modules() if isinstance(module, nn.Conv2d)):
        if layer.weight.is_meta:  # no values to set, and torch takes a second to load its normal_ for none
            continue
        nn.init.kaiming_normal_(layer.weight)
        layer.weight.data.mul_(0.1)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
