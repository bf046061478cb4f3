"""A study on disk as one table in long form, for who wants to compute with it."""

from collections.abc import Iterator
from math import nan
from pathlib import Path
from typing import Any

from pandas import DataFrame

from srbench.experiments.store.packs import opened_study
from srbench.experiments.store.record import Membership
from srbench.experiments.store.study import StudyRun

ABOUT = ["study", "run", "status", "model", "class", "ablation", "variant", "baseline", "scale", "seed"]
FIGURES = ["dataset", "metric", "value", "reason", "certificate"]


def read_study(path: str | Path) -> DataFrame:
    """The figures of a study, runs/STUDY or its pack, a row each; of a run that several ablations share, once for each.

    Columns: `study`, `run` (its folder), `status` (done, failed, missing), `model`, `class`, `ablation` ("" for none),
    `variant`, `baseline`, `scale`, `seed`; `dataset` ("" for what is of no data set), `metric` (psnr, …; params,
    flops_720p, …; latency_ms; final_loss), `value` in plain units, NaN where it is missing, with the `reason`, and the
    `certificate`, what a score rests on, as text. A run that is not done has one row, without a metric, for the reason.

    UserError where there is no study.

    Examples:
        >>> import srbench
        >>> table = srbench.read_study("runs/carn_width")
        >>> table[table.metric == "psnr"].groupby("variant").value.mean().idxmax()
        'wide'
    """
    with opened_study(Path(path).expanduser()) as study:
        rows = [row for run in study.runs for row in _rows(study.name, run)]
    return DataFrame(rows, columns=[*ABOUT, *FIGURES])


def _rows(study: str, run: StudyRun) -> Iterator[list[Any]]:
    known = run.known
    of_run = (run.model, known.class_name if known else "")
    numbers = (known.scale, known.seed) if known else (None, None)
    for one in run.memberships or (Membership("", run.variant, False),):
        about = [study, run.name, run.status, *of_run, one.ablation, one.variant, one.baseline, *numbers]
        yield from ([*about, *figure] for figure in _figures(run))


def _figures(run: StudyRun) -> Iterator[tuple[str, str, float, str, str]]:
    record = run.record
    if record is None or run.status != "done":
        yield "", "", nan, run.error, ""
        return
    for dataset, certificate in record.certificates.items():
        for metric, value in record.scores.get(dataset, {}).items():
            yield dataset, metric, value, "", str(certificate)
    costs = record.cost.numbers if record.cost else {}
    for name, cost in costs.items():
        if cost is not None:
            yield "", name, cost, "", ""
    for latency in record.latency[:1]:
        yield "", "latency_ms", latency.median_ms, "", ""
    if record.train.final_loss is not None:
        yield "", "final_loss", record.train.final_loss, "", ""
    for missing in record.missing:
        dataset, _, metric = missing.what.rpartition(".")
        yield dataset, metric, nan, missing.reason, ""
