"""The convolution that residual networks are made of. Initialisation: PyTorch's default."""

from torch import nn


def conv3x3(inputs: int, outputs: int) -> nn.Conv2d:
    """(N, inputs, H, W) → (N, outputs, H, W): 3×3 with bias, padded with zeros."""
    return nn.Conv2d(inputs, outputs, 3, padding=1)
