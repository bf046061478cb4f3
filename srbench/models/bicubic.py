"""Bicubic interpolation by MATLAB's rule, as a model without weights: the row that every table begins with."""

import numpy as np
import torch
from torch import Tensor, nn

from srbench.core.pixel_format import Bits, Colours, PixelFormat, white_of
from srbench.data.resize import imresize


class Bicubic(nn.Module):
    """(N, C, H, W) in [0, 1] → (N, C, sH, sW) in [0, 1], in steps of 1/255: LR is taken as uint8, as MATLAB does.
    `image_channels`: C, 3 of RGB or 1 of grey. `image_bits`: 8, or 16 for steps of 1/65535 and LR as uint16; see
    `use_bits`."""

    def __init__(self, scale: int = 2, image_channels: Colours = 3, image_bits: Bits = 8) -> None:
        super().__init__()
        if scale < 1:
            raise ValueError(f"scale is {scale}; bicubic enlarges by 1 or more.")
        form = PixelFormat(image_bits, image_channels)
        self.scale, self.image_channels, self.image_bits = scale, form.channels, form.bits

    def forward(self, lr: Tensor) -> Tensor:
        """Symmetric edges, as current MATLAB has them."""
        dtype = PixelFormat(self.image_bits).dtype
        white = white_of(dtype)
        pixels = (lr * white).round().clamp(0, white).permute(0, 2, 3, 1).cpu().numpy().astype(dtype)
        enlarged = np.stack([imresize(image, self.scale) for image in pixels])
        return torch.from_numpy(enlarged).to(lr.device).permute(0, 3, 1, 2).float() / white
