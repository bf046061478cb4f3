"""Team 15's SAFMN: the entry to the NTIRE 2023 challenge on efficient SR (Li et al., "NTIRE 2023 Challenge on Efficient
Super-Resolution: Methods and Results", CVPR Workshops 2023) by the authors of SAFMN. Against the paper's network it has
coarser grids, one normalisation instead of sixteen, no biases in the blocks, and adds the interpolated image instead of
the shallow features. Published for ×4 only. Initialisation: PyTorch's default.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srbench.models.layers.argument_checks import check_choice
from srbench.models.layers.safm import CCM, SAFM
from srbench.models.traits import Traits


class GRN(nn.Module):
    """Global response normalisation: Woo et al., "ConvNeXt V2", CVPR 2023, §3. Each channel times its norm over the
    whole image, divided by the channels' mean norm; scaled, shifted and added to the input.
    """

    def __init__(self, width: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1, width, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, width, 1, 1))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        norm = torch.linalg.vector_norm(x, dim=(2, 3), keepdim=True)
        response = norm / (norm.mean(1, keepdim=True) + self.eps)
        output: Tensor = self.gamma * (x * response) + self.beta + x
        return output


class NTIREFeatureMixing(nn.Module):
    """Feature mixing module without norms and biases: modulation, then mixing of channels, each added to its input."""

    def __init__(self, width: int, expansion: float) -> None:
        super().__init__()
        self.safm = SAFM(width, pools=(1, 4, 8, 16), bias=False)
        self.ccm = CCM(width, expansion, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.safm(x) + x
        output: Tensor = self.ccm(x) + x
        return output


class SAFMNForNTIRE(nn.Module):
    """(N, 3, H, W) in [0, 1] → (N, 3, sH, sW), not clipped; H and W 16 or more, best multiples of 16 (see SAFM).

    `width`, `blocks` and `expansion` are the published `dim`, `n_blocks` and `ffn_scale`.
    """

    traits = Traits(smallest_input=16, whole_image_statistics=True)

    def __init__(self, scale: int = 4, width: int = 36, blocks: int = 8, expansion: float = 2.0) -> None:
        super().__init__()
        check_choice("scale", scale, 2, 3, 4)
        if min(width, blocks, int(expansion * width)) < 1:
            raise ValueError("SAFMNForNTIRE needs a width, blocks and an expansion above 0.")
        self.scale = scale
        self.to_feat = nn.Conv2d(3, width, 3, padding=1)
        self.norm = GRN(width)
        self.feats = nn.Sequential(*(NTIREFeatureMixing(width, expansion) for _ in range(blocks)))
        self.to_img = nn.Sequential(nn.Conv2d(width, 3 * scale**2, 3, padding=1), nn.PixelShuffle(scale))

    def forward(self, lr: Tensor) -> Tensor:
        base = F.interpolate(lr, scale_factor=self.scale, mode="bilinear", align_corners=False)
        output: Tensor = self.to_img(self.feats(self.norm(self.to_feat(lr)))) + base
        return output
