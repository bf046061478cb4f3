"""model × data sets × protocol → one row an image."""

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from srbench.checkpoints import weights_folders
from srbench.data.folders import benchmark as benchmark_set
from srbench.data.pairs import ImagePair
from srbench.errors import UserError
from srbench.machine import pick_device
from srbench.metrics import cost
from srbench.metrics.cost import exact_float32
from srbench.metrics.fidelity import Protocol, psnr, rmse, ssim
from srbench.metrics.perceptual import LPIPS, MetricUnavailable
from srbench.progress import Listener, bar

if TYPE_CHECKING:
    from pandas import DataFrame

log = logging.getLogger(__name__)

METRICS = ("psnr", "ssim", "lpips", "rmse")
RGB = Protocol("rgb", "rgb")
LUMA = Protocol("y", "luma")
COSTS = ["params", "params_dead", "flops_720p", "flops_256", "activations_720p", "latency_ms"]

Keep = Callable[[str, int, str, np.ndarray], None]


@dataclass(frozen=True)
class Row:
    """The scores of one image under one protocol; `resizer`: what made its LR."""

    dataset: str
    image: str
    scores: dict[str, float]
    protocol: str
    resizer: str


@dataclass(frozen=True)
class Scorer:
    """Scores SR against HR, both uint8 (H, W, 3), by the metrics asked for. `missing`: why a metric cannot be had."""

    metrics: Sequence[str]
    protocol: Protocol
    lpips: LPIPS | None
    missing: dict[str, str]

    def __call__(self, sr: np.ndarray, hr: np.ndarray, scale: int) -> dict[str, float]:
        """One number a metric; those in `missing` are left out."""
        ours, theirs = self.protocol.prepare(sr, scale), self.protocol.prepare(hr, scale)
        scores = {}
        if "psnr" in self.metrics:
            scores["psnr"] = psnr(ours, theirs).item()
        if "ssim" in self.metrics:
            scores["ssim"] = ssim(ours, theirs).item()
        if "rmse" in self.metrics:
            scores["rmse"] = rmse(RGB.prepare(sr, scale), RGB.prepare(hr, scale)).item()
        if self.lpips is not None and "lpips" not in self.missing:
            try:
                scores["lpips"] = self.lpips(sr, hr)
            except ValueError as error:
                self.missing["lpips"] = str(error)
        return scores


def make_scorer(metrics: Sequence[str], protocol: Protocol, weights_folders: Sequence[Path]) -> Scorer:
    """A scorer for `metrics`, LPIPS with the backbone found in `weights_folders`, or missing with the reason."""
    lpips, missing = None, {}
    if "lpips" in metrics:
        try:
            lpips = LPIPS(weights_folders)
        except MetricUnavailable as error:
            missing["lpips"] = str(error)
    return Scorer(metrics, protocol, lpips, missing)


def evaluate(
    model: nn.Module, datasets: dict[str, list[ImagePair]], scorer: Scorer, device: str, tell: Listener, keep: Keep
) -> list[Row]:
    """One row an image, in order. `keep(dataset, index, image, sr)` receives every SR image, uint8 (H, W, 3).

    The network computes in float32 (TF32 off) on the whole image. Where the model shuffles thumbnails, each image is
    given the thumbnail of the next one of its data set. Raises UserError for an image that cannot be read.
    """
    model = model.eval().to(device).to(memory_format=torch.channels_last)
    total = sum(len(pairs) for pairs in datasets.values())
    rows: list[Row] = []
    for dataset, pairs in datasets.items():
        for index, pair in enumerate(pairs):
            lr, hr = pair.read()
            if getattr(model, "scales", None):  # a training on several scales leaves the last batch's
                model.scale = pair.scale  # type: ignore[assignment]
            thumbnail = None
            if getattr(model, "shuffle_thumbnails", False):
                thumbnail = _of_another(pairs, index, model)
            sr = super_resolve(model, lr, device, thumbnail)
            keep(dataset, index, pair.name, sr)
            try:
                scores = scorer(sr, hr, pair.scale)
            except ValueError as error:
                raise UserError(f"{pair.hr_file}: {error}") from error
            rows.append(Row(dataset, pair.name, scores, scorer.protocol.name, pair.resizer))
            tell(f"evaluates {dataset}", len(rows), total)
    return rows


@torch.inference_mode()
def super_resolve(model: nn.Module, lr: np.ndarray, device: str, thumbnail: Tensor | None = None) -> np.ndarray:
    """uint8 (h, w, 3) → uint8 (sh, sw, 3): the model's output clipped to [0, 1] and rounded."""
    image = torch.from_numpy(lr).to(device).permute(2, 0, 1)[None].float() / 255
    with exact_float32():
        sr = model(image) if thumbnail is None else model(image, thumbnail.to(device))
    pixels: np.ndarray = (sr[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    return pixels


def mean_scores(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """The mean over the images of each data set, by data set and metric; none of a metric that an image lacks."""
    means: dict[str, dict[str, float]] = {}
    for dataset in dict.fromkeys(row.dataset for row in rows):
        scores = [row.scores for row in rows if row.dataset == dataset]
        common = [metric for metric in scores[0] if all(metric in one for one in scores)]
        means[dataset] = {metric: float(np.mean([one[metric] for one in scores])) for metric in common}
    return means


def _of_another(pairs: list[ImagePair], index: int, model: nn.Module) -> Tensor:
    other, _ = pairs[(index + 1) % len(pairs)].read()
    image = torch.from_numpy(other).permute(2, 0, 1)[None].float() / 255
    square: Tensor = model.make_thumbnail(image)  # type: ignore[operator]
    return square


def benchmark(
    model: nn.Module,
    scale: int,
    datasets: Sequence[str] = ("set5",),
    metrics: Sequence[str] = ("psnr", "ssim", "lpips"),
    protocol: Protocol = LUMA,
    data_root: Path | None = None,
    weights_dir: str | None = None,
    device: str = "auto",
) -> "DataFrame":
    """One row for bicubic interpolation and one for `model`, any module from LR to SR, with the columns of table.csv.

    `datasets`: folders of `data_root/benchmark` ($SRBENCH_DATA, else data). Reasons for what is missing are in the
    frame's `attrs["missing"]`. Raises UserError for a data set that is not there or cannot be read.
    """
    from pandas import DataFrame

    from srbench.models.bicubic import Bicubic

    root = data_root or Path(os.environ.get("SRBENCH_DATA", "data"))
    pairs = {name.lower(): benchmark_set(root.expanduser(), name, scale) for name in datasets}
    folders = weights_folders(weights_dir or os.environ.get("SRBENCH_WEIGHTS", "~/.cache/srbench/weights"))
    scorer = make_scorer(metrics, protocol, folders)
    networks = {"bicubic": Bicubic(scale), type(model).__name__: model}
    rows, missing = [], {}
    for name, network in networks.items():
        with bar(name) as tell:
            means = mean_scores(evaluate(network, pairs, scorer, pick_device(device), tell, lambda *_: None))
        counted, uncounted = cost.summary(network, scale)
        time = cost.latency(network, cost.LATENCY_INPUT, cost.LATENCY_INPUT).median_ms
        scores = {f"{dataset}.{metric}": value for dataset, found in means.items() for metric, value in found.items()}
        rows.append({"model": name, "scale": scale, **counted, "latency_ms": time, **scores})
        missing[name] = uncounted | scorer.missing
    scored = [f"{name}.{metric}" for name in pairs for metric in metrics]
    table = DataFrame(rows).reindex(columns=["model", "scale", *COSTS, *scored])
    table.attrs["missing"] = missing
    return table
