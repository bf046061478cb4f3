"""Bicubic interpolation by MATLAB's rule, as a model without weights: the row that every table begins with."""

import numpy as np
import torch
from torch import Tensor, nn

from srbench.data.resize import imresize


class Bicubic(nn.Module):
    """(N, 3, H, W) in [0, 1] → (N, 3, sH, sW) in [0, 1], in steps of 1/255: LR is taken as uint8, as MATLAB does."""

    def __init__(self, scale: int = 2) -> None:
        super().__init__()
        if scale < 1:
            raise ValueError(f"scale is {scale}; bicubic enlarges by 1 or more.")
        self.scale = scale

    def forward(self, lr: Tensor) -> Tensor:
        """Symmetric edges, as current MATLAB has them."""
        pixels = (lr * 255).round().clamp(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()
        enlarged = np.stack([imresize(image, self.scale) for image in pixels])
        return torch.from_numpy(enlarged).to(lr.device).permute(0, 3, 1, 2).float() / 255
