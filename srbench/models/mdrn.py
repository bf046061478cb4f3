"""MDRN and MDRN-s: Mao et al., "Multi-Level Dispersion Residual Network for Efficient Image Super-Resolution", CVPR
Workshops 2023; MDRN-s (`width=28`, ×4) won the model complexity track of the NTIRE 2023 challenge on efficient SR.

Names of weights and all details are those of the published code (bbbolt/MDRN), also where the authors' slides differ:
the shallow features come from a plain 3×3 convolution, not from a BSRB, and no interpolated image is added to the
output. Departs from that code in one point: `blocks` is the number of blocks; there, eight are hard-wired.
Initialisation: PyTorch's default, as in the published code.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srbench.models.layers.argument_checks import check_choice
from srbench.models.layers.bilinear import bilinear
from srbench.models.layers.bsconv import BSConv
from srbench.models.layers.mean_shift import mean_colour
from srbench.models.traits import Traits

Spatial = Literal["mdsa", "esa", "none"]


def window_variance(x: Tensor) -> Tensor:
    """Unbiased variance of the 7×7 windows that lie 3 apart: (N, C, H, W) → (N, C, ⌊(H-4)/3⌋, ⌊(W-4)/3⌋).

    From the windows' means of x and x², about ten times as fast as from the windows themselves. Each channel's mean is
    taken off first, and half precision is left: the difference of the two would lose its digits otherwise.
    """
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    wide = wide - wide.mean((2, 3), keepdim=True)
    variance = F.avg_pool2d(wide.square(), 7, 3) - F.avg_pool2d(wide, 7, 3).square()
    return (variance * (49 / 48)).to(x.dtype)


class MDSA(nn.Module):
    """Multi-level dispersion spatial attention: the input times a gate in (0, 1) at each pixel and channel.

    The gate reads the windows' maxima and variances at a sixth of the resolution, so H and W must be 15 or more.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        squeezed = width // 4
        self.conv1 = nn.Conv2d(width, squeezed, 1)
        self.conv_f = nn.Conv2d(squeezed, squeezed, 1)
        self.conv2_0, self.conv2_1, self.conv2_2, self.conv2_3 = (BSConv(squeezed, squeezed, 2) for _ in range(4))
        self.conv_max_0, self.conv_max_1, self.conv_max_2 = (BSConv(squeezed, squeezed) for _ in range(3))
        self.conv3_0, self.conv3_1, self.conv3_2 = (BSConv(squeezed, squeezed) for _ in range(3))
        self.conv4 = nn.Conv2d(squeezed, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = self.conv1(x)
        fine = F.max_pool2d(self.conv2_0(squeezed), 3, 3, padding=1)
        middle = F.max_pool2d(self.conv2_1(squeezed), 5, 3)
        coarse = F.max_pool2d(self.conv2_2(squeezed), 7, 3, padding=1)
        dispersion = window_variance(F.pad(self.conv2_3(squeezed), (1, 1, 1, 1), mode="reflect"))

        fine = self.conv3_0(F.gelu(self.conv_max_0(fine)))
        middle = self.conv3_1(F.gelu(self.conv_max_1(middle)))
        coarse = self.conv3_2(F.gelu(self.conv_max_2(coarse + dispersion)))
        gate = self.conv_f(squeezed)
        for level in (fine, middle, coarse):
            gate = gate + bilinear(level, (x.shape[2], x.shape[3]))
        output: Tensor = x * self.conv4(gate).sigmoid()
        return output


class ESA(nn.Module):
    """Enhanced spatial attention: Liu et al., "Residual Feature Aggregation Network for Image Super-Resolution", CVPR
    2020, §3.3, by blueprint convolutions as in BSRN (Li et al., CVPR Workshops 2022). What MDSA extends: one level, and
    its maxima alone. Its reduction is padded as MDSA's is, so that both see the same windows.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        squeezed = width // 4
        self.conv1 = nn.Conv2d(width, squeezed, 1)
        self.conv_f = nn.Conv2d(squeezed, squeezed, 1)
        self.conv2 = BSConv(squeezed, squeezed, 2)
        self.conv_max, self.conv3, self.conv3_ = (BSConv(squeezed, squeezed) for _ in range(3))
        self.conv4 = nn.Conv2d(squeezed, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = self.conv1(x)
        coarse = F.max_pool2d(self.conv2(squeezed), 7, 3, padding=1)
        coarse = self.conv3_(F.gelu(self.conv3(F.gelu(self.conv_max(coarse)))))
        level = bilinear(coarse, (x.shape[2], x.shape[3]))
        output: Tensor = x * self.conv4(self.conv_f(squeezed) + level).sigmoid()
        return output


class CCA(nn.Module):
    """Contrast-aware channel attention: Hui et al., "Lightweight Image Super-Resolution with Information
    Multi-distillation Network", ACM Multimedia 2019, §3.4. The input times a gate in (0, 1) for each channel, from the
    channel's standard deviation, √(variance + eps), plus its mean.
    """

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.conv_du = nn.Sequential(
            nn.Conv2d(width, width // 16, 1), nn.ReLU(inplace=True), nn.Conv2d(width // 16, width, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean((2, 3), keepdim=True)
        # var_mean takes ten times as long on a CPU in channels_last.
        variance = (x - mean).square().mean((2, 3), keepdim=True)
        output: Tensor = x * self.conv_du((variance + self.eps).sqrt() + mean)
        return output


class MDRNResidual(nn.Module):
    """body(x) + x."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.body(x) + x
        return output


class ECCA(MDRNResidual):
    """Enhanced contrast-aware channel attention: `CCA` between two convolutions, added to the input."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__(
            nn.Conv2d(width, width, 1),
            nn.GELU(),
            CCA(width, eps),
            nn.Conv2d(width, width, 3, padding=1, groups=width),
        )


SPATIAL: dict[Spatial, Callable[[int], nn.Module]] = {
    "mdsa": lambda width: MDRNResidual(MDSA(width)),
    "esa": lambda width: MDRNResidual(ESA(width)),
    "none": nn.Identity,
}


class EADB(nn.Module):
    """Enhanced attention distillation block: three residual steps, half of the channels distilled before each and
    after the last, then both attentions: `esa` is the spatial one, `cca` is ECCA.
    """

    def __init__(self, width: int, eps: float, spatial: Spatial, ecca: bool) -> None:
        super().__init__()
        distilled = width // 2
        self.c1_d, self.c2_d, self.c3_d = (nn.Conv2d(width, distilled, 1) for _ in range(3))
        self.c1_r, self.c2_r, self.c3_r = (BSConv(width, width) for _ in range(3))
        self.c4 = BSConv(width, distilled)
        self.c5 = nn.Conv2d(4 * distilled, width, 1)
        self.esa = SPATIAL[spatial](width)
        self.cca = ECCA(width, eps) if ecca else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        refined, parts = x, []
        for distil, refine in ((self.c1_d, self.c1_r), (self.c2_d, self.c2_r), (self.c3_d, self.c3_r)):
            parts.append(F.gelu(distil(refined)))
            refined = F.gelu(refine(refined) + refined)
        parts.append(F.gelu(self.c4(refined)))
        output: Tensor = self.cca(self.esa(self.c5(torch.cat(parts, 1)))) + x
        return output


class MDRN(nn.Module):
    """(N, C, H, W) in [0, 1] → (N, C, sH, sW), not clipped; H and W 15 or more. `width` is the published `num_feat`;
    `image_channels`: C, 3 of RGB or 1 of grey.

    `spatial`: the spatial attention of each block, `mdsa` as published, `esa`, which it extends, or `none`; `ecca`:
    whether a channel attention follows it. What is left out has no parameters. `eps` is added to the variance in the
    channel attention. The published networks have none, so a channel that is constant over the image makes their
    gradient NaN; 1e-8, say, keeps it finite.
    """

    traits = Traits(smallest_input=15, whole_image_statistics=True)
    mean: Tensor

    def __init__(
        self,
        scale: int = 2,
        width: int = 56,
        blocks: int = 8,
        eps: float = 0.0,
        spatial: Spatial = "mdsa",
        ecca: bool = True,
        image_channels: int = 3,
    ) -> None:
        super().__init__()
        check_choice("scale", scale, 2, 3, 4)
        check_choice("image_channels", image_channels, 1, 3)
        check_choice("spatial", spatial, *get_args(Spatial))
        if width < 16 or blocks < 1 or eps < 0:
            raise ValueError("MDRN needs a width of 16 or more, 1 block or more and an eps that is not negative.")
        self.scale, self.image_channels = scale, image_channels
        self.register_buffer("mean", torch.tensor(mean_colour(image_channels))[:, None, None], persistent=False)
        self.fea_conv = nn.Conv2d(image_channels, width, 3, padding=1)
        self.blocks: list[str] = []
        for number in range(1, blocks + 1):
            self.blocks.append(f"B{number}")
            self.add_module(self.blocks[-1], EADB(width, eps, spatial, ecca))
        self.c1 = nn.Conv2d(blocks * width, width, 1)
        self.c2 = BSConv(width, width)
        last = nn.Conv2d(width, image_channels * scale**2, 3, padding=1)
        upsample = nn.Sequential(last, nn.PixelShuffle(scale))
        self.upsampler = nn.Sequential(OrderedDict(upsampleOneStep=upsample))

    def forward(self, lr: Tensor) -> Tensor:
        shallow = features = self.fea_conv(lr - self.mean)
        outputs = []
        for name in self.blocks:
            features = self.get_submodule(name)(features)
            outputs.append(features)
        deep = self.c2(F.gelu(self.c1(torch.cat(outputs, 1))))
        output: Tensor = self.upsampler(deep + shallow) + self.mean
        return output
