"""DISTS: Ding, Ma, Wang and Simoncelli, "Image Quality Assessment: Unifying Structure and Texture Similarity", IEEE
TPAMI 2022.

Its pooling and its weights α and β are those that torchmetrics holds, its VGG16 comes from a folder: torchmetrics would
download it. Of the whole image in [0, 1] at its own size, as torchmetrics and pyiqa; the script of its authors may
shrink images to 256 pixels on the shorter side before. Departs from torchmetrics in one point: means, variances and
covariances are summed in float64, by pieces of a large image, so that memory is bounded.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from srbench.core.pixel_format import white_of
from srbench.metrics.available import find_weights, foreign_weights
from srbench.metrics.exact_float32 import exact_float32
from srbench.metrics.pieces import pieces_of

METRIC = "dists"
STAGES = (0, 4, 9, 16, 23, 30)  # of torchvision's VGG16, each but the first from a pooling to the ReLU before the next
STRIDES = (1, 1, 2, 4, 8, 16)  # of the features, the image itself included
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's
C1 = C2 = 1e-6
AT_ONCE = 2**22  # values in float64


class DISTS:
    """Callable: how far SR is from HR in structure and texture, uint8 or uint16 (H, W, 3) → float. Lower is better, 0
    if equal.

    `device`: where its VGG16 computes, in float32 without TF32. Raises MetricUnavailable when none of `weights_dirs`
    holds VGG16's weights, and for a file that holds others.
    """

    def __init__(self, weights_dirs: Sequence[Path], device: str = "cpu") -> None:
        self._device = torch.device(device)
        with foreign_weights(METRIC, find_weights(weights_dirs, METRIC)) as backbone:
            stages = _stages(backbone)
        self._stages = stages.eval().requires_grad_(False).to(self._device).to(memory_format=torch.channels_last)
        self._alpha, self._beta = _published_weights()

    @torch.inference_mode()
    def __call__(self, sr: np.ndarray, hr: np.ndarray) -> float:
        """Raises ValueError for images of different shapes."""
        if sr.shape != hr.shape:
            raise ValueError(f"DISTS compares images of one shape, not {sr.shape} and {hr.shape}.")
        sums = [torch.zeros(())] * len(STRIDES)
        pixels = [0] * len(STRIDES)
        for piece in pieces_of(*sr.shape[:2]):
            for layer, features in enumerate(self._features(sr[piece.seen], hr[piece.seen])):
                counted = features[:, :, *piece.counted(STRIDES[layer])]
                sums[layer] = sums[layer] + _sums(*counted)
                pixels[layer] += counted[0, 0].numel()
        means = torch.cat([total / number for total, number in zip(sums, pixels, strict=True)], dim=1)
        return self._distance(*means)

    def _distance(self, x: Tensor, y: Tensor, xx: Tensor, yy: Tensor, xy: Tensor) -> float:
        """Of the means of each channel's values, squares and products."""
        texture = (2 * x * y + C1) / (x**2 + y**2 + C1)
        structure = (2 * (xy - x * y) + C2) / ((xx - x**2) + (yy - y**2) + C2)
        return (self._alpha * (1 - texture) + self._beta * (1 - structure)).sum().item()

    def _features(self, sr: np.ndarray, hr: np.ndarray) -> list[Tensor]:
        """The images in [0, 1] and what each stage makes of them: (2, C, h, w), of which the first is SR's."""
        images = torch.tensor(np.stack((sr, hr)), device=self._device).permute(0, 3, 1, 2).float()
        images /= white_of(sr.dtype)
        mean, deviation = (torch.tensor(values, device=self._device)[:, None, None] for values in (MEAN, DEVIATION))
        features, found = (images - mean) / deviation, [images]
        with exact_float32():
            for stage in self._stages:
                features = stage(features)
                found.append(features)
        return found


def _sums(x: Tensor, y: Tensor) -> Tensor:
    """Of each channel of (C, h, w), twice, in float64: of x, y, x², y² and xy → (5, C)."""
    channels = max(1, AT_ONCE // x[0].numel())
    parts = []
    for some in zip(x.split(channels), y.split(channels), strict=True):
        a, b = (one.flatten(1).double() for one in some)
        products = [torch.linalg.vecdot(one, other) for one, other in ((a, a), (b, b), (a, b))]
        parts.append(torch.stack([a.sum(1), b.sum(1), *products]))
    return torch.cat(parts, dim=1).cpu()


def _stages(backbone: Path) -> nn.ModuleList:
    """VGG16's convolutions with the weights from the file, and DISTS's pooling for its own."""
    from safetensors.torch import load_file
    from torchmetrics.functional.image.dists import L2pooling
    from torchvision.models import vgg16

    with torch.device("meta"):  # nothing is drawn for what the file brings
        features = vgg16(weights=None).features
    weights = {name.removeprefix("features."): tensor for name, tensor in load_file(backbone).items()}
    features.load_state_dict(weights, assign=True)
    layers, channels = [], 3
    for layer in features:
        channels = layer.out_channels if isinstance(layer, nn.Conv2d) else channels
        layers.append(L2pooling(channels=channels) if isinstance(layer, nn.MaxPool2d) else layer)
    return nn.ModuleList(nn.Sequential(*layers[begin:end]) for begin, end in pairwise(STAGES))


def _published_weights() -> tuple[Tensor, Tensor]:
    """α and β of all channels, whose sum is 1."""
    from torchmetrics.functional.image import dists

    file = Path(dists.__file__).parent / "dists_models" / "weights.pt"
    weights = torch.load(file, map_location="cpu", weights_only=True)
    alpha, beta = (weights[name].detach().double().flatten() for name in ("alpha", "beta"))
    total = alpha.sum() + beta.sum()
    return alpha / total, beta / total
