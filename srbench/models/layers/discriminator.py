"""Discriminators: that of SRGAN, ESRGAN and MESRGAN in NeonSky/computer-vision-MESRGAN, one network, see
`Discriminator`, and one for patches of any size, see `PooledDiscriminator`.

The first departs from the one of Ledig et al., CVPR 2017, §2.1.1, as that code does: no convolution is padded, so that
there are fewer features, and batch normalisation is followed by a randomised leaky ReLU. Initialisation: PyTorch's
default.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from torch import Tensor, nn

from srbench.models.layers.normalize import Normalize


def normed_conv(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """RReLU's slope is drawn from [1/8, 1/3] in training and 11/48 otherwise."""
    conv = nn.Conv2d(inputs, outputs, 3, stride, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.RReLU(1 / 8, 1 / 3))


class Discriminator(nn.Module):
    """(N, 3, patch, patch) in [0, 1] → (N, 1): how real each patch looks.

    A logit as in ESRGAN and MESRGAN, or with `sigmoid` a probability as in SRGAN, whose first convolution also lacks
    its bias (`first_bias=False`) and whose patch is 96. `widths`: channels of the first convolution and of the four
    blocks; `hidden`: nodes of the layer between the features and the answer. ValueError for other patches.
    """

    def __init__(
        self,
        patch: int = 128,
        first_bias: bool = True,
        sigmoid: bool = False,
        widths: Sequence[int] = (64, 64, 128, 256, 512),
        hidden: int = 1024,
    ) -> None:
        super().__init__()
        if patch < 61:
            raise ValueError(f"patch is {patch}, of which no feature is left: choose 61 or more.")
        if len(widths) != 5 or min(*widths, hidden) < 1:
            raise ValueError("widths must be five numbers, and they and hidden 1 or more.")
        self.patch = patch
        first, *_, last = widths
        self.normalize = Normalize()
        self.conv1 = nn.Conv2d(3, first, 3, bias=first_bias)
        self.block1 = normed_conv(first, widths[1], stride=2)
        self.block2, self.block3, self.block4 = (
            nn.Sequential(normed_conv(inputs, outputs, stride=1), normed_conv(outputs, outputs, stride=2))
            for inputs, outputs in pairwise(widths[1:])
        )
        side = (patch - 3) // 2
        for _ in range(3):
            side = (side - 3) // 2
        self.dense1 = nn.Linear(last * side**2, hidden)
        self.dense2 = nn.Linear(hidden, 1)
        self.activation = nn.LeakyReLU(0.2, inplace=True)
        self.answer = nn.Sigmoid() if sigmoid else nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        return self.judge(self.normalize(images))

    def judge(self, images: Tensor) -> Tensor:
        """The published network: images in standard deviations from the training set's mean → (N, 1)."""
        if images.shape[-2:] != (self.patch, self.patch):
            height, width = images.shape[-2:]
            raise ValueError(
                f"The discriminator is made for patches of {self.patch}×{self.patch}, not {height}×{width}."
            )
        features = self.block1(self.activation(self.conv1(images)))
        features = self.block4(self.block3(self.block2(features)))
        output: Tensor = self.answer(self.dense2(self.activation(self.dense1(features.flatten(1)))))
        return output

    @staticmethod
    def from_published(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The weights of the published code under our names, which are ESRGAN's and MESRGAN's."""
        table = {r"^conv1\.0\.": "conv1.", r"^classifier\.0\.": "dense1.", r"^classifier\.2\.": "dense2."}
        renamed = {}
        for name, tensor in weights.items():
            for pattern, replacement in table.items():
                name = re.sub(pattern, replacement, name)
            renamed[name] = tensor
        return renamed


class PooledDiscriminator(nn.Module):
    """(N, 3, H, W) in [0, 1], sides of 16 or more → (N, 1): a logit of how real each image looks on average.

    Ledig et al., CVPR 2017, §2.1.1, with two departures, srbench's: the features' mean over the image in place of a
    layer for one size, and no batch normalisation, so that an image is judged for itself, as a penalty on the gradient
    takes for granted. `patch`: the side that it is made for. `widths`: channels of the first convolution and of each
    stride of 2. ValueError for a patch below 16.
    """

    def __init__(self, patch: int, widths: Sequence[int] = (32, 64, 128, 256, 256), hidden: int = 256) -> None:
        super().__init__()
        if patch < 16:
            raise ValueError(f"patch is {patch}, which four strides of 2 leave nothing of: choose 16 or more.")
        if len(widths) != 5 or min(*widths, hidden) < 1:
            raise ValueError("widths must be five numbers, and they and hidden 1 or more.")
        self.normalize = Normalize()
        layers: list[nn.Module] = [nn.Conv2d(3, widths[0], 3, padding=1), nn.LeakyReLU(0.2)]
        for inputs, outputs in pairwise(widths):
            for conv in (nn.Conv2d(inputs, outputs, 4, 2, padding=1), nn.Conv2d(outputs, outputs, 3, padding=1)):
                layers += [conv, nn.LeakyReLU(0.2)]
        self.features = nn.Sequential(*layers)
        self.answer = nn.Sequential(nn.Linear(widths[-1], hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, 1))

    def forward(self, images: Tensor) -> Tensor:
        output: Tensor = self.answer(self.features(self.normalize(images)).mean((2, 3)))
        return output
