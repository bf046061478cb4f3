"""MossNet: a U-Net on small tiles that sees the whole image through one embedding. ×2 only.

Source: the MossNet page (no paper, no public code), which states the idea, 64.2 K parameters and 3.32 G
multiply-adds for a 256×256 input. What the page leaves open is filled in here: the widths, tiles of 64, an embedding
of 24, GELU, "add to the reconstructed image" read as a residual on the interpolated input. The defaults are the page's
XS: 64,153 parameters, 3.3152 G on tiles that do not overlap; `overlap=16`, the default, runs 5.18 G.

Initialisation: PyTorch's default; the last convolution starts at zero, so that the net starts as its interpolation; a
learned embedding starts as a standard normal.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srbench.models.layers.bilinear import bilinear
from srbench.models.layers.thumbnail import make_thumbnail
from srbench.models.layers.tiles import merge, pad_to, split
from srbench.models.traits import Traits

Context = Literal["on", "zero", "learned", "constant", "shuffled", "wide"]
Base = Literal["bicubic", "bilinear"]

WITHOUT = ("zero", "wide")  # of context
THUMBNAIL = 64
NEAR = 0.01  # of the parameters, the most that `wide` may differ by
TILES_AT_ONCE = 16  # bounds the memory of a large image: the widest map of XS takes 1 MiB per tile of 64


class ConvGELU(nn.Sequential):
    """3×3 convolution and GELU; keeps height and width, or halves them with a stride of 2."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> None:
        conv = nn.Conv2d(inputs, outputs, 3, stride, padding=dilation, dilation=dilation)
        super().__init__(conv, nn.GELU())


class Upsample(nn.Sequential):
    """(N, inputs, H, W) → (N, outputs, 2H, 2W): 1×1 convolution without bias, then pixel shuffle."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(nn.Conv2d(inputs, 4 * outputs, 1, bias=False), nn.PixelShuffle(2))


class ContextNet(nn.Module):
    """The whole image as one vector: thumbnail (N, 3, 64, 64) → (N, embedding)."""

    def __init__(self, widths: Sequence[int], embedding: int) -> None:
        super().__init__()
        pairs = zip((3, *widths), widths, strict=False)
        self.convs = nn.Sequential(*(ConvGELU(inputs, outputs, stride=2) for inputs, outputs in pairs))
        self.fc = nn.Linear(widths[-1], embedding)

    def forward(self, thumbnail: Tensor) -> Tensor:
        output: Tensor = self.fc(self.convs(thumbnail).mean((2, 3)))
        return output


class ContextDecoder(nn.Module):
    """(N, embedding) → (N, channels, 8, 8), in tile coordinates."""

    def __init__(self, embedding: int, hidden: int, channels: int) -> None:
        super().__init__()
        self.fc = nn.Linear(embedding, hidden * 16)
        self.conv = nn.Conv2d(hidden, 4 * channels, 3, padding=1)

    def forward(self, embedding: Tensor) -> Tensor:
        seed = F.gelu(self.fc(embedding)).unflatten(1, (-1, 4, 4))
        return F.pixel_shuffle(self.conv(seed), 2)


class UNet(nn.Module):
    """(N, widths[0], H, W) → (N, 3, H, W) on three levels; H and W divisible by 4. `atrous`: rates on the coarsest."""

    def __init__(self, widths: Sequence[int], convs: Sequence[int], atrous: Sequence[int]) -> None:
        super().__init__()
        fine, middle, coarse = widths
        self.enc0 = nn.Sequential(*(ConvGELU(fine, fine) for _ in range(convs[0])))
        self.down1 = ConvGELU(fine, middle, stride=2)
        self.enc1 = nn.Sequential(*(ConvGELU(middle, middle) for _ in range(convs[1])))
        self.down2 = ConvGELU(middle, coarse, stride=2)
        self.mid = nn.Sequential(*(ConvGELU(coarse, coarse, dilation=rate) for rate in atrous))
        self.up1 = Upsample(coarse, middle)
        self.dec1 = nn.Sequential(*(ConvGELU(middle, middle) for _ in range(convs[1])))
        self.up0 = Upsample(middle, fine)
        self.dec0 = nn.Sequential(*(ConvGELU(fine, fine) for _ in range(convs[0])))
        self.head = nn.Conv2d(fine, 3, 3, padding=1)
        for parameter in self.head.parameters():
            nn.init.zeros_(parameter)

    def forward(self, features: Tensor) -> Tensor:
        fine = self.enc0(features)
        middle = self.enc1(self.down1(fine))
        coarse = self.mid(self.down2(middle))
        middle = self.dec1(self.up1(coarse) + middle)
        fine = self.dec0(self.up0(middle) + fine)
        output: Tensor = self.head(fine)
        return output


def unet_parameters(widths: Sequence[int], convs: Sequence[int]) -> int:
    """The parameters of a UNet."""
    fine, middle, coarse = widths
    levels = (2 * convs[0], 2 * convs[1], convs[2])  # down and up again, but for the coarsest
    kept = sum(count * (9 * width + 1) * width for count, width in zip(levels, widths, strict=True))
    halved = (9 * fine + 1) * middle + (9 * middle + 1) * coarse
    doubled = 4 * (coarse * middle + middle * fine)
    return kept + halved + doubled + (9 * fine + 1) * 3


def widened(widths: Sequence[int], convs: Sequence[int], more: int) -> tuple[int, int, int]:
    """The widths of a UNet with `more` parameters, as near as can be; the finest level, which costs the most FLOPs,
    keeps its width, the middle one changes by no more than a tenth. ValueError where that is not near."""
    fine, middle, coarse = widths
    wanted = unet_parameters(widths, convs) + more
    around = range(middle - middle // 10, middle + middle // 10 + 1)
    found = [(fine, one, other) for one in around for other in range(coarse, 8 * coarse)]
    nearest = min(found, key=lambda widths: abs(unet_parameters(widths, convs) - wanted))
    if abs(unet_parameters(nearest, convs) - wanted) > NEAR * wanted:
        raise ValueError(
            f"MossNet's context wide: no U-Net near {list(widths)} has the {wanted} parameters that it has with "
            f"context; {list(nearest)} has {unet_parameters(nearest, convs)}."
        )
    return nearest


class MossNet(nn.Module):
    """(N, 3, H, W) in [0, 1] and a thumbnail (N, 3, 64, 64) of the whole LR image → (N, 3, 2H, 2W), not clipped.

    Without a thumbnail one is made from `lr`, which is right only where `lr` is a whole image. Large images run on
    overlapping tiles, blended; a training crop no larger than a tile is one tile of its own size. `widths` and
    `convs`: channels and 3×3 convolutions of the U-Net's levels, from fine to coarse; `atrous`: the rates of the
    coarsest. `context` is the map that every tile sees, at equal shapes:

    - `on`: decoded from the thumbnail's embedding, in the coordinates of a tile
    - `zero`: zeros; no context net
    - `learned`: decoded from one learned embedding, the same for all images
    - `constant`: as `on`, then averaged over space
    - `shuffled`: as `on`; the evaluation gives another image's thumbnail
    - `wide`: as `zero`, in a U-Net whose lower levels are so much wider that the parameters are those of `on`, as near
      as can be: for the defaults 16, 20 and 39 channels; ValueError where that is not within 1 %
    """

    def __init__(
        self,
        scale: int = 2,
        widths: Sequence[int] = (16, 22, 28),
        convs: Sequence[int] = (1, 2, 2),
        context_widths: Sequence[int] = (12, 16, 20, 24),
        embedding: int = 24,
        decoder_hidden: int = 4,
        context_channels: int = 2,
        context: Context = "on",
        atrous: Sequence[int] = (1, 1),
        tile: int = 64,
        overlap: int = 16,
        base: Base = "bicubic",
    ) -> None:
        super().__init__()
        if scale != 2:
            raise ValueError(f"MossNet exists for scale 2 only, not for {scale}.")
        if len(widths) != 3 or len(convs) != 3:
            raise ValueError("MossNet's U-Net has three levels: widths and convs need three entries each.")
        if len(atrous) != convs[2]:
            raise ValueError(f"MossNet's atrous needs one rate for each of the {convs[2]} coarsest convolutions.")
        if context not in get_args(Context):
            options = ", ".join(get_args(Context))
            raise ValueError(f'MossNet\'s context is one of {options} (in YAML, write "on" in quotes), not {context}.')
        if base not in get_args(Base):
            raise ValueError(f"MossNet's base is one of {', '.join(get_args(Base))}, not {base}.")
        if tile % 2 or overlap % 2 or not 0 <= overlap < tile:
            raise ValueError(f"MossNet's tile and overlap are even, 0 ≤ overlap < tile; they are {tile} and {overlap}.")
        self.scale, self.tile, self.overlap, self.base = scale, tile, overlap, base
        self.context_mode, self.context_channels = context, context_channels
        thumbnail = None if context in ("zero", "learned", "wide") else THUMBNAIL
        self.traits = Traits(
            thumbnail=thumbnail,
            shuffle_thumbnails=context == "shuffled",
            embedding=None if thumbnail is None else embedding,
        )

        if thumbnail is not None:
            self.context = ContextNet(context_widths, embedding)
        if context == "learned":
            self.embedding = nn.Parameter(torch.randn(1, embedding))
        if context not in WITHOUT:
            self.decoder = ContextDecoder(embedding, decoder_hidden, context_channels)
        if context == "wide":
            with torch.device("meta"):
                nets = (
                    ContextNet(context_widths, embedding),
                    ContextDecoder(embedding, decoder_hidden, context_channels),
                )
            widths = widened(widths, convs, sum(p.numel() for net in nets for p in net.parameters()))
        self.init = nn.Sequential(nn.Conv2d(3 + context_channels, 4 * widths[0], 3, padding=1), nn.PixelShuffle(2))
        self.unet = UNet(widths, convs, atrous)

    def forward(self, lr: Tensor, thumbnail: Tensor | None = None) -> Tensor:
        height, width = lr.shape[-2:]
        if self.training and max(height, width) <= self.tile:
            return self.whole(lr, thumbnail)
        padded = pad_to(lr, max(_even(height), self.tile), max(_even(width), self.tile))
        tiles = split(padded, self.tile, self.overlap)
        context = self.context_map(lr, thumbnail, (self.tile, self.tile))
        owners = torch.arange(len(lr), device=lr.device).repeat_interleave(tiles.shape[1])
        parts = zip(tiles.flatten(0, 1).split(TILES_AT_ONCE), owners.split(TILES_AT_ONCE), strict=True)
        residuals = torch.cat([self.residual(part, context[owner]) for part, owner in parts])
        residuals = residuals.unflatten(0, tiles.shape[:2])
        residual = merge(residuals, 2 * padded.shape[-2], 2 * padded.shape[-1], 2 * self.overlap)
        return self.interpolated(lr) + residual[..., : 2 * height, : 2 * width]

    def whole(self, lr: Tensor, thumbnail: Tensor | None = None) -> Tensor:
        """As `forward`, with one tile of the size of `lr`: for training crops, and to measure what the tiles cost."""
        height, width = lr.shape[-2:]
        padded = pad_to(lr, _even(height), _even(width))
        residual = self.residual(padded, self.context_map(lr, thumbnail, (_even(height), _even(width))))
        return self.interpolated(lr) + residual[..., : 2 * height, : 2 * width]

    def embed(self, lr: Tensor, thumbnail: Tensor | None = None) -> Tensor:
        """What the decoder is given, (N, embedding), also for a distillation loss. Not for `zero` and `wide`."""
        if self.context_mode == "learned":
            return self.embedding.expand(len(lr), -1)
        output: Tensor = self.context(make_thumbnail(lr, THUMBNAIL) if thumbnail is None else thumbnail)
        return output

    def context_map(self, lr: Tensor, thumbnail: Tensor | None, size: tuple[int, int]) -> Tensor:
        """(N, context_channels, *size), the same for all tiles of an image."""
        if self.context_mode in WITHOUT:
            return lr.new_zeros(len(lr), self.context_channels, *size)
        decoded = self.decoder(self.embed(lr, thumbnail))
        if self.context_mode == "constant":
            decoded = decoded.mean((2, 3), keepdim=True).expand_as(decoded)
        return bilinear(decoded, size)

    def residual(self, tiles: Tensor, context: Tensor) -> Tensor:
        """(M, 3, h, w) and (M, context_channels, h, w), h and w even → (M, 3, 2h, 2w)."""
        output: Tensor = self.unet(self.init(torch.cat((tiles, context), dim=1)))
        return output

    def interpolated(self, lr: Tensor) -> Tensor:
        """(N, 3, H, W) → (N, 3, 2H, 2W), in float32 at least, as bfloat16 would cost grey levels."""
        return F.interpolate(_precise(lr), scale_factor=2, mode=self.base, align_corners=False)


def _precise(images: Tensor) -> Tensor:
    return images.to(torch.promote_types(images.dtype, torch.float32))


def _even(length: int) -> int:
    return length + length % 2
