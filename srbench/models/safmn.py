"""SAFMN: Sun, Dong, Tang and Pan, "Spatially-Adaptive Feature Modulation for Efficient Image Super-Resolution", ICCV
2023, §3. The network of the paper; team 15's entry to the NTIRE 2023 challenge is another (safmn_ntire.py), and what
the ISR_Task_2023 slides call GFMN at ×2 is this one. Initialisation: PyTorch's default, as in the published code.
"""

from torch import Tensor, nn

from srbench.models.layers.argument_checks import check_choice
from srbench.models.layers.layer_norm import LayerNorm
from srbench.models.layers.safm import CCM, SAFM
from srbench.models.traits import Traits


class FeatureMixing(nn.Module):
    """Feature mixing module: modulation, then mixing of channels, each of the normalised input and added to it."""

    def __init__(self, width: int, expansion: float) -> None:
        super().__init__()
        self.norm1 = LayerNorm(width)
        self.norm2 = LayerNorm(width)
        self.safm = SAFM(width, pools=(1, 2, 4, 8))
        self.ccm = CCM(width, expansion)

    def forward(self, x: Tensor) -> Tensor:
        x = self.safm(self.norm1(x)) + x
        output: Tensor = self.ccm(self.norm2(x)) + x
        return output


class SAFMN(nn.Module):
    """(N, C, H, W) in [0, 1] → (N, C, sH, sW), not clipped; H and W 8 or more, best multiples of 8 (see SAFM).

    `width`, `blocks` and `expansion` are the published `dim`, `n_blocks` and `ffn_scale`; `image_channels`: C, 3 of
    RGB or 1 of grey.
    """

    traits = Traits(smallest_input=8)

    def __init__(
        self, scale: int = 2, width: int = 36, blocks: int = 8, expansion: float = 2.0, image_channels: int = 3
    ) -> None:
        super().__init__()
        check_choice("scale", scale, 2, 3, 4)
        check_choice("image_channels", image_channels, 1, 3)
        if min(width, blocks, int(expansion * width)) < 1:
            raise ValueError("SAFMN needs a width, blocks and an expansion above 0.")
        self.scale, self.image_channels = scale, image_channels
        self.to_feat = nn.Conv2d(image_channels, width, 3, padding=1)
        self.feats = nn.Sequential(*(FeatureMixing(width, expansion) for _ in range(blocks)))
        last = nn.Conv2d(width, image_channels * scale**2, 3, padding=1)
        self.to_img = nn.Sequential(last, nn.PixelShuffle(scale))

    def forward(self, lr: Tensor) -> Tensor:
        shallow = self.to_feat(lr)
        output: Tensor = self.to_img(self.feats(shallow) + shallow)
        return output
