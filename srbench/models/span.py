"""SPAN: Wan et al., "Swift Parameter-free Attention Network for Efficient Super-Resolution", CVPR Workshops 2024; with
`width=28` at ×4 the winner of the NTIRE 2024 challenge on efficient SR and the baseline of NTIRE 2026.

Names of weights and all details are those of the published networks: the evaluated one of the challenge
(Amazingren/NTIRE2026_ESR, team00), and the trained one of the authors' code (hongyuanyu/SPAN), whose 3×3 convolutions
are each several (`Series` of `layers/reparameterised.py`). Departs from that code in two points: `blocks` is the number
of blocks, there hard-wired to six; and convolutions are folded once, at the end of a training, not in every pass.
Initialisation: PyTorch's default, of each convolution that is trained.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srbench.models.layers.argument_checks import check_choice
from srbench.models.layers.conv3x3 import conv3x3
from srbench.models.layers.mean_shift import mean_colour
from srbench.models.layers.reparameterised import DrawnInSeries, folded_series
from srbench.models.traits import Traits

RGB_RANGE = 255  # the value of white inside, which the weights are made for
SERIES = {"skip": "sk", "expand": "conv.0", "conv3x3": "conv.1", "squeeze": "conv.2"}  # ours and the authors' names


def span_conv(inputs: int, outputs: int, reparameterise: str) -> nn.Sequential:
    """3×3, under the name that it has in the published weights."""
    if reparameterise == "series":
        return nn.Sequential(OrderedDict(eval_conv=DrawnInSeries(inputs, outputs)))
    return nn.Sequential(OrderedDict(eval_conv=conv3x3(inputs, outputs, reparameterise=reparameterise)))


class SPAB(nn.Module):
    """Swift parameter-free attention block: (h + x) · (sigmoid(h) - ½) of its third convolution's output h, and what
    its first convolution gives, after its SiLU. The attention is odd in h, so that strong responses of either sign
    pass."""

    def __init__(self, width: int, reparameterise: str) -> None:
        super().__init__()
        self.c1_r, self.c2_r, self.c3_r = (span_conv(width, width, reparameterise) for _ in range(3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        first = F.silu(self.c1_r(x))
        third = self.c3_r(F.silu(self.c2_r(first)))
        return (third + x) * (third.sigmoid() - 0.5), first


class SPAN(nn.Module):
    """(N, C, H, W) in [0, 1] → (N, C, sH, sW), not clipped. `width` is the published `feature_channels`;
    `image_channels`: C, 3 of RGB or 1 of grey.

    `reparameterise`: as what the 3×3 convolutions but the last are trained (`layers/reparameterised.py`); `series` is
    the published form.
    """

    traits = Traits()
    mean: Tensor

    def __init__(
        self,
        scale: int = 2,
        width: int = 52,
        blocks: int = 6,
        reparameterise: Literal["none", "parallel", "series"] = "series",
        image_channels: int = 3,
    ) -> None:
        super().__init__()
        check_choice("scale", scale, 2, 3, 4)
        check_choice("image_channels", image_channels, 1, 3)
        if min(width, blocks) < 1:
            raise ValueError("SPAN needs a width and blocks above 0.")
        self.scale, self.image_channels = scale, image_channels
        self.register_buffer("mean", torch.tensor(mean_colour(image_channels))[:, None, None], persistent=False)
        self.conv_1 = span_conv(image_channels, width, reparameterise)
        self.blocks: list[str] = []
        for number in range(1, blocks + 1):
            self.blocks.append(f"block_{number}")
            self.add_module(self.blocks[-1], SPAB(width, reparameterise))
        self.conv_cat = nn.Conv2d(4 * width, width, 1)
        self.conv_2 = span_conv(width, width, reparameterise)
        last = nn.Conv2d(width, image_channels * scale**2, 3, padding=1)
        self.upsampler = nn.Sequential(last, nn.PixelShuffle(scale))

    def forward(self, lr: Tensor) -> Tensor:
        shallow = features = self.conv_1((lr - self.mean) * RGB_RANGE)
        outputs = []
        for name in self.blocks:
            features, inner = self.get_submodule(name)(features)
            outputs.append(features)
        joined = self.conv_cat(torch.cat((shallow, self.conv_2(features), outputs[0], inner), 1))
        output: Tensor = self.upsampler(joined)
        return output

    @staticmethod
    def from_published(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weights of the authors' training form, folded. What it holds beside them of folded ones is of an earlier
        pass, and left out. KeyError or ValueError for weights of another network."""
        trained = [name.removesuffix(".sk.weight") for name in weights if name.endswith(".sk.weight")]
        if not trained:
            raise ValueError("no weights of SPAN's training form")
        parts = tuple(f"{conv}.{part}." for conv in trained for part in (*SERIES.values(), "eval_conv"))
        folded = {name: tensor for name, tensor in weights.items() if not name.startswith(parts)}
        for conv in trained:
            own = {
                f"{ours}.{kind}": weights[f"{conv}.{theirs}.{kind}"]
                for ours, theirs in SERIES.items()
                for kind in ("weight", "bias")
            }
            folded[f"{conv}.eval_conv.weight"], folded[f"{conv}.eval_conv.bias"] = folded_series(own)
        return folded
