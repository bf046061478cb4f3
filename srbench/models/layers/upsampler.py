"""Sub-pixel upsampling as EDSR and those after it stack it: Shi et al., CVPR 2016, §3.2; Lim et al., CVPRW 2017, §3.2.
Initialisation: PyTorch's default.
"""

from torch import nn

from srbench.models.layers.argument_checks import check_choice
from srbench.models.layers.conv3x3 import conv3x3

STAGES = {2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}  # scale → factor of each pixel shuffle


def upsampler(width: int, scale: int) -> nn.Sequential:
    """(N, width, H, W) → (N, width, sH, sW), linear: for each stage a 3×3 convolution (0, 2, …) and a pixel shuffle.

    ValueError for a scale other than 2, 3, 4 and 8.
    """
    check_choice("scale", scale, *STAGES)
    stages = [(conv3x3(width, s * s * width), nn.PixelShuffle(s)) for s in STAGES[scale]]
    return nn.Sequential(*(layer for stage in stages for layer in stage))
