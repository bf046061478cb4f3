"""Partial convolution used as padding: Liu et al., "Partial Convolution based Padding", arXiv:1811.11718, 2018, eq. 2.
Initialisation: PyTorch's default.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def taps_inside(size: int, kernel: int, stride: int, padding: int, dilation: int, device: torch.device) -> Tensor:
    """For each output position along one axis, how many of the kernel's taps lie inside the image: (outputs,)."""
    last = size + 2 * padding - dilation * (kernel - 1)
    starts = torch.arange(0, last, stride, device=device) - padding
    taps = starts[:, None] + dilation * torch.arange(kernel, device=device)
    return ((taps >= 0) & (taps < size)).sum(1)


class PartialConv2d(nn.Conv2d):
    """A zero-padded convolution that makes up for its zeros: y = (conv(x) − b) · k² / m + b, m = taps inside the image.

    Shapes as nn.Conv2d. The mask is counted, not convolved, so there are no mask weights and any `groups` works;
    yu45020/Waifu2x keeps k² frozen ones per convolution instead.
    """

    def forward(self, x: Tensor) -> Tensor:
        if self.padding == (0, 0):
            return super().forward(x)
        y = F.conv2d(x, self.weight, None, self.stride, self.padding, self.dilation, self.groups)
        rows, columns = (
            taps_inside(x.shape[axis + 2], self.kernel_size[axis], self.stride[axis], int(self.padding[axis]),
                        self.dilation[axis], x.device)
            for axis in (0, 1)
        )  # fmt: skip
        ratio = (self.kernel_size[0] * self.kernel_size[1] / (rows[:, None] * columns)).to(y.dtype)
        return y * ratio if self.bias is None else torch.addcmul(self.bias.to(y.dtype)[:, None, None], y, ratio)
