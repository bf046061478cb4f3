"""The two halves of SAFMN's feature mixing module: Sun, Dong, Tang and Pan, "Spatially-Adaptive Feature Modulation for
Efficient Image Super-Resolution", ICCV 2023, §3. Initialisation: PyTorch's default.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srbench.models.layers.argument_checks import check_groups


class SAFM(nn.Module):
    """Spatially-adaptive feature modulation: (N, C, H, W) → (N, C, H, W), the input times what its levels say.

    The channels are split into one level for each of `pools`, in order; a level sees the input pooled to a grid of
    ⌊H/pool⌋ × ⌊W/pool⌋ maxima. H and W must be as large as the largest pool. Where they are no multiples of it, cells
    overlap and pixels are repeated unevenly, so what a pixel sees depends on where it lies in the image.
    """

    def __init__(self, width: int, pools: Sequence[int], bias: bool = True) -> None:
        super().__init__()
        check_groups(width, levels=len(pools))
        level = width // len(pools)
        self.pools = tuple(pools)
        self.mfr = nn.ModuleList(nn.Conv2d(level, level, 3, padding=1, groups=level, bias=bias) for _ in pools)
        self.aggr = nn.Conv2d(width, width, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        levels = []
        for level, pool, conv in zip(x.chunk(len(self.pools), 1), self.pools, self.mfr, strict=True):
            if pool == 1:
                levels.append(conv(level))
            else:
                pooled = F.adaptive_max_pool2d(level, (height // pool, width // pool))
                levels.append(F.interpolate(conv(pooled), size=(height, width), mode="nearest"))
        return F.gelu(self.aggr(torch.cat(levels, 1))) * x


class CCM(nn.Module):
    """Convolutional channel mixer: 3×3 to `expansion` times the channels, GELU, 1×1 back."""

    def __init__(self, width: int, expansion: float, bias: bool = True) -> None:
        super().__init__()
        hidden = int(expansion * width)
        self.ccm = nn.Sequential(
            nn.Conv2d(width, hidden, 3, padding=1, bias=bias), nn.GELU(), nn.Conv2d(hidden, width, 1, bias=bias)
        )

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.ccm(x)
        return output
