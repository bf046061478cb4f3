"""Nearest-neighbour interpolation, as a model without weights: each pixel becomes a square."""

from torch import Tensor, nn


class Nearest(nn.Module):
    """(N, C, H, W) → (N, C, sH, sW): the values of `lr`, none other. `image_channels`: C."""

    def __init__(self, scale: int = 2, image_channels: int = 3) -> None:
        super().__init__()
        if scale < 1:
            raise ValueError(f"scale is {scale}; nearest neighbour enlarges by 1 or more.")
        self.scale, self.image_channels = scale, image_channels

    def forward(self, lr: Tensor) -> Tensor:
        # F.interpolate rounds coordinates in float32, which is wrong in places from ×41 on, and is slower.
        return lr.repeat_interleave(self.scale, dim=2).repeat_interleave(self.scale, dim=3)
