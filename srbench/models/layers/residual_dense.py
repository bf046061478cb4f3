"""The generator that ESRGAN and MESRGAN of NeonSky/computer-vision-MESRGAN share but for its dense convolutions.

Initialisation: PyTorch's default.
"""

import re
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from srbench.models.layers.conv3x3 import conv3x3
from srbench.models.layers.normalize import Normalize

RESIDUAL_SCALE = 0.2  # β of Wang et al., "ESRGAN", ECCVW 2018, §3.1

Convolution = Callable[[int, int], nn.Module]  # input and output channels → a layer that keeps height and width


class ResidualDenseBlock(nn.Module):
    """x + 0.2 · conv5(x, x1, …, x4), where xₖ = activation(convₖ(x, x1, …, xₖ₋₁)) has `growth` channels."""

    def __init__(self, width: int, growth: int, conv: Convolution, activation: nn.Module) -> None:
        super().__init__()
        self.conv1 = conv(width, growth)
        self.conv2 = conv(width + growth, growth)
        self.conv3 = conv(width + 2 * growth, growth)
        self.conv4 = conv(width + 3 * growth, growth)
        self.conv5 = conv(width + 4 * growth, width)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        features = x
        # Concatenating is no slower than one buffer for all, or than adding up what each xᵢ gives to each xₖ.
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            features = torch.cat([features, self.activation(conv(features))], 1)
        return x.add(self.conv5(features), alpha=RESIDUAL_SCALE)


class ResidualInResidual(nn.Module):
    """x + 0.2 · (all blocks in a row)(x)."""

    def __init__(self, *blocks: ResidualDenseBlock) -> None:
        super().__init__()
        self.rdbs = nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        return x.add(self.rdbs(x), alpha=RESIDUAL_SCALE)


class ResidualDenseGenerator(nn.Module):
    """(N, 3, H, W) in [0, 1] → (N, 3, 4H, 4W), not clipped.

    `blocks` residual dense blocks of `width` channels, which grow by `growth`; their layers are made by `conv`, and
    `activation` follows the first four. One slope serves all three PReLUs.
    """

    def __init__(
        self, scale: int, blocks: int, width: int, growth: int, conv: Convolution, activation: nn.Module
    ) -> None:
        super().__init__()
        if scale != 4:
            raise ValueError(f"{type(self).__name__} has no scale {scale}: choose 4, the only one.")
        if min(blocks, width, growth) < 1:
            raise ValueError("blocks, width and growth must be 1 or more.")
        self.scale = scale
        self.normalize = Normalize()
        self.conv1 = nn.Conv2d(3, width, 9, padding=4)
        self.rrdbs = ResidualInResidual(*(ResidualDenseBlock(width, growth, conv, activation) for _ in range(blocks)))
        self.conv2 = conv3x3(width, width)
        stages = [nn.Sequential(conv3x3(width, 4 * width), nn.PixelShuffle(2)) for _ in range(2)]
        self.upsamples = nn.ModuleList(stages)
        self.prelu = nn.PReLU()
        self.conv3 = conv3x3(width, width)
        self.conv4 = conv3x3(width, 3)

    def forward(self, lr: Tensor) -> Tensor:
        return self.normalize.undo(self.generate(self.normalize(lr)))

    def generate(self, lr: Tensor) -> Tensor:
        """The published network: LR → SR, both in standard deviations from the training set's mean."""
        shallow = self.conv1(lr)
        features = self.conv2(self.rrdbs(shallow)).add_(shallow)
        for stage in self.upsamples:
            features = self.prelu(stage(features))
        output: Tensor = self.conv4(self.prelu(self.conv3(features)))
        return output

    @staticmethod
    def from_published(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The weights of the published code under our names.

        Left out are the two copies of the slope, which we store once; ValueError where they differ from it.
        """
        copies = [name for name in weights if re.fullmatch(r"upsamples\.\d\.2\.weight", name)]
        slopes = [weights[name] for name in ("prelu.weight", *copies) if name in weights]
        if any(not torch.equal(slope, slopes[0]) for slope in slopes):
            raise ValueError("The slopes of the PReLUs differ: the network has one slope for all.")
        return {name: tensor for name, tensor in weights.items() if name not in copies}
