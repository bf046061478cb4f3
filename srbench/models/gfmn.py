"""GFMN: team 14's entry to the NTIRE 2023 challenge on efficient SR (Li et al., "NTIRE 2023 Challenge on Efficient
Super-Resolution: Methods and Results", CVPR Workshops 2023), by the authors of SAFMN: its modulation on coarser grids,
with Restormer's feed-forward network. Published for ×4 only. Initialisation: PyTorch's default.
"""

from torch import Tensor, nn

from srbench.models.layers.argument_checks import check_choice
from srbench.models.layers.layer_norm import LayerNorm
from srbench.models.layers.safm import SAFM
from srbench.models.traits import Traits


class GDFN(nn.Module):
    """Gated-Dconv feed-forward network: Zamir et al., "Restormer", CVPR 2022, §3.2. `gelu`: whether the gate has GELU.

    The paper and the team's diagram have it, the published code does not: with it, the published weights fall from
    32.12 to 27.20 dB on Set5 (measured here).
    """

    def __init__(self, width: int, expansion: float, gelu: bool = False) -> None:
        super().__init__()
        self.activation = nn.GELU() if gelu else nn.Identity()
        hidden = int(expansion * width)
        self.project_in = nn.Conv2d(width, 2 * hidden, 1, bias=False)
        self.dwconv = nn.Conv2d(2 * hidden, 2 * hidden, 3, padding=1, groups=2 * hidden, bias=False)
        self.project_out = nn.Conv2d(hidden, width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate, value = self.dwconv(self.project_in(x)).chunk(2, 1)
        output: Tensor = self.project_out(self.activation(gate) * value)
        return output


class GFMNBlock(nn.Module):
    """Modulation, then the feed-forward network, each of the normalised input and added to it."""

    def __init__(self, width: int, expansion: float, gelu: bool) -> None:
        super().__init__()
        self.norm1 = LayerNorm(width)
        self.norm2 = LayerNorm(width)
        self.safm = SAFM(width, pools=(1, 4, 8, 16))
        self.ffd = GDFN(width, expansion, gelu)

    def forward(self, x: Tensor) -> Tensor:
        x = self.safm(self.norm1(x)) + x
        output: Tensor = self.ffd(self.norm2(x)) + x
        return output


class GFMN(nn.Module):
    """(N, C, H, W) in [0, 1] → (N, C, sH, sW), not clipped; H and W 16 or more, best multiples of 16 (see SAFM).

    `width`, `blocks` and `expansion` are the published `dim`, `n_blocks` and `ffn_scale`; `gelu`: see GDFN;
    `image_channels`: C, 3 of RGB or 1 of grey.
    """

    traits = Traits(smallest_input=16)

    def __init__(
        self,
        scale: int = 4,
        width: int = 36,
        blocks: int = 8,
        expansion: float = 2.0,
        gelu: bool = False,
        image_channels: int = 3,
    ) -> None:
        super().__init__()
        check_choice("scale", scale, 2, 3, 4)
        check_choice("image_channels", image_channels, 1, 3)
        if min(width, blocks, int(expansion * width)) < 1:
            raise ValueError("GFMN needs a width, blocks and an expansion above 0.")
        self.scale, self.image_channels = scale, image_channels
        self.to_feat = nn.Conv2d(image_channels, width, 3, padding=1)
        self.feats = nn.Sequential(*(GFMNBlock(width, expansion, gelu) for _ in range(blocks)))
        last = nn.Conv2d(width, image_channels * scale**2, 3, padding=1)
        self.to_img = nn.Sequential(last, nn.PixelShuffle(scale))

    def forward(self, lr: Tensor) -> Tensor:
        shallow = self.to_feat(lr)
        output: Tensor = self.to_img(self.feats(shallow) + shallow)
        return output
