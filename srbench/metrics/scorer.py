"""The metrics by name, and how images get their scores."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from srbench.metrics.natural import PI, niqe, niqe_pyiqa
from srbench.metrics.no_reference import ByPyiqa, NoReference, ntire_perceptual
from srbench.metrics.perceptual import LPIPS, Net
from srbench.metrics.protocol import Protocol
from srbench.metrics.table import METRICS, SETS

RGB = Protocol("rgb", "rgb")
WHOLE_RGB = Protocol("rgb", "rgb", border=0)


@dataclass(frozen=True)
class Pair:
    """SR and HR of one image, uint8 or uint16, (H, W, 3) or (H, W, 1)."""

    sr: np.ndarray
    hr: np.ndarray
    scale: int
    protocol: Protocol

    @cached_property
    def prepared(self) -> tuple[Tensor, Tensor]:
        """Both under the protocol, converted once for all of its metrics. ValueError if the border leaves nothing."""
        return self.under(self.protocol)

    @property
    def in_rgb(self) -> tuple[np.ndarray, np.ndarray]:
        """Both (H, W, 3), for metrics that know nothing else."""
        height, width = self.sr.shape[:2]
        sr, hr = (np.broadcast_to(image, (height, width, 3)) for image in (self.sr, self.hr))
        return sr, hr

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
        return lambda pairs: lpips.distances([pair.in_rgb for pair in pairs])

    return make


def _dists(folders: Sequence[Path], device: str) -> Score:
    dists = DISTS(folders, device)
    return lambda pairs: [dists(*pair.in_rgb) for pair in pairs]


def _no_reference(metric: ByPyiqa) -> Maker:
    def make(folders: Sequence[Path], device: str) -> Score:
        quality = NoReference(metric, folders, device)
        return lambda pairs: [quality(pair.in_rgb[0]) for pair in pairs]

    return make


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
    "niqe_pyiqa": _each(lambda pair: niqe_pyiqa(pair.sr)),
    "pi": _pi,
    "clipiqa": _no_reference("clipiqa"),
    "maniqa": _no_reference("maniqa"),
    "musiq": _no_reference("musiq"),
    "rmse": _each(lambda pair: rmse(*pair.under(RGB)).item()),
    "rmse_pirm": _each(lambda pair: rmse(*pair.under(PIRM)).item()),
    "ssim_global": _each(lambda pair: ssim_global(*pair.under(WHOLE_RGB)).item()),
}

# Of the metrics that are computed of others: from the scores of one image, in the order of `Metric.of`.
COMBINED: dict[str, Callable[..., float]] = {"ntire_perceptual": ntire_perceptual}


def check_metrics(metrics: Sequence[str], told: str) -> None:
    """Raises UserError for a metric that does not exist; `told`: how the user named it, as in `eval.metrics=[{}]`."""
    for metric in metrics:
        if metric not in METRICS:
            raise UserError(
                f"{told.format(metric)}: no such metric{did_you_mean(metric, [*METRICS, *(SETS.keys() - {metric})])}"
            )


@dataclass(frozen=True)
class ImageScores:
    """Of one image: the numbers by metric, and why there is none."""

    numbers: dict[str, float]
    missing: tuple[Missing, ...]


@dataclass(frozen=True)
class Scorer:
    """Scores SR against HR, both uint8 or uint16, (H, W, 3) or (H, W, 1), by the metrics `names`. `missing`: those that
    are asked for and cannot be had here at all. `scores`: of the names, and of what they are computed of."""

    protocol: Protocol
    names: tuple[str, ...]
    scores: dict[str, Score]
    missing: tuple[Missing, ...]

    def __call__(self, sr: np.ndarray, hr: np.ndarray, scale: int) -> dict[str, float]:
        """One number a metric; none for those that cannot be computed."""
        return self.of_images([(sr, hr, scale)])[0].numbers

    def of_images(self, images: Sequence[tuple[np.ndarray, np.ndarray, int]]) -> list[ImageScores]:
        """The scores of each (sr, hr, scale); LPIPS is faster on several small images than on each alone."""
        pairs = [Pair(*image, self.protocol) for image in images]
        by_metric = {name: _scored(name, score, pairs) for name, score in self.scores.items()}
        of_images = [{name: scores[place] for name, scores in by_metric.items()} for place in range(len(pairs))]
        found = [{name: one[name] if name in one else _combined(name, one) for name in self.names} for one in of_images]
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


def _combined(name: str, scores: Mapping[str, float | Missing]) -> float | Missing:
    """Of what the metric is computed of, for one image."""
    parts = [scores[part] for part in METRICS[name].of]
    lacking = [part for part in parts if isinstance(part, Missing)]
    return _without(name, lacking[0]) if lacking else COMBINED[name](*parts)


def _without(name: str, part: Missing) -> Missing:
    """Why there is no `name`, which is computed of what is missing."""
    return replace(part, what=name, reason=f"{METRICS[name].heading} is computed of {part.what}: {part.reason}")


def make_scorer(
    metrics: Sequence[str], protocol: Protocol, weights_folders: Sequence[Path], device: str = "cpu"
) -> Scorer:
    """A scorer for `metrics`, with what they need from `weights_folders`, or the reason why it is not there. `device`:
    of the networks that metrics are made of; the others stay on the CPU, where they are the same on every machine, and
    so do the networks beside an Apple GPU, which has no float64."""
    place = "cpu" if device == "mps" else device
    scores: dict[str, Score] = {}
    lacks: dict[str, Missing] = {}
    for name in dict.fromkeys(part for metric in metrics for part in METRICS[metric].of or (metric,)):
        try:
            scores[name] = MAKERS[name](weights_folders, place)
        except MetricUnavailable as error:
            lacks[name] = error.missing
    for name in metrics:
        if lacking := [lacks[part] for part in METRICS[name].of if part in lacks]:
            lacks[name] = _without(name, lacking[0])
    names = tuple(name for name in metrics if name not in lacks)
    return Scorer(protocol, names, scores, tuple(lacks[name] for name in metrics if name in lacks))
