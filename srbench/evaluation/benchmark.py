"""Any module from LR to SR beside bicubic interpolation, as one table."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from srbench.core.hardware import pick_device
from srbench.core.paths import default_places, weights_folders
from srbench.core.progress import bar
from srbench.data.folders import benchmark_pairs as benchmark_set
from srbench.data.pairs import lr_source
from srbench.evaluation.evaluate import evaluate, mean_scores, missing_means
from srbench.metrics import cost
from srbench.metrics.figures import beyond_fvcore
from srbench.metrics.protocol import Protocol
from srbench.metrics.scorer import check_metrics, make_scorer
from srbench.metrics.table import COSTS, MORE_COSTS, members, score_name
from srbench.models.bicubic import Bicubic

if TYPE_CHECKING:
    from pandas import DataFrame

LUMA = Protocol("y", "luma")


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

    `datasets`: folders of `data_root/benchmark` ($SRBENCH_DATA, else data). What a network cannot be measured for is
    empty, with the reason in the frame's `attrs["missing"]`; what was counted beyond fvcore is in `attrs["notes"]`,
    what the scores rest on in `attrs["protocol"]` and `attrs["resizer"]`. Raises UserError for a metric that does not
    exist, and for a data set that is not there or cannot be read.
    """
    from pandas import DataFrame, to_numeric

    places = default_places()
    root = data_root or Path(places["data_root"])
    pairs = {name.lower(): benchmark_set(root.expanduser(), name, scale) for name in datasets}
    folders = weights_folders(weights_dir or places["weights_dir"])
    metrics = members(metrics)
    check_metrics(metrics, "metrics=[{}]")
    scorer = make_scorer(metrics, protocol, folders)
    networks = {"bicubic": Bicubic(scale), type(model).__name__: model}
    rows, missing, notes = [], {}, {}
    for name, network in networks.items():
        with bar(name) as tell:
            found_rows = evaluate(network, pairs, scorer, pick_device(device), tell, lambda *_: None)
        means = mean_scores(found_rows)
        counted, uncounted = cost.cost_summary(network, scale)
        measured, unmeasured = cost.latency_summary(network)
        scores = {score_name(one, metric): value for one, found in means.items() for metric, value in found.items()}
        time = {"latency_ms": measured.median_ms} if measured else {}
        rows.append({"model": name, "scale": scale, **counted.numbers, **time, **scores})
        lacking = (*uncounted, *unmeasured, *scorer.missing, *missing_means(found_rows))
        missing[name] = {one.what: one.reason for one in lacking}
        notes[name] = beyond_fvcore(counted.beyond_fvcore)
    scored = [score_name(name, metric) for name in pairs for metric in metrics]
    table = DataFrame(rows).reindex(columns=["model", "scale", *COSTS, *scored, *MORE_COSTS])
    costs = [*COSTS, *MORE_COSTS]
    table[costs] = table[costs].apply(to_numeric)  # NaN where nothing is known, in every row, too
    resizers = dict.fromkeys(lr_source(found).resizer for found in pairs.values())
    table.attrs |= {"missing": missing, "notes": notes, "protocol": protocol.label, "resizer": ", ".join(resizers)}
    return table
