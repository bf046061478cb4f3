"""DIV2K's mean colour, taken off before a network and put back after it."""

from operator import mul

import numpy as np
import torch
from torch import Tensor, nn

DIV2K_MEAN = (0.4488, 0.4371, 0.4040)
GREY = (0.299, 0.587, 0.114)  # BT.601


def mean_colour(image_channels: int) -> tuple[float, ...]:
    """DIV2K's, in [0, 1], of images of 3 channels or of 1."""
    return DIV2K_MEAN if image_channels == 3 else (sum(map(mul, GREY, DIV2K_MEAN)),)


class MeanShift(nn.Module):
    """Adds `sign` times DIV2K's mean colour, by a 1×1 convolution as in the published weights.

    `rgb_range`: the value of white, 1 or 255. The convolution is frozen unless `trainable`.
    """

    def __init__(self, sign: int, rgb_range: float = 1.0, trainable: bool = False, image_channels: int = 3) -> None:
        super().__init__()
        self.shifter = nn.Conv2d(image_channels, image_channels, 1)
        # torch.eye, or a product of tensors, on the meta device makes torch import for a second.
        nn.init.dirac_(self.shifter.weight)
        mean = np.float32(sign * rgb_range) * np.asarray(mean_colour(image_channels), np.float32)
        self.shifter.bias = nn.Parameter(torch.tensor(mean))
        self.shifter.requires_grad_(trainable)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.shifter(x)
        return output
