"""LPIPS: Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018.

Version 0.1. Its authors recommend AlexNet for comparing, VGG16 as a loss. Nets and linear layers are the `lpips`
package's; the backbones' weights are read from a folder, because the package would download them. Small images are
compared in batches, large ones in pieces, so that memory is bounded.
"""

import warnings
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from srbench.core.pixel_format import white_of
from srbench.metrics.available import find_weights, foreign_weights
from srbench.metrics.exact_float32 import exact_float32
from srbench.metrics.pieces import pieces_of
from srbench.metrics.table import OF_LPIPS

Net = Literal["alex", "vgg", "squeeze"]

STRIDES: dict[Net, list[int]] = {  # of the features that count, in pixels
    "alex": [4, 8, 16, 16, 16],
    "vgg": [1, 2, 4, 8, 16],
    "squeeze": [2, 4, 8, 16, 16, 16, 16],
}
SMALLEST: dict[Net, int] = {"alex": 31, "vgg": 16, "squeeze": 17}  # pixels: below, the last pooling has nothing left

BATCH = 2**17  # pixels; batches above are no faster on a CPU


class LPIPS:
    """Callable: the perceptual distance of two images, uint8 or uint16 (H, W, 3) → float. Lower is better, 0 if equal.

    `net`: the backbone, "alex" (AlexNet), "vgg" (VGG16) or "squeeze" (SqueezeNet 1.1), with torchvision's ImageNet
    weights. Distances of different nets do not compare. `device`: where it computes, in float32 without TF32.
    Raises MetricUnavailable when none of `weights_dirs` holds the weights, and for a file that holds others.
    """

    def __init__(self, weights_dirs: Sequence[Path], net: Net = "alex", device: str = "cpu") -> None:
        if net not in OF_LPIPS:
            raise ValueError(f"LPIPS has no net {net}: choose from {', '.join(get_args(Net))}.")
        self._smallest, self._strides = SMALLEST[net], STRIDES[net]
        self._device = torch.device(device)
        network = lpips_network(weights_dirs, net).to(self._device)
        self._net = network.to(memory_format=torch.channels_last)  # 1.3 times as fast on a CPU

    def __call__(self, sr: np.ndarray, hr: np.ndarray) -> float:
        """The distance of one pair. Raises as `distances` does."""
        return self.distances([(sr, hr)])[0]

    @torch.inference_mode()
    def distances(self, pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[float]:
        """The distances of pairs (sr, hr); small ones that follow each other in one shape share a batch.

        Raises ValueError for images of different shapes, or below 31×31 pixels (VGG16 16×16, SqueezeNet 17×17).
        """
        for sr, hr in pairs:
            self._check(sr, hr)
        found: list[float] = []
        for shape, group in groupby(pairs, key=lambda pair: pair[0].shape):
            alike, size = list(group), max(1, BATCH // (shape[0] * shape[1]))
            for first in range(0, len(alike), size):
                found += self._of_batch(*map(np.stack, zip(*alike[first : first + size], strict=True)))
        return found

    def _check(self, sr: np.ndarray, hr: np.ndarray) -> None:
        if sr.shape != hr.shape:
            raise ValueError(f"LPIPS compares images of one shape, not {sr.shape} and {hr.shape}.")
        if min(sr.shape[:2]) < self._smallest:
            raise ValueError(
                f"LPIPS takes images of {self._smallest}×{self._smallest} pixels or more, "
                f"not {sr.shape[0]}×{sr.shape[1]}."
            )

    def _of_batch(self, sr: np.ndarray, hr: np.ndarray) -> list[float]:
        """(N, H, W, 3), twice → N distances: the sum over the layers of the mean over their pixels."""
        height, width = sr.shape[1:3]
        sums = torch.zeros(len(self._strides), len(sr), dtype=torch.float64, device=self._device)
        pixels = [0] * len(self._strides)
        for piece in pieces_of(height, width):
            for layer, errors in enumerate(self._errors(sr[:, *piece.seen], hr[:, *piece.seen])):
                counted = errors[:, *piece.counted(self._strides[layer])]
                sums[layer] += counted.sum((1, 2), dtype=torch.float64)
                pixels[layer] += counted[0].numel()
        return (sums.cpu() / torch.tensor(pixels)[:, None]).sum(0).tolist()

    def _errors(self, sr: np.ndarray, hr: np.ndarray) -> list[Tensor]:
        """The weighted squared difference at each pixel of each layer, (N, h, w): equation 1 before its means."""
        from lpips import normalize_tensor

        net: Any = self._net
        with exact_float32():
            ours, theirs = (net.net(net.scaling_layer(self._to_tensor(images))) for images in (sr, hr))
            return [
                linear((normalize_tensor(x) - normalize_tensor(y)).square_())[:, 0]
                for linear, x, y in zip(net.lins, ours, theirs, strict=True)
            ]

    def _to_tensor(self, images: np.ndarray) -> Tensor:
        """(N, H, W, 3) → (N, 3, H, W) in [−1, 1], in the memory order of the images, which is channels_last."""
        half = white_of(images.dtype) / 2
        return torch.tensor(images, device=self._device).permute(0, 3, 1, 2).float().div_(half).sub_(1)


def lpips_network(weights_dirs: Sequence[Path], net: Net) -> nn.Module:
    """The package's LPIPS, in eval mode and without gradients, with the backbone's weights from `weights_dirs`. Raises
    MetricUnavailable as the metric does."""
    metric = "lpips" if net == "alex" else f"lpips_{net}"
    with foreign_weights(metric, find_weights(weights_dirs, metric)) as backbone:
        return _load(net, backbone)


def _load(net: Net, backbone: Path) -> nn.Module:
    """The package's LPIPS with the weights from `backbone`; every weight comes from one of the two files."""
    import lpips  # takes seconds: it imports torchvision, scikit-image and matplotlib

    with torch.device("meta"), warnings.catch_warnings():
        # On the meta device the package does not spend a second on drawing up to 138 million random weights.
        warnings.filterwarnings("ignore", category=UserWarning, module="torchvision.models._utils")
        model = lpips.LPIPS(net=net, version="0.1", pretrained=False, pnet_rand=True, verbose=False)
    model.net.load_state_dict(_to_slices(load_file(backbone), model.net), assign=True)
    linear = Path(lpips.__file__).parent / "weights" / "v0.1" / f"{net}.pth"
    weights = torch.load(linear, map_location="cpu", weights_only=True)
    for index, layer in enumerate(model.lins):
        layer.load_state_dict({"model.1.weight": weights[f"lin{index}.model.1.weight"]}, assign=True)
    result: nn.Module = model.eval().requires_grad_(False)
    return result


def _to_slices(weights: dict[str, Tensor], sliced: nn.Module) -> dict[str, Tensor]:
    """torchvision's `features.3.weight` is `slice2.3.weight` in the package, which cuts the net after some ReLUs."""
    names = {f"features.{name.partition('.')[2]}": name for name in sliced.state_dict()}
    return {names.get(name, name): tensor for name, tensor in weights.items()}
