"""The metrics by name, and how one image gets its scores."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from torch import Tensor

from srbench.metrics.fidelity import PIRM, Protocol, psnr, rmse, ssim, ssim_global
from srbench.metrics.natural import PI, niqe
from srbench.metrics.perceptual import LPIPS, MetricUnavailable, Net

RGB = Protocol("rgb", "rgb")
WHOLE_RGB = Protocol("rgb", "rgb", border=0)


@dataclass(frozen=True)
class Pair:
    """SR and HR of one image, uint8 (H, W, 3)."""

    sr: np.ndarray
    hr: np.ndarray
    scale: int
    protocol: Protocol

    @cached_property
    def prepared(self) -> tuple[Tensor, Tensor]:
        """Both under the protocol, converted once for all of its metrics. ValueError if the border leaves nothing."""
        return self.under(self.protocol)

    def under(self, protocol: Protocol) -> tuple[Tensor, Tensor]:
        """Both under another protocol, for a metric that has its own."""
        return protocol.prepare(self.sr, self.scale), protocol.prepare(self.hr, self.scale)


Score = Callable[[Pair], float]


def _lpips(net: Net) -> Callable[[Sequence[Path]], Score]:
    def make(folders: Sequence[Path]) -> Score:
        distance = LPIPS(folders, net)
        return lambda pair: distance(pair.sr, pair.hr)

    return make


def _pi(folders: Sequence[Path]) -> Score:
    index = PI(folders)
    return lambda pair: index(pair.sr, pair.scale)


# Each makes its metric from the folders of weights, or raises MetricUnavailable.
METRICS: dict[str, Callable[[Sequence[Path]], Score]] = {
    "psnr": lambda _: lambda pair: psnr(*pair.prepared).item(),
    "ssim": lambda _: lambda pair: ssim(*pair.prepared).item(),
    "lpips": _lpips("alex"),
    "lpips_vgg": _lpips("vgg"),
    "lpips_squeeze": _lpips("squeeze"),
    "niqe": lambda _: lambda pair: niqe(pair.sr, pair.scale),
    "pi": _pi,
    "rmse": lambda _: lambda pair: rmse(*pair.under(RGB)).item(),
    "rmse_pirm": lambda _: lambda pair: rmse(*pair.under(PIRM)).item(),
    "ssim_global": lambda _: lambda pair: ssim_global(*pair.under(WHOLE_RGB)).item(),
}


@dataclass(frozen=True)
class Scorer:
    """Scores SR against HR, both uint8 (H, W, 3). `missing`: why a metric cannot be had, filled in as it turns out."""

    protocol: Protocol
    scores: dict[str, Score]
    missing: dict[str, str]

    def __call__(self, sr: np.ndarray, hr: np.ndarray, scale: int) -> dict[str, float]:
        """One number a metric; those in `missing` are left out."""
        pair, numbers = Pair(sr, hr, scale, self.protocol), {}
        for name, score in self.scores.items():
            if name not in self.missing:
                try:
                    numbers[name] = score(pair)
                except ValueError as error:
                    self.missing[name] = str(error)
        return numbers


def make_scorer(metrics: Sequence[str], protocol: Protocol, weights_folders: Sequence[Path]) -> Scorer:
    """A scorer for `metrics`, with what they need from `weights_folders`, or the reason why it is not there."""
    scores, missing = {}, {}
    for name in metrics:
        try:
            scores[name] = METRICS[name](weights_folders)
        except MetricUnavailable as reason:
            missing[name] = str(reason)
    return Scorer(protocol, scores, missing)
