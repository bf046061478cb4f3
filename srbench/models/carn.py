"""CARN and CARN-M: Ahn, Kang and Sohn, "Fast, Accurate, and Lightweight Super-Resolution with Cascading Residual
Network", ECCV 2018, §3, with the factors of the CARN study in yu45020/Waifu2x (2019).

The default is the published CARN with one scale; `scales=(2, 3, 4)` is the published network of three. CARN-M has
`unit="efficient", unit_groups=4, share_units=True, upsampler_groups=4`; what ClassSR (Kong et al., CVPR 2021) calls
CARN-M has `fusion_norm="batch", train_mean_shift=True` besides. Departs from the study in three points: a gate
belongs to its unit (see `legacy_wiring`), the bilinear residual follows the scale, and the upsampler's stages have
weights of their own (see `shared_upsampler`). Initialisation: PyTorch's default, as in the published code.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srbench.models.layers.argument_checks import check_choice, check_groups
from srbench.models.layers.classsr_names import from_classsr
from srbench.models.layers.conv3x3 import conv3x3
from srbench.models.layers.mean_shift import MeanShift
from srbench.models.layers.partial_conv import PartialConv2d
from srbench.models.layers.scse import SCSE
from srbench.models.layers.upsampler import STAGES
from srbench.models.traits import Traits


class Stack(nn.Module):
    """The layers in a row, `repeats` times over."""

    def __init__(self, layers: Sequence[nn.Module], repeats: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(*layers)
        self.repeats = repeats

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(self.repeats):
            x = self.body(x)
        return x


class Unit(nn.Module):
    """act(body(x) + x): the residual unit of CARN, or the residual-E unit of CARN-M."""

    def __init__(self, body: Sequence[nn.Module], activation: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*body)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.activation(self.body(x).add_(x))
        return output


class Cascade(nn.Module):
    """Units b1, b2, … each read the last fused features; fusions c1, c2, … read the input and all unit outputs so far,
    the oldest first. A single unit serves every step. Gates se1, se2, …, if any, follow their unit.

    `legacy_wiring`: yu45020/Waifu2x zips the list b1, se1, b2, se2, … with the fusions, so each gate takes a unit's
    place and the second half of the list never runs, though it counts as parameters.
    """

    def __init__(
        self,
        units: Sequence[nn.Module],
        gates: Sequence[nn.Module],
        fusions: Sequence[nn.Module],
        legacy_wiring: bool = False,
    ) -> None:
        super().__init__()
        for prefix, modules in (("b", units), ("se", gates), ("c", fusions)):
            for number, module in enumerate(modules, 1):
                self.add_module(f"{prefix}{number}", module)
        numbers = range(1, len(fusions) + 1)
        steps = [[f"b{min(n, len(units))}", f"se{n}"] if gates else [f"b{min(n, len(units))}"] for n in numbers]
        self.steps = [[name] for step in steps for name in step] if legacy_wiring else steps
        self.fusions = [f"c{n}" for n in numbers]

    def cascade(self, x: Tensor) -> Iterator[Tensor]:
        """The output of each fusion, one at a time."""
        features = fused = x
        for step, fusion in zip(self.steps, self.fusions, strict=False):
            for name in step:
                fused = self.get_submodule(name)(fused)
            features = torch.cat([features, fused], 1)
            fused = self.get_submodule(fusion)(features)
            yield fused


class Block(Cascade):
    """A cascade of units: the last of its fused features."""

    def forward(self, x: Tensor) -> Tensor:
        return deque(self.cascade(x), maxlen=1).pop()  # keeps no earlier output alive


class CARN(Cascade):
    """(N, C, H, W) in [0, 1] → (N, C, sH, sW), not clipped: a cascade of blocks, each a cascade of residual units.
    `image_channels`: C, 3 of RGB or 1 of grey.

    Assign `scale` to switch between the `scales`, which share all but the upsampler; None: one scale only.

    - `atrous`: dilation of the units' 3×3 convolutions, for all blocks or one per block; `atrous_convs`: of both, or
      of each unit's first.
    - `unit`: 3×3, 3×3 ("plain") or 3×3, 3×3, 1×1 ("efficient"); `unit_groups` are those of the 3×3 convolutions.
      `share_units`: each block uses one unit throughout. `shared_upsampler`: ×4 and ×8 use one ×2 stage throughout.
    - `fusion_kernel` and `fusion_groups`: of all fusion convolutions, inside blocks and between them. `fusion_norm`:
      "batch" puts a batch normalisation after each, which then has no bias. ClassSR's code does so by mistake (its
      arguments for stride and padding are taken for these), and its published sizes count it.
    - `se`: gates after each unit ("local"), each block ("global") or both, with `se_hidden` nodes.
    - `concat_global`: a 3×3 convolution of the entry's and all blocks' fused features goes into the upsampler;
      `feature_residual`: the entry's features are added there; `bilinear_residual`: the upscaled input to the output.
    - `upsampled_convs`: 3×3 convolutions between the upsampler and the exit, at the size of SR.
    - `train_mean_shift`: as ClassSR's code does, though it means to freeze it.
    - `reparameterise`: as what the units' 3×3 convolutions are trained (`layers/reparameterised.py`); not with partial
      padding.
    """

    from_published = staticmethod(from_classsr)

    def __init__(
        self,
        scale: int = 2,
        width: int = 64,
        blocks: int = 3,
        units: int = 3,
        atrous: int | Sequence[int] = 1,
        atrous_convs: Literal["both", "first"] = "both",
        unit: Literal["plain", "efficient"] = "plain",
        unit_groups: int = 1,
        share_units: bool = False,
        upsampler_groups: int = 1,
        shared_upsampler: bool = False,
        fusion_kernel: Literal[1, 3] = 1,
        fusion_groups: int = 1,
        fusion_norm: Literal["none", "batch"] = "none",
        se: Literal["none", "scse", "channel", "spatial"] = "none",
        se_position: Literal["local", "global", "both"] = "local",
        se_hidden: int = 4,
        concat_global: bool = False,
        feature_residual: bool = False,
        bilinear_residual: bool = False,
        upsampled_convs: int = 0,
        padding: Literal["zeros", "partial"] = "zeros",
        activation: Literal["relu", "leaky_relu"] = "relu",
        activate_entry: bool = False,
        mean_shift: bool = True,
        train_mean_shift: bool = False,
        scales: Sequence[int] | None = None,
        legacy_wiring: bool = False,
        reparameterise: Literal["none", "parallel", "series"] = "none",
        image_channels: int = 3,
    ) -> None:
        rates = (atrous,) if isinstance(atrous, int) else tuple(atrous)
        if len(rates) != blocks and not isinstance(atrous, int):
            raise ValueError(f"atrous has {len(rates)} rates for {blocks} blocks: give one rate, or one per block.")
        if min(width, blocks, units, se_hidden, *rates) < 1:
            raise ValueError("width, blocks, units, se_hidden and the rates of atrous must be 1 or more.")
        if upsampled_convs < 0:
            raise ValueError(f"upsampled_convs is {upsampled_convs}; it must be 0 or more.")
        for unsupported in set(scales or [scale]) - set(STAGES):
            raise ValueError(f"CARN has no scale {unsupported}: choose from 2, 3, 4 and 8.")
        if scales and scale not in scales:
            raise ValueError(f"scale {scale} is not among the scales {list(scales)} of this network.")
        check_groups(width, unit_groups=unit_groups, upsampler_groups=upsampler_groups, fusion_groups=fusion_groups)
        check_choice("image_channels", image_channels, 1, 3)
        check_choice("atrous_convs", atrous_convs, "both", "first")
        check_choice("unit", unit, "plain", "efficient")
        check_choice("fusion_kernel", fusion_kernel, 1, 3)
        check_choice("fusion_norm", fusion_norm, "none", "batch")
        check_choice("se", se, "none", "scse", "channel", "spatial")
        check_choice("se_position", se_position, "local", "global", "both")
        check_choice("padding", padding, "zeros", "partial")
        check_choice("activation", activation, "relu", "leaky_relu")
        if padding == "partial" and reparameterise != "none":
            raise ValueError("reparameterise has no form for padding 'partial': choose padding 'zeros'.")

        def conv(
            inputs: int, outputs: int, kernel: int = 3, groups: int = 1, dilation: int = 1, bias: bool = True
        ) -> nn.Conv2d:
            layer = PartialConv2d if padding == "partial" else nn.Conv2d
            same = kernel // 2 * dilation
            return layer(inputs, outputs, kernel, padding=same, dilation=dilation, groups=groups, bias=bias)

        def conv_of_unit(dilation: int) -> nn.Conv2d:
            if padding == "partial":
                return conv(width, width, 3, unit_groups, dilation)
            return conv3x3(width, width, unit_groups, dilation, reparameterise)

        def act() -> nn.Module:
            return nn.ReLU(inplace=True) if activation == "relu" else nn.LeakyReLU(0.1, inplace=True)

        def fusion(inputs: int) -> Stack:
            norm = [nn.BatchNorm2d(width)] if fusion_norm == "batch" else []
            return Stack([conv(inputs, width, fusion_kernel, fusion_groups, bias=not norm), *norm, act()])

        def fusions(count: int) -> list[nn.Module]:
            return [fusion(n * width) for n in range(2, count + 2)]

        def gates(position: str, count: int) -> list[nn.Module]:
            if se == "none" or se_position not in (position, "both"):
                return []
            return [SCSE(width, se_hidden, se) for _ in range(count)]

        def residual_unit(rate: int) -> Unit:
            second_rate = rate if atrous_convs == "both" else 1
            body = [conv_of_unit(rate), act(), conv_of_unit(second_rate)]
            return Unit([*body, act(), conv(width, width, 1)] if unit == "efficient" else body, act())

        def block(rate: int) -> Block:
            distinct = [residual_unit(rate) for _ in range(1 if share_units else units)]
            return Block(distinct, gates("local", units), fusions(units), legacy_wiring)

        def upsampler(scale: int) -> Stack:
            stages = STAGES[scale][:1] if shared_upsampler else STAGES[scale]
            layers = [(conv(width, s * s * width, 3, upsampler_groups), act(), nn.PixelShuffle(s)) for s in stages]
            return Stack([layer for stage in layers for layer in stage], len(STAGES[scale]) // len(stages))

        super().__init__(
            [block(rate) for rate in islice(cycle(rates), blocks)],
            gates("global", blocks),
            fusions(blocks),
            legacy_wiring,
        )
        self.scale, self.image_channels = scale, image_channels
        self.traits = Traits(scales=tuple(scales or ()), whole_image_statistics=se in ("scse", "channel"))
        self.feature_residual = feature_residual
        self.bilinear_residual = bilinear_residual

        def shift(sign: int) -> nn.Module:
            shifted = MeanShift(sign, trainable=train_mean_shift, image_channels=image_channels)
            return shifted if mean_shift else nn.Identity()

        self.sub_mean = shift(-1)
        self.entry = conv(image_channels, width)
        self.entry_activation = act() if activate_entry else nn.Identity()
        self.concat = conv((blocks + 1) * width, width) if concat_global else None
        self.heads = {s: f"up{s}" for s in scales} if scales else {scale: "up"}
        self.upsample = nn.ModuleDict({name: upsampler(s) for s, name in self.heads.items()})
        self.upsampled = Stack([layer for _ in range(upsampled_convs) for layer in (conv(width, width), act())])
        self.exit = conv(width, image_channels)
        self.add_mean = shift(1)

    def forward(self, lr: Tensor) -> Tensor:
        x = self.sub_mean(lr)
        entry = self.entry_activation(self.entry(x))
        if self.concat is None:
            features = deque(self.cascade(entry), maxlen=1).pop()
        else:
            features = self.concat(torch.cat([entry, *self.cascade(entry)], 1))
        if self.feature_residual:
            features = features + entry
        sr = self.exit(self.upsampled(self.upsample[self.heads[self.scale]](features)))
        if self.bilinear_residual:
            sr = sr + F.interpolate(x, scale_factor=self.scale, mode="bilinear")
        output: Tensor = self.add_mean(sr)
        return output
