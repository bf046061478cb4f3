"""model × data sets × protocol → one row an image."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from srbench.core.errors import UserError
from srbench.core.hardware import pick_device
from srbench.core.paths import default_places, weights_folders
from srbench.core.progress import Listener, bar
from srbench.data.folders import benchmark as benchmark_set
from srbench.data.pairs import ImagePair
from srbench.evaluation.inference import Inference, SuperResolver, check_size
from srbench.metrics import cost
from srbench.metrics.fidelity import Protocol
from srbench.metrics.perceptual import BATCH
from srbench.metrics.scorer import Scorer, check_metrics, make_scorer

if TYPE_CHECKING:
    from pandas import DataFrame

log = logging.getLogger(__name__)

INFERENCE = Inference()
LUMA = Protocol("y", "luma")
COSTS = ["params", "params_dead", "flops_720p", "flops_256", "activations_720p", "latency_ms"]

LARGE = 2048**2  # pixels: an image of more is scored before the network goes on

Item = TypeVar("Item")
Result = TypeVar("Result")
Keep = Callable[[str, int, str, np.ndarray], None]


@dataclass(frozen=True)
class Row:
    """The scores of one image under one protocol, and `missing`, why a metric has none; `resizer`: what made its LR;
    `tile`: the largest side, in pixels of LR, of the tiles that it was run in, None where it was run whole."""

    dataset: str
    image: str
    scores: dict[str, float]
    protocol: str
    resizer: str
    tile: int | None = None
    missing: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Output:
    """What the network made of one image, uint8 (H, W, 3), with the HR that it is scored against."""

    dataset: str
    index: int
    pair: ImagePair
    sr: np.ndarray
    hr: np.ndarray
    tile: int | None


def evaluate(
    model: nn.Module,
    datasets: dict[str, list[ImagePair]],
    scorer: Scorer,
    device: str,
    tell: Listener,
    keep: Keep,
    inference: Inference = INFERENCE,
) -> list[Row]:
    """One row an image, in order. `keep(dataset, index, image, sr)` receives every SR image, uint8 (H, W, 3).

    The network computes in float32 (TF32 off), as `inference` says. Where the model shuffles thumbnails, each image is
    given the thumbnail of the next one of its data set. While it computes, the next image is read by one thread, and
    the last ones are kept and scored by another. Raises UserError for an image that cannot be read, for one that is too
    small for the model, and for SR of another size than HR; FailedRunError for SR that is not finite.
    """
    model = model.eval().to(device).to(memory_format=torch.channels_last)
    total = sum(len(pairs) for pairs in datasets.values())
    rows: list[Row] = []
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as judge:
        outputs = _outputs(model, datasets, SuperResolver(model, device, inference), reader)
        for found in _judged(judge, partial(_judge, scorer, keep), _groups(outputs)):
            rows += found
            tell(f"evaluates {found[-1].dataset}", len(rows), total)
    return rows


def _overlapped(executor: Executor, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`function` of each item, in order, while the caller works on the result before or makes the item after."""
    before: Future[Result] | None = None
    for item in items:
        coming = executor.submit(function, item)
        if before:
            yield before.result()
        before = coming
    if before:
        yield before.result()


def _judged(
    executor: Executor, judge: Callable[[list[Output]], list[Row]], groups: Iterable[list[Output]]
) -> Iterator[list[Row]]:
    """Each group's rows, overlapped but for large images, whose network and scores would take memory at one time."""
    for large, alike in groupby(groups, key=lambda group: group[-1].sr[..., 0].size > LARGE):
        if large:
            yield from map(judge, alike)
        else:
            yield from _overlapped(executor, judge, alike)


def _outputs(
    model: nn.Module, datasets: dict[str, list[ImagePair]], resolver: SuperResolver, reader: Executor
) -> Iterator[Output]:
    places = [(dataset, index) for dataset, pairs in datasets.items() for index in range(len(pairs))]
    images = _overlapped(reader, ImagePair.read, [datasets[dataset][index] for dataset, index in places])
    for (dataset, index), (lr, hr) in zip(places, images, strict=True):
        pair = datasets[dataset][index]
        check_size(model, lr, pair.lr_file or pair.hr_file)
        if getattr(model, "scales", None):  # a training on several scales leaves the last batch's
            model.scale = pair.scale  # type: ignore[assignment]
        thumbnail = None
        if getattr(model, "shuffle_thumbnails", False):
            thumbnail = _of_another(datasets[dataset], index, model)
        sr = resolver(lr, thumbnail)
        if sr.shape != hr.shape:
            sizes = [f"{image.shape[1]}×{image.shape[0]}" for image in (lr, sr, hr)]
            raise UserError(
                f"{pair.hr_file}: {type(model).__name__} makes {sizes[1]} of {sizes[0]}, but HR is {sizes[2]}: is its "
                f"scale {pair.scale}?"
            )
        yield Output(dataset, index, pair, sr, hr, resolver.tile(*lr.shape[:2]))


def _groups(outputs: Iterable[Output]) -> Iterator[list[Output]]:
    """Those that follow each other, until they fill a batch of LPIPS: a large image alone, small ones together."""
    group: list[Output] = []
    for output in outputs:
        group.append(output)
        if sum(one.sr[..., 0].size for one in group) >= BATCH:
            yield group
            group = []
    if group:
        yield group


def _judge(scorer: Scorer, keep: Keep, group: list[Output]) -> list[Row]:
    for output in group:
        keep(output.dataset, output.index, output.pair.name, output.sr)
    scores = scorer.of_images([(output.sr, output.hr, output.pair.scale) for output in group])
    label = scorer.protocol.label
    return [
        Row(output.dataset, output.pair.name, found.numbers, label, output.pair.resizer, output.tile, found.reasons)
        for output, found in zip(group, scores, strict=True)
    ]


def mean_scores(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """The mean over the images of each data set, by data set and metric; none of a metric that an image lacks."""
    means: dict[str, dict[str, float]] = {}
    for dataset in dict.fromkeys(row.dataset for row in rows):
        scores = [row.scores for row in rows if row.dataset == dataset]
        common = [metric for metric in scores[0] if all(metric in one for one in scores)]
        means[dataset] = {metric: float(np.mean([one[metric] for one in scores])) for metric in common}
    return means


def reasons(rows: Sequence[Row]) -> dict[str, str]:
    """Why a data set lacks the mean of a metric, as `<dataset>.<metric>`: the first image that has no score."""
    found: dict[str, str] = {}
    for row in rows:
        for metric, reason in row.missing.items():
            found.setdefault(f"{row.dataset}.{metric}", f"{row.image}: {reason}")
    return found


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
    frame's `attrs["missing"]`, what the scores rest on in `attrs["protocol"]` and `attrs["resizer"]`. Raises UserError
    for a metric that does not exist, and for a data set that is not there or cannot be read.
    """
    from pandas import DataFrame

    from srbench.models.bicubic import Bicubic

    places = default_places()
    root = data_root or Path(places["data_root"])
    pairs = {name.lower(): benchmark_set(root.expanduser(), name, scale) for name in datasets}
    folders = weights_folders(weights_dir or places["weights_dir"])
    check_metrics(metrics, "metrics=[{}]")
    scorer = make_scorer(metrics, protocol, folders)
    networks = {"bicubic": Bicubic(scale), type(model).__name__: model}
    rows, missing = [], {}
    for name, network in networks.items():
        with bar(name) as tell:
            found_rows = evaluate(network, pairs, scorer, pick_device(device), tell, lambda *_: None)
        means = mean_scores(found_rows)
        counted, uncounted = cost.summary(network, scale)
        time = cost.latency(network, cost.LATENCY_INPUT, cost.LATENCY_INPUT).median_ms
        scores = {f"{dataset}.{metric}": value for dataset, found in means.items() for metric, value in found.items()}
        rows.append({"model": name, "scale": scale, **counted, "latency_ms": time, **scores})
        missing[name] = uncounted | scorer.missing | reasons(found_rows)
    scored = [f"{name}.{metric}" for name in pairs for metric in metrics]
    table = DataFrame(rows).reindex(columns=["model", "scale", *COSTS, *scored])
    resizers = dict.fromkeys(pair.resizer for found in pairs.values() for pair in found)
    table.attrs |= {"missing": missing, "protocol": protocol.label, "resizer": ", ".join(resizers)}
    return table
