"""Any module from LR to SR beside bicubic interpolation, as one table."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from torch import nn

from srbench.core.hardware import pick_device
from srbench.core.name_lists import name_list
from srbench.core.paths import default_places, told_weights_dir, weights_folders
from srbench.core.progress import bar
from srbench.data.folders import benchmark_pairs as benchmark_set
from srbench.data.pairs import digests, lr_source
from srbench.data.unread import shallow
from srbench.evaluation.certificate import Certificate
from srbench.evaluation.cost_of_network import cost
from srbench.evaluation.evaluate import ImageResult, evaluate, mean_scores, missing_means
from srbench.evaluation.own_network import check_network, check_values, working_copy
from srbench.evaluation.own_scale import agreed_scale
from srbench.evaluation.settings import Inference
from srbench.metrics.protocol import Protocol, protocol_named
from srbench.metrics.scorer import check_metrics, make_scorer
from srbench.metrics.table import COSTS, MORE_COSTS, members, score_name
from srbench.metrics.usual_torch import usual_torch
from srbench.models.bicubic import Bicubic
from srbench.models.traits import format_for, use_scale
from srbench.models.weights import network_digest

if TYPE_CHECKING:
    from pandas import DataFrame

log = logging.getLogger(__name__)


@usual_torch()
def benchmark(
    model: nn.Module,
    datasets: Sequence[str] = ("set5",),
    *,
    scale: int | None = None,
    metrics: Sequence[str] = ("psnr", "ssim", "lpips"),
    protocol: str | Protocol = "y",
    data_root: str | Path | None = None,
    weights_dir: str | Path | None = None,
    device: str | torch.device = "auto",
    tile: int | Literal["auto"] | None = "auto",
    self_ensemble: bool = False,
) -> "DataFrame":
    """One row for bicubic interpolation and one for `model`, any module from LR (N, 3, H, W) in [0, 1] to SR, which
    stays as it is; one with `image_channels` of 1 is given grey images. It computes in float32.

    `datasets`: folders of `data_root/benchmark` ($SRBENCH_DATA, else data), without regard to case. `scale`: where the
    model has several; else what its `scale` says, or its output. `metrics`, `protocol` (y, y_uint8, rgb, ntire, or a
    Protocol), `weights_dir` (of metrics), `device`, `tile` and `self_ensemble`: as of a run.

    Columns: those of table.csv, in plain units, which are those of `cost`, too; `<dataset>.certificate`: what its
    scores rest on; `weights_sha256`; `missing`: why a figure is NaN, by its name, those of `cost`, or a metric, of all
    data sets or one; `beyond_fvcore`: what is counted that fvcore takes for zero. What a network cannot be measured for
    ends nothing.

    Raises UserError for a metric or a protocol that does not exist, for a data set that is not there or cannot be read,
    and for a model that is none or does not fit to it; ValueError for one that tells no scale, or another.

    Examples:
        >>> import srbench
        >>> table = srbench.benchmark(srbench.load("nearest", scale=2), ["set5"], metrics=["psnr"], data_root="data")
        >>> table.round(2)[["model", "scale", "params", "set5.psnr"]]
             model  scale  params  set5.psnr
        0  bicubic      2       0      33.67
        1  Nearest      2       0      30.86
    """
    from pandas import DataFrame, to_numeric

    check_network(model)
    check_values(model)
    datasets, metrics = name_list(datasets, "datasets"), members(name_list(metrics, "metrics"))
    check_metrics(metrics, "metrics=[{}]")
    asked = protocol if isinstance(protocol, Protocol) else protocol_named(str(protocol))
    inference, times = Inference(tile, self_ensemble=self_ensemble), agreed_scale(model, scale)
    chosen = pick_device(str(device))
    working = working_copy(model, chosen)
    use_scale(working, times)
    root = Path(data_root or default_places()["data_root"]).expanduser()
    form = format_for(working)
    pairs = {name.lower(): [replace(pair, form=form) for pair in benchmark_set(root, name, times)] for name in datasets}
    scorer = make_scorer(metrics, asked, weights_folders(told_weights_dir(weights_dir)))
    for line in shallow(pair.hr_file for found in pairs.values() for pair in found):
        log.warning("%s", line)
    sources = {name: (len(found), lr_source(found), *digests(found)) for name, found in pairs.items()}
    rows = []
    for name, network in {"bicubic": Bicubic(times, form.channels), type(model).__name__: working}.items():
        with bar(name) as tell:
            results = evaluate(network, pairs, scorer, chosen, tell, lambda *_: None, inference)
        costs = cost(network, times, latency=True)
        own = network_digest(network)
        certificates = {
            f"{one}.certificate": str(
                Certificate(asked, lr, number, hr, lr_files, own, inference, _tiled(results, one), form)
            )
            for one, (number, lr, hr, lr_files) in sources.items()
        }
        lacking = {one.what: one.reason for one in (*scorer.missing, *missing_means(results))}
        told = {"weights_sha256": own, "missing": costs["missing"] | lacking}
        rows.append({"model": name, "scale": times, **costs, **_scores(results), **certificates, **told})
    columns = [column for name in pairs for column in _columns(name, metrics)]
    costs_and_notes = [*COSTS, *columns, *MORE_COSTS, "peak_memory_mb", "weights_sha256", "missing", "beyond_fvcore"]
    table = DataFrame(rows).reindex(columns=["model", "scale", *costs_and_notes])
    numbers = [*COSTS, *MORE_COSTS, "peak_memory_mb"]
    table[numbers] = table[numbers].apply(to_numeric)  # NaN where nothing is known, in every row, too
    return table


def _scores(results: Sequence[ImageResult]) -> dict[str, float]:
    means = mean_scores(results)
    return {score_name(name, metric): value for name, found in means.items() for metric, value in found.items()}


def _tiled(results: Sequence[ImageResult], dataset: str) -> bool:
    return any(result.tile for result in results if result.dataset == dataset)


def _columns(dataset: str, metrics: Sequence[str]) -> Iterator[str]:
    yield from (score_name(dataset, metric) for metric in metrics)
    yield f"{dataset}.certificate"
