"""SRResNet without batch normalisation ("MSRResNet"), as ClassSR's published code builds it: Kong et al., "ClassSR",
CVPR 2021, after Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network",
CVPR 2017, §2.1.

Departs from the paper of 2017: no normalisation, no convolution and no skip after the residual blocks, leaky ReLU in
place of PReLU outside them, and the bilinearly upscaled input is added to the output. The three networks of ClassSR
have width 36, 52 and 64. Initialisation: as `start_small`.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from srbench.models.layers.argument_checks import check_choice
from srbench.models.layers.conv3x3 import conv3x3
from srbench.models.layers.initialise import start_small


class ResidualBlock(nn.Module):
    """conv2(relu(conv1(x))) + x."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(width, width)
        self.conv2 = conv3x3(width, width)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.conv2(F.relu(self.conv1(x), inplace=True)).add_(x)
        return output


class SRResNet(nn.Module):
    """(N, C, H, W) in [0, 1] → (N, C, sH, sW), not clipped. `width`: channels; `blocks`: residual blocks;
    `image_channels`: C, 3 of RGB or 1 of grey."""

    def __init__(self, scale: int = 4, width: int = 64, blocks: int = 16, image_channels: int = 3) -> None:
        super().__init__()
        check_choice("scale", scale, 2, 3, 4)
        check_choice("image_channels", image_channels, 1, 3)
        if min(width, blocks) < 1:
            raise ValueError(f"width and blocks must be 1 or more; they are {width} and {blocks}.")
        self.scale, self.image_channels = scale, image_channels
        self.factor = 3 if scale == 3 else 2  # of each pixel shuffle
        self.conv_first = conv3x3(image_channels, width)
        self.recon_trunk = nn.Sequential(*(ResidualBlock(width) for _ in range(blocks)))
        self.upconv1 = conv3x3(width, self.factor**2 * width)
        self.upconv2 = conv3x3(width, 4 * width) if scale == 4 else None
        self.HRconv = conv3x3(width, width)
        self.conv_last = conv3x3(width, image_channels)
        start_small(self)

    def forward(self, lr: Tensor) -> Tensor:
        features = self.enlarged(self.upconv1, self.recon_trunk(leaky(self.conv_first(lr))))
        if self.upconv2 is not None:
            features = self.enlarged(self.upconv2, features)
        residual = self.conv_last(leaky(self.HRconv(features)))
        output: Tensor = residual + F.interpolate(lr, scale_factor=self.scale, mode="bilinear", align_corners=False)
        return output

    def enlarged(self, conv: nn.Conv2d, features: Tensor) -> Tensor:
        return leaky(F.pixel_shuffle(conv(features), self.factor))


def leaky(features: Tensor) -> Tensor:
    """LeakyReLU with slope 0.1, in place; the same shape."""
    return F.leaky_relu(features, 0.1, inplace=True)
