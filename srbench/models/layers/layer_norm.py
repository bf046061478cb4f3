"""Layer normalisation of images: Ba, Kiros and Hinton, "Layer Normalization", arXiv:1607.06450, 2016, over the channels
of each pixel.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LayerNorm(nn.Module):
    """(N, C, H, W) → (N, C, H, W): at each pixel, the channels to mean 0 and variance 1, then scaled and shifted.

    The variance is the biased one, plus `eps`. In the memory order channels_last nothing is copied. fvcore counts five
    FLOPs an element here, none for the published networks, which write the same arithmetic out.
    """

    def __init__(self, width: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        normed = F.layer_norm(x.permute(0, 2, 3, 1), self.weight.shape, self.weight, self.bias, self.eps)
        return normed.permute(0, 3, 1, 2)
