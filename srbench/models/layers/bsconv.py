"""Blueprint separable convolution: Haase and Amthor, "Rethinking Depthwise Separable Convolutions: How Intra-Kernel
Correlations Lead to Improved MobileNets", CVPR 2020, §3.2 (BSConv-U). Initialisation: PyTorch's default.
"""

from collections import OrderedDict

from torch import nn


class BSConv(nn.Sequential):
    """(N, inputs, H, W) → (N, outputs, ⌈H/stride⌉, ⌈W/stride⌉): 1×1 without bias, then depthwise 3×3 with bias.

    The depthwise convolution reflects at the borders, as in the published code of MDRN, so H and W must be 2 or more;
    the paper pads with zeros.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        pointwise = nn.Conv2d(inputs, outputs, 1, bias=False)
        depthwise = nn.Conv2d(outputs, outputs, 3, stride, padding=1, groups=outputs, padding_mode="reflect")
        super().__init__(OrderedDict(pw=pointwise, dw=depthwise))
