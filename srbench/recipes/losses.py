"""Losses of SR against HR, as modules that a recipe names, and their weighted sum.

Each takes (sr, hr), both (N, C, H, W) on [0, 1], and gives a scalar without its `weight`, which `WeightedSum` applies.
Definitions where no paper is named: `basicsr/losses/losses.py` of RazinAleksandr/ISR_Task_2023.
"""

from collections.abc import Mapping
from functools import reduce
from math import isfinite
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srbench.models.layers.full_precision import in_full_precision
from srbench.models.layers.normalize import STD
from srbench.recipes.history import GRADIENT_NORM, LOSS_COLUMNS, is_norm

Reduction = Literal["mean", "sum"]


class Loss(nn.Module):
    """`weight`: of the loss in a sum."""

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = weight


class PixelLoss(Loss):
    """An error of each value, reduced. `reduction`: "mean" or "sum".

    `forward` also takes a map of weights, (N, 1, H, W) or (N, C, H, W): the mean is then Σ w·error / Σ w, with w
    counted once a channel.
    """

    def __init__(self, weight: float = 1.0, reduction: Reduction = "mean") -> None:
        super().__init__(weight)
        if reduction not in ("mean", "sum"):
            raise ValueError(f"reduction is {reduction}; it must be mean or sum.")
        self.reduction = reduction

    def error(self, difference: Tensor) -> Tensor:
        """Of each value of sr − hr."""
        raise NotImplementedError

    def forward(self, sr: Tensor, hr: Tensor, weights: Tensor | None = None) -> Tensor:
        error = self.error(sr - hr)
        if weights is not None:
            error = error * weights
        if self.reduction == "sum":
            return error.sum()
        return error.mean() if weights is None else error.sum() / weights.expand_as(error).sum()


class L1(PixelLoss):
    """|sr − hr|."""

    def error(self, difference: Tensor) -> Tensor:
        """As the class says."""
        return difference.abs()


class NormalizedL1(PixelLoss):
    """|sr − hr| in standard deviations of each colour, as NeonSky/computer-vision-MESRGAN compares what its generators
    give, (N, 3, H, W) only."""

    def __init__(self, weight: float = 1.0, reduction: Reduction = "mean") -> None:
        super().__init__(weight, reduction)
        self.std: Tensor
        self.register_buffer("std", torch.tensor(STD)[:, None, None], persistent=False)

    def error(self, difference: Tensor) -> Tensor:
        """As the class says."""
        return difference.abs() / self.std


class L2(PixelLoss):
    """(sr − hr)²."""

    def error(self, difference: Tensor) -> Tensor:
        """As the class says."""
        return difference.square()


class Charbonnier(PixelLoss):
    """sqrt((sr − hr)² + eps). `eps` is ε² of Lai et al., "Deep Laplacian Pyramid Networks for Fast and Accurate
    Super-Resolution", CVPR 2017: it is not squared again."""

    def __init__(self, eps: float = 1e-12, weight: float = 1.0, reduction: Reduction = "mean") -> None:
        super().__init__(weight, reduction)
        self.eps = eps

    def error(self, difference: Tensor) -> Tensor:
        """As the class says."""
        return (difference.square() + self.eps).sqrt()


class FFT(Loss):
    """Mean |difference| of the real and the imaginary parts of both images' 2-D Fourier transforms, not normalised,
    over half of the plane as `rfft2` gives it (Sun et al., "Spatially-Adaptive Feature Modulation for Efficient Image
    Super-Resolution", ICCV 2023, with a weight of 0.05)."""

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        return torch.view_as_real(torch.fft.rfft2(sr.float()) - torch.fft.rfft2(hr.float())).abs().mean()


class AmplitudePhase(Loss):
    """Mean |difference| of the amplitudes, plus `phase` times that of the angles, brought to [−π, π], of both images'
    `rfft2`. The ISR_Task_2023 slides propose it without a definition; this one is srbench's."""

    def __init__(self, weight: float = 1.0, phase: float = 1.0) -> None:
        super().__init__(weight)
        self.phase = phase

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        ours, theirs = torch.fft.rfft2(sr.float()), torch.fft.rfft2(hr.float())
        amplitude = (ours.abs() - theirs.abs()).abs().mean()
        # The angle of the product is the difference of the angles, and never leaves [−π, π].
        phase = (ours * theirs.conj()).angle().abs().mean()
        output: Tensor = amplitude + self.phase * phase
        return output


class Edge(Loss):
    """Mean |difference| of both images' edges: the magnitude sqrt(gx² + gy² + eps) of the Sobel gradients of the grey
    image 0.299 R + 0.587 G + 0.114 B, its border mirrored without the outermost pixel.

    What the ISR_Task_2023 slides mean by their edge loss; what they computed is `EdgeAsPublished`. `eps` keeps the
    gradient finite where the image is flat.
    """

    def __init__(self, weight: float = 1.0, eps: float = 1e-12) -> None:
        super().__init__(weight)
        self.eps = eps
        across = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
        self.sobel: Tensor
        self.grey: Tensor
        self.register_buffer("sobel", torch.stack([across, across.T])[:, None], persistent=False)
        self.register_buffer("grey", torch.tensor([0.299, 0.587, 0.114]).reshape(1, 3, 1, 1), persistent=False)

    def forward(self, sr: Tensor, hr: Tensor) -> Tensor:
        return (self.edges(sr) - self.edges(hr)).abs().mean()

    def edges(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) → (N, 1, H, W)."""
        grey = (images * self.grey).sum(1, keepdim=True)
        gradients = F.conv2d(F.pad(grey, (1, 1, 1, 1), mode="reflect"), self.sobel.to(grey.dtype))
        return (gradients.square().sum(1, keepdim=True) + self.eps).sqrt()


class EdgeAsPublished(L1):
    """L1 of the images, which is what the edge loss of the ISR_Task_2023 experiment computed: it found the edges and
    then compared the images. Its gain of 0.07 dB on DIV2K is that of a short training at a low learning rate."""


class WeightedSum(nn.Module):
    """Losses by name, (sr, hr) → the sum of each times its `weight`. A loss without one counts once.

    Raises ValueError for a name that is none of a column's, and for a weight that is no number from 0 on.
    """

    def __init__(self, losses: Mapping[str, nn.Module]) -> None:
        super().__init__()
        if not losses:
            raise ValueError("loss has no terms; one is needed, as in recipe/loss=l1.")
        self.weights: dict[str, float] = {}
        for name, loss in losses.items():
            if not _may_be_called(str(name)):
                raise ValueError(
                    f"loss.{name}: a term is called by a word, and neither {', '.join(LOSS_COLUMNS)} nor "
                    f"{GRADIENT_NORM}…, which are columns of losses.csv, nor as a member of torch.nn.ModuleDict."
                )
            if not isinstance(loss, nn.Module):
                raise ValueError(f"loss.{name} is {loss}, where a loss is needed, as in {{_target_: torch.nn.L1Loss}}.")
            self.weights[name] = _weight(name, loss)
        self.losses = nn.ModuleDict(losses)

    @property
    def parts(self) -> tuple[str, ...]:
        """The names to log; none for a single loss, which is the whole."""
        return tuple(self.weights) if len(self.weights) > 1 else ()

    def forward(self, sr: Tensor, hr: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The sum, and each of the `parts` without its weight, detached."""
        total, parts = weighted(self.values(sr.float(), hr), self.weights)
        return total, {name: parts[name] for name in self.parts}

    def values(self, *inputs: Tensor) -> dict[str, Tensor]:
        """Each loss of the inputs, by name, without its weight."""
        # Autocast is for the network: a Sobel filter in bf16 would round each edge to eight bits.
        with in_full_precision(inputs[0].device):
            return {name: loss(*inputs) for name, loss in self.losses.items()}


def weighted(values: Mapping[str, Tensor], weights: Mapping[str, float]) -> tuple[Tensor, dict[str, Tensor]]:
    """The sum of the values that `weights` names, each times its weight, and each without it, detached."""
    terms = [values[name] if weight == 1 else values[name] * weight for name, weight in weights.items()]
    return reduce(torch.add, terms), {name: values[name].detach() for name in weights}


def as_sum(loss: Any) -> WeightedSum:
    """A loss, or losses by name, as the config has them. Raises ValueError for what is none."""
    if isinstance(loss, Mapping):
        return WeightedSum(loss)
    if not isinstance(loss, nn.Module):
        raise ValueError(f"loss is {loss}, where one is needed that can be called, as in recipe/loss=l1.")
    return WeightedSum({"whole": loss})


def _may_be_called(name: str) -> bool:
    taken = name in LOSS_COLUMNS or is_norm(name) or hasattr(nn.ModuleDict(), name)
    return name.isidentifier() and not taken


def _weight(name: str, loss: nn.Module) -> float:
    weight = getattr(loss, "weight", 1.0)
    if isinstance(weight, Tensor) or weight is None:  # torch's own: weights of classes
        return 1.0
    return checked_weight(f"loss.{name}.weight", weight)


def checked_weight(key: str, weight: Any) -> float:
    """The weight. Raises ValueError, naming `key`, for what is no number from 0 on."""
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not isfinite(weight) or weight < 0:
        raise ValueError(f"{key} is {weight}; it must be a number from 0 on.")
    return float(weight)
