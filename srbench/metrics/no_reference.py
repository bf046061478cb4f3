"""CLIP-IQA, MANIQA and MUSIQ by the package pyiqa, and the score that NTIRE makes of them and others.

Wang et al., "Exploring CLIP for Assessing the Look and Feel of Images", AAAI 2023; Yang et al., "MANIQA", CVPR
Workshops 2022; Ke et al., "MUSIQ", ICCV 2021. The networks are pyiqa's `clipiqa`, `maniqa` and `musiq`, as in the
challenge's own script; their weights are read from a folder, because pyiqa would download them. Written against pyiqa
0.1.16 and run with random weights: none of us has had the published ones.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from srbench.core.files import sha256
from srbench.core.pixel_format import white_of
from srbench.metrics.available import MetricUnavailable, find_weights, foreign_weights
from srbench.metrics.exact_float32 import exact_float32
from srbench.metrics.metric_files import METRIC_FILES, check_tensors
from srbench.metrics.missing import Missing
from srbench.metrics.table import METRICS
from srbench.models.weights import read_weights

if TYPE_CHECKING:
    from torch import nn

ByPyiqa = Literal["clipiqa", "maniqa", "musiq"]
SMALLEST = 32  # pixels: below, the last pooling of CLIP-IQA has nothing left, and MUSIQ sees no whole patch


class NoReference:
    """Callable: how good an image looks, uint8 or uint16 (H, W, 3) → float, without HR. Higher is better; each image
    alone.

    `device`: where it computes, in float32 without TF32. Nothing in it is random. Raises MetricUnavailable when pyiqa
    cannot be imported or is too old, when none of `weights_dirs` holds the weights, and for a file that holds others.
    """

    def __init__(self, metric: ByPyiqa, weights_dirs: Sequence[Path], device: str = "cpu") -> None:
        weights = find_weights(weights_dirs, metric)
        self._metric, self._device = metric, torch.device(device)
        try:
            network = _network(metric, weights)
        except ImportError as error:
            told = f"{metric.upper()} needs pyiqa and what it imports ({error}); install it with "
            raise MetricUnavailable(Missing(metric, "package", told + METRICS[metric].install)) from error
        self._network = network.to(self._device)

    @torch.inference_mode()
    def __call__(self, image: np.ndarray) -> float:
        """Raises ValueError below 32×32 pixels."""
        height, width = image.shape[:2]
        if min(height, width) < SMALLEST:
            name, least = self._metric.upper(), f"{SMALLEST}×{SMALLEST}"
            raise ValueError(f"{name} takes images of {least} pixels or more, not {height}×{width}.")
        pixels = torch.tensor(image, device=self._device).permute(2, 0, 1)[None].float()
        pixels /= white_of(image.dtype)
        with exact_float32():  # pyiqa's own call switches TF32 on
            score: float = self._network(pixels).item()
        return score


def _network(metric: ByPyiqa, weights: Path) -> "nn.Module":
    """pyiqa's, in eval mode on the CPU."""
    import pyiqa  # type: ignore[import-not-found, unused-ignore]  # an extra, and it takes seconds

    if metric == "clipiqa":  # CLIP's file is an archive that may hold code: OpenAI's alone is opened
        with foreign_weights(metric, weights):
            if sha256(weights) != METRIC_FILES[metric].sha256:
                raise OSError("its SHA-256 is not that of OpenAI's RN50.pt")
            with warnings.catch_warnings(action="ignore"):  # of torch.jit being deprecated: the reader is pyiqa's
                network: nn.Module = pyiqa.create_metric(metric, device="cpu", backbone=str(weights)).net
        return network
    with _nothing_downloaded():
        network = pyiqa.create_metric(metric, device="cpu", pretrained=False).net
    with foreign_weights(metric, weights):
        network.load_state_dict(_tensors(weights))
    return network


def _tensors(file: Path) -> dict[str, torch.Tensor]:
    try:
        check_tensors(file)
    except ValueError as error:
        raise OSError(str(error)) from error
    return read_weights(file)


@contextmanager
def _nothing_downloaded() -> Iterator[None]:
    """While MANIQA is built: it asks timm for the ImageNet weights of its ViT, which its own weights then replace."""
    from pyiqa.archs import maniqa_arch  # type: ignore[import-not-found, unused-ignore]

    if not hasattr(maniqa_arch, "uniform_crop"):
        raise ImportError("an old version, whose MANIQA crops at random")
    timm = maniqa_arch.timm
    maniqa_arch.timm = _Untrained(timm)
    try:
        yield
    finally:
        maniqa_arch.timm = timm


class _Untrained:
    """timm, as far as pyiqa's MANIQA uses it, without pretrained weights."""

    def __init__(self, timm: Any) -> None:
        self._timm = timm

    def create_model(self, name: str, pretrained: bool) -> Any:
        return self._timm.create_model(name, pretrained=False)


def ntire_perceptual(lpips: float, dists: float, clipiqa: float, maniqa: float, musiq: float, niqe: float) -> float:
    """Score of the perceptual track of NTIRE 2025 and 2026's challenges on image SR ×4, higher is better.

    By the README of zhengchen1999/NTIRE2026_ImageSR_x4 (and NTIRE2025_…); Chen et al., arXiv 2504.14582.
    """
    return (1 - lpips) + (1 - dists) + clipiqa + maniqa + musiq / 100 + max(0.0, (10 - niqe) / 10)
