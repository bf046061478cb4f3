"""Losses of SR against HR, as modules that a recipe names."""

from torch import Tensor, nn


class Charbonnier(nn.Module):
    """(sr, hr), both (N, C, H, W) → mean of sqrt((sr − hr)² + eps), a scalar. `eps` is ε² of Lai et al., "Deep
    Laplacian Pyramid Networks for Fast and Accurate Super-Resolution", CVPR 2017: it is not squared again."""

    def __init__(self, eps: float = 1e-12) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        return ((sr - hr).square() + self.eps).sqrt().mean()
