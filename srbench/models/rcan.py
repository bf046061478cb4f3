"""RCAN: Zhang et al., "Image Super-Resolution Using Very Deep Residual Channel Attention Networks", ECCV 2018, §3, as
ClassSR's published code builds it (Kong et al., CVPR 2021), with 36, 50 and 64 channels.

The mean shift is meant to be frozen, but the code marks the module, not its tensors. So its 24 values are trained, and
count among the 15,592,379 parameters at ×4. Initialisation: as `start_small`, the mean shift excepted.
"""

from torch import Tensor, nn

from srbench.models.layers.argument_checks import check_choice
from srbench.models.layers.classsr_names import from_classsr
from srbench.models.layers.conv3x3 import conv3x3
from srbench.models.layers.initialise import start_small
from srbench.models.layers.mean_shift import MeanShift
from srbench.models.layers.scale_free import scale_free
from srbench.models.layers.upsampler import upsampler
from srbench.models.traits import Traits


class ChannelAttention(nn.Module):
    """(N, C, H, W) → (N, C, H, W): each channel times a gate between 0 and 1, which depends on all channels' means."""

    def __init__(self, width: int, reduction: int) -> None:
        super().__init__()
        self.conv_du = nn.Sequential(
            nn.Conv2d(width, width // reduction, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(width // reduction, width, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = x * self.conv_du(x.mean((2, 3), keepdim=True))
        return output


class Residual(nn.Module):
    """body(x) + x."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.body(x).add_(x)
        return output


def residual_groups(width: int, groups: int, blocks: int, reduction: int) -> nn.Sequential:
    """(N, width, H, W) → (N, width, H, W): `groups` of `blocks` residual blocks with attention, and a convolution."""

    def block() -> Residual:
        first, second = conv3x3(width, width), conv3x3(width, width)
        return Residual(first, nn.ReLU(inplace=True), second, ChannelAttention(width, reduction))

    def group() -> Residual:
        return Residual(*(block() for _ in range(blocks)), conv3x3(width, width))

    return nn.Sequential(*(group() for _ in range(groups)), conv3x3(width, width))


class RCAN(nn.Module):
    """(N, C, H, W) in [0, 1] → (N, C, sH, sW), not clipped. `image_channels`: C, 3 of RGB or 1 of grey.

    `groups` residual groups of `blocks` residual channel attention blocks; attention squeezes the `width` channels by
    `reduction`, rounded down. `rgb_range`: the value of white inside, which the weights are made for.
    """

    traits = Traits(whole_image_statistics=True)  # the attention's means
    from_published = staticmethod(from_classsr)

    def __init__(
        self,
        scale: int = 4,
        width: int = 64,
        groups: int = 10,
        blocks: int = 20,
        reduction: int = 16,
        rgb_range: float = 255,
        image_channels: int = 3,
    ) -> None:
        super().__init__()
        if min(groups, blocks) < 1 or rgb_range <= 0:
            raise ValueError("groups and blocks must be 1 or more, and rgb_range above 0.")
        if not 1 <= reduction <= width:
            raise ValueError(f"reduction is {reduction}: choose from 1 to {width}, the width.")
        check_choice("image_channels", image_channels, 1, 3)
        self.scale, self.rgb_range, self.image_channels = scale, rgb_range, image_channels

        self.sub_mean = MeanShift(-1, rgb_range, trainable=True, image_channels=image_channels)
        self.head = nn.Sequential(conv3x3(image_channels, width))
        self.body = scale_free(residual_groups, width, groups, blocks, reduction)
        self.tail = nn.Sequential(upsampler(width, scale), conv3x3(width, image_channels))
        self.add_mean = MeanShift(1, rgb_range, trainable=True, image_channels=image_channels)
        start_small(self.head, self.body, self.tail)

    def forward(self, lr: Tensor) -> Tensor:
        shallow = self.head(self.sub_mean(lr * self.rgb_range))
        deep = self.body(shallow).add_(shallow)
        output: Tensor = self.add_mean(self.tail(deep)) / self.rgb_range
        return output
