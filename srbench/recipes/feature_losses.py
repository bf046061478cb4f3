"""Losses of SR against HR in the features of a network that has learnt to tell objects apart.

As all losses, each takes (sr, hr), both (N, 3, H, W) on [0, 1], not clipped, and gives a scalar without its `weight`.
The network's weights are read from `weights_dir`, are constants, and are in a run's identity, through `backbone`.
"""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from srbench.core.errors import UserError
from srbench.core.paths import weights_folders
from srbench.metrics.available import MetricUnavailable
from srbench.metrics.perceptual import SMALLEST, Net, lpips_network
from srbench.models.backbones import backbone_file
from srbench.models.layers.normalize import MEAN, STD
from srbench.recipes.constants import as_constants
from srbench.recipes.losses import Loss
from srbench.recipes.vgg19 import VGG19Features, WrongWeightsError

Criterion = Literal["l1", "mse"]
Normalization = Literal["imagenet", "published"]

CRITERIA: dict[Criterion, Callable[[Tensor, Tensor], Tensor]] = {"l1": F.l1_loss, "mse": F.mse_loss}
COLOURS: dict[Normalization, tuple[tuple[float, ...], tuple[float, ...]]] = {  # mean and deviation
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),  # torchvision's, which its weights are trained with
    "published": (MEAN, STD),  # NeonSky/computer-vision-MESRGAN's, of the images that its generators are trained on
}
NETS: dict[str, Net] = {"alexnet": "alex", "vgg16": "vgg", "squeezenet": "squeeze"}  # of LPIPS, by backbone


class Perceptual(Loss):
    """Σ wₗ · the distance of VGG19's features in layer l: Johnson et al., "Perceptual Losses for Real-Time Style
    Transfer and Super-Resolution", ECCV 2016, §3.2.

    `layers`: by their weights wₗ, as in {conv5_4: 1.0}; convB_N is before its ReLU (ESRGAN's), reluB_N after it
    (SRGAN's). `criterion`: "l1" or "mse", the mean over all features. `normalization` of the colours: "imagenet", or
    "published" as NeonSky/computer-vision-MESRGAN has it, which feeds VGG19 what its generators give. `backbone`:
    vgg19.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        backbone: str,
        weights_dir: str,
        layers: Mapping[str, float],
        criterion: Criterion = "l1",
        normalization: Normalization = "imagenet",
        weight: float = 1.0,
    ) -> None:
        super().__init__(weight)
        for name, value, known in (
            ("backbone", backbone, ("vgg19",)),
            ("criterion", criterion, get_args(Criterion)),
            ("normalization", normalization, get_args(Normalization)),
        ):
            if value not in known:
                raise ValueError(f"{name} is {value}; choose from {', '.join(known)}.")
        self.layers, self.criterion = _weighted_layers(layers), CRITERIA[criterion]
        file = backbone_file(backbone, weights_folders(weights_dir), "backbone")
        try:
            self.network = as_constants(VGG19Features(tuple(self.layers), load_file(file)))
        except (WrongWeightsError, OSError, SafetensorError) as error:
            raise UserError(f"backbone={backbone}: {file} does not hold its weights ({error}); move it away") from error
        for name, values in zip(("mean", "std"), COLOURS[normalization], strict=True):
            self.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        ours = self.network((sr - self.mean) / self.std)
        with torch.no_grad():
            theirs = self.network((hr - self.mean) / self.std)
        terms = [
            weight * self.criterion(*(self.compared(features[layer]) for features in (ours, theirs)))
            for layer, weight in self.layers.items()
        ]
        return torch.stack(terms).sum()

    def compared(self, features: Tensor) -> Tensor:
        """What is compared of a layer's features, (N, C, h, w)."""
        return features


class Style(Perceptual):
    """The same of the features' Gram matrices, (N, C, C): F·Fᵀ/(C·h·w), where F is an image's (C, h·w) features.

    Johnson et al., ECCV 2016, §3.2, but for the distance, which there is a sum of squares; a mean, as BasicSR has it,
    is the same for all layers.
    """

    def compared(self, features: Tensor) -> Tensor:
        """As the class says."""
        rows = features.flatten(2)
        return rows @ rows.mT / (rows.shape[1] * rows.shape[2])


class LPIPSLoss(Loss):
    """The metric of `srbench.metrics.perceptual` with a gradient: the mean over the images of LPIPS 0.1, whole patches,
    neither rounded nor clipped.

    `backbone`: alexnet, with which the metric is measured, vgg16, which its authors recommend as a loss, or squeezenet.
    Raises ValueError for images below 31×31 pixels (VGG16 16×16, SqueezeNet 17×17).
    """

    def __init__(self, backbone: str, weights_dir: str, weight: float = 1.0) -> None:
        super().__init__(weight)
        if backbone not in NETS:
            raise ValueError(f"backbone is {backbone}; choose from {', '.join(NETS)}.")
        self.smallest, folders = SMALLEST[NETS[backbone]], weights_folders(weights_dir)
        backbone_file(backbone, folders, "backbone")  # tells best where it is absent
        try:
            self.network: Any = as_constants(lpips_network(folders, NETS[backbone]))
        except MetricUnavailable as error:
            raise UserError(f"backbone={backbone}: {error}") from error

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        if min(sr.shape[-2:]) < self.smallest:
            raise ValueError(f"LPIPS takes patches of {self.smallest} pixels or more, not of {min(sr.shape[-2:])}.")
        ours = self._features(sr)
        with torch.no_grad():
            theirs = self._features(hr)
        terms = [
            linear((_unit(x) - _unit(y)).square()).mean()
            for linear, x, y in zip(self.network.lins, ours, theirs, strict=True)
        ]
        return torch.stack(terms).sum()

    def _features(self, images: Tensor) -> Sequence[Tensor]:
        found: Sequence[Tensor] = self.network.net(self.network.scaling_layer(2 * images - 1))
        return found


def _unit(features: Tensor) -> Tensor:
    """x/(|x| + 1e-10), as the `lpips` package has it, whose own gradient is NaN where no feature is active."""
    squares = features.square().sum(1, keepdim=True)
    return features / (squares.clamp_min(1e-20).sqrt() + 1e-10)


def _weighted_layers(layers: Mapping[str, float]) -> dict[str, float]:
    if not isinstance(layers, Mapping):
        raise ValueError(f"layers is {layers}; it must map layers to weights, as in {{conv5_4: 1}}.")
    for layer, weight in layers.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not isfinite(weight) or weight <= 0:
            raise ValueError(f"layers.{layer} is {weight}; it must be a number above 0.")
    return {str(layer): float(weight) for layer, weight in layers.items()}
