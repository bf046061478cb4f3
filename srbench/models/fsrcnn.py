"""FSRCNN as ClassSR's published code builds it: Kong et al., "ClassSR: A General Framework to Accelerate
Super-Resolution Networks by Data Characteristic", CVPR 2021, after Dong, Loy and Tang, "Accelerating the
Super-Resolution Convolutional Neural Network", ECCV 2016, §3.

Departs from the paper of 2016: RGB in and out, not luma; a PReLU has one slope, not one per channel; between the
mapping convolutions there is none. Published for ×4; ×2 and ×3 are ours, with the same transposed convolution, padded
so that the output has exactly the size asked for. The three networks of ClassSR have d = 16, 36 and 56.

Initialisation: as `start_small`; the transposed convolution as PyTorch's default.
"""

from torch import Tensor, nn

from srbench.models.layers.argument_checks import check_choice
from srbench.models.layers.initialise import start_small

KERNEL = 9  # of the transposed convolution


class FSRCNN(nn.Module):
    """(N, C, H, W) in [0, 1] → (N, C, sH, sW), not clipped.

    `d`: channels of the first and last features; `s`: of the shrunk ones; `m`: how many 3×3 convolutions map these.
    `image_channels`: C, 3 of RGB or 1 of grey.
    """

    def __init__(self, scale: int = 4, d: int = 56, s: int = 12, m: int = 4, image_channels: int = 3) -> None:
        super().__init__()
        check_choice("scale", scale, 2, 3, 4)
        check_choice("image_channels", image_channels, 1, 3)
        if min(d, s, m) < 1:
            raise ValueError(f"d, s and m must be 1 or more; they are {d}, {s} and {m}.")
        self.scale, self.image_channels = scale, image_channels
        surplus = KERNEL - scale  # pixels by which the unpadded output exceeds the size asked for
        padding = (surplus + 1) // 2
        self.head_conv = nn.Sequential(nn.Conv2d(image_channels, d, 5, padding=2), nn.PReLU())
        self.body_conv = nn.Sequential(
            nn.Sequential(nn.Conv2d(d, s, 1), nn.PReLU()),
            *(nn.Conv2d(s, s, 3, padding=1) for _ in range(m)),
            nn.PReLU(),
            nn.Sequential(nn.Conv2d(s, d, 1), nn.PReLU()),
        )
        self.tail_conv = nn.ConvTranspose2d(
            d, image_channels, KERNEL, scale, padding, output_padding=2 * padding - surplus
        )
        start_small(self.head_conv, self.body_conv)

    def forward(self, lr: Tensor) -> Tensor:
        output: Tensor = self.tail_conv(self.body_conv(self.head_conv(lr)))
        return output
