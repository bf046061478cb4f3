"""What a network loses when it computes in lower precision."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from srbench.core.pixel_format import white_of
from srbench.data.pairs import ImagePair
from srbench.metrics.fidelity import psnr
from srbench.metrics.protocol import Protocol
from srbench.models.layers.tiles import pad_to
from srbench.models.traits import traits_of

Network = Callable[[Tensor], Tensor]
LUMA = Protocol("y", "luma")


@dataclass(frozen=True)
class Taken:
    """What a file takes of an LR image: at most `side` pixels of each side, from the top left (None: all), grown to
    `side`, or to a multiple of `multiple`."""

    side: int | None
    multiple: int = 1

    def input(self, lr: np.ndarray) -> Tensor:
        """(h, w, C) → (1, C, H, W) in [0, 1]."""
        image = torch.tensor(lr[: self.side, : self.side]).permute(2, 0, 1)[None].float() / white_of(lr.dtype)
        height, width = (self.side or -(-length // self.multiple) * self.multiple for length in image.shape[-2:])
        return pad_to(image, height, width)

    def picture(self, network: Network, lr: np.ndarray, scale: int) -> Tensor:
        """SR of what is taken, clipped, without what was grown: (1, C, s·h, s·w)."""
        height, width = (scale * length for length in lr[: self.side, : self.side].shape[:2])
        return network(self.input(lr))[..., :height, :width].clamp(0, 1)


@dataclass(frozen=True)
class PrecisionCost:
    """Means over the images of a set, in dB: PSNR of the file's SR against the network's in float32 (RGB, before either
    is rounded; inf where they are the same), and PSNR of both against HR under protocol y."""

    same: float
    before: float
    after: float


def precision_cost(model: nn.Module, network: Network, pairs: Sequence[ImagePair], side: int | None) -> PrecisionCost:
    """Of `network`, a file made of `model` that takes LR of `side` alone, or of any size."""
    taken = Taken(side, traits_of(model).multiple)
    with torch.inference_mode():
        rows = [[value.item() for value in _of_pair(model, network, pair, taken)] for pair in pairs]
    return PrecisionCost(*np.mean(rows, axis=0).tolist())


def _of_pair(model: nn.Module, network: Network, pair: ImagePair, taken: Taken) -> Iterator[Tensor]:
    lr, hr = pair.read()
    full, lower = (taken.picture(one, lr, pair.scale) for one in (model, network))
    yield psnr(lower, full)
    for sr in (full, lower):
        pixels = (white_of(hr.dtype) * sr[0]).round().permute(1, 2, 0).numpy().astype(hr.dtype)
        reference = hr[: pixels.shape[0], : pixels.shape[1]]
        yield psnr(LUMA.prepare(pixels, pair.scale), LUMA.prepare(reference, pair.scale))
