"""Colours in units of a training set's spread: SRGAN's, ESRGAN's and MESRGAN's in NeonSky/computer-vision-MESRGAN.

The set is DIV2K, Flickr2K and OutdoorSceneTrain. Its mean is the mean over images of their mean colours, its deviation
that of all pixels from this mean.
"""

import torch
from torch import Tensor, nn

MEAN = (0.4439, 0.4517, 0.4054)
STD = (0.2738, 0.2607, 0.2856)


class Normalize(nn.Module):
    """(N, 3, H, W) in [0, 1] → the same in standard deviations from the mean. Stores nothing among the weights."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(STD)[:, None, None], persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        return (images - self.mean) / self.std

    def undo(self, normalized: Tensor) -> Tensor:
        """Back to [0, 1], not clipped."""
        return torch.addcmul(self.mean, normalized, self.std)
