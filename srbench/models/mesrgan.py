"""MESRGAN's generator, ×4: NeonSky/computer-vision-MESRGAN (a report, no paper): ESRGAN's with the convolutions of its
dense blocks in three steps, as MobileNetV2's (Sandler et al., CVPR 2018, §3.3), without their residuals and norms.

`expansion=2`, the default, was trained and timed; its 4,416,068 parameters and its multiplications are more than
ESRGAN's. The claim of "half the multiplications" holds for the dense blocks at `expansion=1`: 2,402,884 parameters.
Initialisation: PyTorch's default.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from srbench.models.layers.residual_dense import ResidualDenseGenerator


class MobileConv(nn.Module):
    """(N, inputs, H, W) → (N, outputs, H, W): widens by `expansion`, filters each channel, and narrows linearly."""

    def __init__(self, inputs: int, outputs: int, expansion: float) -> None:
        super().__init__()
        hidden = int(inputs * expansion)
        self.conv1x1 = nn.Conv2d(inputs, hidden, 1)
        self.conv3x3 = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.conv_linear = nn.Conv2d(hidden, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        wide = F.leaky_relu(self.conv1x1(x), 0.2, inplace=True)
        output: Tensor = self.conv_linear(F.leaky_relu(self.conv3x3(wide), 0.2, inplace=True))
        return output


class MESRGAN(ResidualDenseGenerator):
    """(N, 3, H, W) in [0, 1] → (N, 3, 4H, 4W), not clipped.

    `blocks` residual dense blocks of `width` channels, to which each of their steps adds `growth`; inside, a step has
    `expansion` times as many channels as it reads, rounded down. What the steps add is linear: nothing follows them.
    """

    def __init__(
        self, scale: int = 4, blocks: int = 16, width: int = 64, growth: int = 32, expansion: float = 2
    ) -> None:
        if int(width * expansion) < 1:
            raise ValueError(f"expansion is {expansion}, which leaves no channel of width {width}.")

        def conv(inputs: int, outputs: int) -> MobileConv:
            return MobileConv(inputs, outputs, expansion)

        super().__init__(scale, blocks, width, growth, conv, nn.Identity())
