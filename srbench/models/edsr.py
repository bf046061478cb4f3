"""EDSR: Lim et al., "Enhanced Deep Residual Networks for Single Image Super-Resolution", CVPRW 2017, §3.

The default is the paper's baseline. Its EDSR has `blocks=32, width=256, res_scale=0.1`. The sizes in the paper's table
1, 1.5 M and 43 M parameters, are those at ×4. Initialisation: PyTorch's default, as in the published code.
"""

import re
from collections.abc import Mapping
from typing import Literal

from torch import Tensor, nn

from srbench.models.layers.argument_checks import check_choice
from srbench.models.layers.conv3x3 import conv3x3
from srbench.models.layers.mean_shift import MeanShift
from srbench.models.layers.upsampler import upsampler


class EDSRBlock(nn.Module):
    """x + res_scale · conv(relu(conv(x)))."""

    def __init__(self, width: int, res_scale: float, reparameterise: str) -> None:
        super().__init__()
        first, second = (conv3x3(width, width, reparameterise=reparameterise) for _ in range(2))
        self.body = nn.Sequential(first, nn.ReLU(inplace=True), second)
        self.res_scale = res_scale

    def forward(self, x: Tensor) -> Tensor:
        return x.add(self.body(x), alpha=self.res_scale)


class EDSR(nn.Module):
    """(N, C, H, W) in [0, 1] → (N, C, sH, sW), not clipped. `image_channels`: C, 3 of RGB or 1 of grey.

    `blocks` residual blocks of `width` channels, whose branches count `res_scale` times. `rgb_range`: the value of
    white inside, which the weights are made for; 255 in the published ones. `reparameterise`: as what the blocks'
    convolutions are trained (`layers/reparameterised.py`).
    """

    def __init__(
        self,
        scale: int = 2,
        blocks: int = 16,
        width: int = 64,
        res_scale: float = 1.0,
        rgb_range: float = 255,
        reparameterise: Literal["none", "parallel", "series"] = "none",
        image_channels: int = 3,
    ) -> None:
        super().__init__()
        if min(blocks, width) < 1 or rgb_range <= 0:
            raise ValueError("blocks and width must be 1 or more, and rgb_range above 0.")
        check_choice("image_channels", image_channels, 1, 3)
        self.scale, self.rgb_range, self.image_channels = scale, rgb_range, image_channels
        self.sub_mean = MeanShift(-1, rgb_range, image_channels=image_channels)
        self.head = nn.Sequential(conv3x3(image_channels, width))
        self.body = nn.Sequential(
            *(EDSRBlock(width, res_scale, reparameterise) for _ in range(blocks)), conv3x3(width, width)
        )
        self.tail = nn.Sequential(upsampler(width, scale), conv3x3(width, image_channels))
        self.add_mean = MeanShift(1, rgb_range, image_channels=image_channels)

    def forward(self, lr: Tensor) -> Tensor:
        shallow = self.head(self.sub_mean(lr * self.rgb_range))
        deep = self.body(shallow).add_(shallow)
        output: Tensor = self.add_mean(self.tail(deep)) / self.rgb_range
        return output

    @staticmethod
    def from_published(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The weights of EDSR-PyTorch under our names: its mean shifts are the convolutions, not what holds them."""
        mean_shift = re.compile(r"^(sub_mean|add_mean)\.(?!shifter)")
        return {mean_shift.sub(r"\1.shifter.", name): tensor for name, tensor in weights.items()}
