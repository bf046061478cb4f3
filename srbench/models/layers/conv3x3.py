"""The convolution that residual networks are made of. Initialisation: PyTorch's default."""

from torch import nn

from srbench.models.layers.reparameterised import ReparameterisedConv2d


def conv3x3(inputs: int, outputs: int, groups: int = 1, dilation: int = 1, reparameterise: str = "none") -> nn.Conv2d:
    """(N, inputs, H, W) → (N, outputs, H, W): 3×3 with bias, padded with zeros. `reparameterise`: as what it is
    trained, itself or a form of `reparameterised`. ValueError for another word."""
    if reparameterise != "none":
        return ReparameterisedConv2d(inputs, outputs, reparameterise, groups, dilation)
    return nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation, groups=groups)
