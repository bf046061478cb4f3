"""ESRGAN's generator, ×4, as NeonSky/computer-vision-MESRGAN builds it, after Wang et al., "ESRGAN: Enhanced
Super-Resolution Generative Adversarial Networks", ECCVW 2018, §3.1.

Departs from the paper in its wiring: one residual-in-residual block of 16 dense blocks in place of 23 of three, a 9×9
first convolution, pixel shuffle and PReLU in place of nearest neighbour, convolution and leaky ReLU, and weights that
do not start at a tenth. 4,223,556 parameters; that code ignores its argument for the number of blocks. Initialisation:
PyTorch's default.
"""

from torch import nn

from srbench.models.layers.conv3x3 import conv3x3
from srbench.models.layers.residual_dense import ResidualDenseGenerator


class ESRGAN(ResidualDenseGenerator):
    """(N, 3, H, W) in [0, 1] → (N, 3, 4H, 4W), not clipped.

    `blocks` residual dense blocks of `width` channels, to which each of their 3×3 convolutions adds `growth`.
    """

    def __init__(self, scale: int = 4, blocks: int = 16, width: int = 64, growth: int = 32) -> None:
        super().__init__(scale, blocks, width, growth, conv3x3, nn.LeakyReLU(0.2, inplace=True))
