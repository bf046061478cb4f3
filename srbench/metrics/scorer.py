"""The metrics by name, and how images get their scores."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from torch import Tensor

from srbench.core.errors import UserError
from srbench.core.suggest import did_you_mean
from srbench.metrics.available import MetricUnavailable
from srbench.metrics.dists import DISTS
from srbench.metrics.fidelity import PIRM, psnr, rmse, ssim, ssim_global
from srbench.metrics.missing import Missing
from srbench.metrics.natural import PI, niqe
from srbench.metrics.perceptual import LPIPS, Net
from srbench.metrics.protocol import Protocol
from srbench.metrics.table import METRICS

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


Score = Callable[[Sequence[Pair]], list[float]]
Maker = Callable[[Sequence[Path], str], Score]


def _each(score: Callable[[Pair], float]) -> Maker:
    return lambda *_: lambda pairs: [score(pair) for pair in pairs]


def _lpips(net: Net) -> Maker:
    def make(folders: Sequence[Path], device: str) -> Score:
        lpips = LPIPS(folders, net, device)
        return lambda pairs: lpips.distances([(pair.sr, pair.hr) for pair in pairs])

    return make


def _dists(folders: Sequence[Path], device: str) -> Score:
    dists = DISTS(folders, device)
    return lambda pairs: [dists(pair.sr, pair.hr) for pair in pairs]


def _pi(folders: Sequence[Path], _: str) -> Score:
    index = PI(folders)
    return lambda pairs: [index(pair.sr, pair.scale) for pair in pairs]


# Each makes its metric (of metrics/table.py) from the folders of weights, for a device, or raises MetricUnavailable.
MAKERS: dict[str, Maker] = {
    "psnr": _each(lambda pair: psnr(*pair.prepared).item()),
    "ssim": _each(lambda pair: ssim(*pair.prepared).item()),
    "lpips": _lpips("alex"),
    "lpips_vgg": _lpips("vgg"),
    "lpips_squeeze": _lpips("squeeze"),
    "dists": _dists,
    "niqe": _each(lambda pair: niqe(pair.sr, pair.scale)),
    "pi": _pi,
    "rmse": _each(lambda pair: rmse(*pair.under(RGB)).item()),
    "rmse_pirm": _each(lambda pair: rmse(*pair.under(PIRM)).item()),
    "ssim_global": _each(lambda pair: ssim_global(*pair.under(WHOLE_RGB)).item()),
}


def check_metrics(metrics: Sequence[str], told: str) -> None:
    """Raises UserError for a metric that does not exist; `told`: how the user named it, as in `eval.metrics=[{}]`."""
    for metric in metrics:
        if metric not in METRICS:
            raise UserError(f"{told.format(metric)}: no such metric{did_you_mean(metric, METRICS)}")


@dataclass(frozen=True)
class ImageScores:
    """Of one image: the numbers by metric, and why there is none."""

    numbers: dict[str, float]
    missing: tuple[Missing, ...]


@dataclass(frozen=True)
class Scorer:
    """Scores SR against HR, both uint8 (H, W, 3). `missing`: the metrics that cannot be had here at all."""

    protocol: Protocol
    scores: dict[str, Score]
    missing: tuple[Missing, ...]

    def __call__(self, sr: np.ndarray, hr: np.ndarray, scale: int) -> dict[str, float]:
        """One number a metric; none for those that cannot be computed."""
        return self.of_images([(sr, hr, scale)])[0].numbers

    def of_images(self, images: Sequence[tuple[np.ndarray, np.ndarray, int]]) -> list[ImageScores]:
        """The scores of each (sr, hr, scale); LPIPS is faster on several small images than on each alone."""
        pairs = [Pair(*image, self.protocol) for image in images]
        by_metric = {name: _scored(name, score, pairs) for name, score in self.scores.items()}
        found = [{name: scores[place] for name, scores in by_metric.items()} for place in range(len(pairs))]
        return [
            ImageScores(
                {name: score for name, score in of_image.items() if not isinstance(score, Missing)},
                tuple(score for score in of_image.values() if isinstance(score, Missing)),
            )
            for of_image in found
        ]


def _scored(name: str, score: Score, pairs: Sequence[Pair]) -> Sequence[float | Missing]:
    """A number for each pair, or the reason why that pair has none."""
    try:
        return score(pairs)
    except ValueError as error:
        if len(pairs) == 1:
            return [Missing(name, "image", str(error))]
        return [found for pair in pairs for found in _scored(name, score, [pair])]


def make_scorer(
    metrics: Sequence[str], protocol: Protocol, weights_folders: Sequence[Path], device: str = "cpu"
) -> Scorer:
    """A scorer for `metrics`, with what they need from `weights_folders`, or the reason why it is not there. `device`:
    of the networks that metrics are made of; the others stay on the CPU, where they are the same on every machine."""
    scores, missing = {}, []
    for name in metrics:
        try:
            scores[name] = MAKERS[name](weights_folders, device)
        except MetricUnavailable as error:
            missing.append(error.missing)
    return Scorer(protocol, scores, tuple(missing))
