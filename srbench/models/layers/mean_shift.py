"""DIV2K's mean colour, taken off before a network and put back after it."""

import torch
from torch import Tensor, nn

DIV2K_MEAN = (0.4488, 0.4371, 0.4040)


class MeanShift(nn.Module):
    """Adds `sign` times DIV2K's mean colour, by a frozen 1×1 convolution as in the published weights."""

    def __init__(self, sign: int) -> None:
        super().__init__()
        self.shifter = nn.Conv2d(3, 3, 1)
        self.shifter.weight = nn.Parameter(torch.eye(3)[:, :, None, None], requires_grad=False)
        self.shifter.bias = nn.Parameter(sign * torch.tensor(DIV2K_MEAN), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.shifter(x)
