"""Published scores beside measured ones: for each run of published weights on each data set."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pandas import DataFrame

from srbench.core.pixel_format import RGB8
from srbench.data.catalog.catalog import missing_part
from srbench.data.lr_source import RESIZER, DegradationStep, LrSource
from srbench.evaluation.certificate import Certificate
from srbench.experiments.store.overrides import given
from srbench.experiments.store.record import Record
from srbench.reports.certified import resizers_of
from srbench.reports.measured_reasons import measured_reason
from srbench.reports.rows import BICUBIC

LIMITS = (0.01, 0.05)  # dB
NOTHING = "nothing published"
INCOMPARABLE = "not comparable"
AS_MATLAB = ("matlab-symmetric", "matlab-replicate", "matlab-float")  # resizers that what is published was measured on
VALIDATION = "val"  # of the training data: nobody has published scores on it


@dataclass(frozen=True)
class PublishedScore:
    """A published score with its measured one, or a measured one of which nothing is published.

    `run`: that was measured. `difference`: measured minus published PSNR in dB. `verdict`: within 0.01 dB, within 0.05
    dB, beyond, NOTHING, or INCOMPARABLE where the run has another protocol, or LR made otherwise, than what is
    published. `reason`: which; or what gives the published score instead, as `explain` has measured it, and what its
    source tells.
    """

    network: str
    scale: int
    dataset: str
    published_psnr: float | None
    published_ssim: float | None
    measured_psnr: float
    measured_ssim: float | None
    difference: float | None
    verdict: str
    reason: str
    source: str
    protocol: str
    resizer: str
    run: str


def published_scores(
    done: Iterable[Record],
    entries: Mapping[str, Sequence[dict[str, Any]]],
    datasets: Sequence[str],
    explained: DataFrame,
) -> tuple[PublishedScore, ...]:
    """Of the finished runs, in the order of the `datasets`; `entries`: what is published, by checkpoint; `explained`:
    as `explained_scores` gives them. Weights that were trained further are not the published ones."""
    found = [
        _beside(record, entry, dataset, explained)
        for record in done
        for entry in entries.get(_weights(record), [])
        for dataset in datasets
        if dataset != VALIDATION and "psnr" in record.scores.get(dataset, {}) and dataset in record.certificates
    ]
    # Where one source is silent and another is not, the silence says nothing.
    known = {(one.network, one.scale, one.dataset) for one in found if one.published_psnr is not None}
    silent = (one.published_psnr is None and (one.network, one.scale, one.dataset) in known for one in found)
    return tuple(one for one, silence in zip(found, silent, strict=True) if not silence)


def _weights(record: Record) -> str:
    if record.model == BICUBIC:
        return BICUBIC
    return "" if record.train.steps else given(record.overrides, "checkpoint")  # trained further, they are others


def _beside(record: Record, entry: dict[str, Any], dataset: str, explained: DataFrame) -> PublishedScore:
    # JSON has turned the scales, which are numbers in published.yaml, into text.
    theirs = entry["scores"].get(str(record.scale), {}).get(dataset, {})
    psnr, certificate = theirs.get("psnr"), record.certificates[dataset]
    measured = record.scores[dataset]["psnr"]
    otherwise = "" if psnr is None else _other_images(dataset, certificate) or _other_conditions(certificate)
    difference = None if psnr is None or otherwise else round(measured - psnr, 4)
    reasons = [otherwise]
    if psnr is not None and difference is not None and abs(difference) > LIMITS[0]:
        told = entry.get("reason", {})
        reasons.append(measured_reason(_of_all_images(explained, record, dataset), psnr, theirs.get("ssim")))
        reasons.append(told.get(dataset, told.get("any", "")))
    return PublishedScore(
        network=entry["network"],
        scale=record.scale,
        dataset=dataset,
        published_psnr=psnr,
        published_ssim=theirs.get("ssim"),
        measured_psnr=measured,
        measured_ssim=record.scores[dataset].get("ssim"),
        difference=difference,
        verdict=INCOMPARABLE if otherwise else NOTHING if difference is None else _verdict(abs(difference)),
        reason="; ".join(filter(None, reasons)),
        source=entry["source"],
        protocol=certificate.told_protocol,
        resizer=resizers_of(record) or "",
        run=record.run,
    )


def _of_all_images(explained: DataFrame, record: Record, dataset: str) -> DataFrame:
    """The rows of the run on the set; none where it keeps a part of the images only."""
    own = explained[(explained.run == record.run) & (explained.dataset == dataset)]
    return own[own.images == record.certificates[dataset].images]


def _other_images(dataset: str, certificate: Certificate) -> str:
    part = missing_part(dataset, certificate.images)
    return f"published for the whole set, measured on {part}" if part else ""


def _other_conditions(certificate: Certificate) -> str:
    """Why a score is no measurement of what was published; "" where it is."""
    protocol, lr = certificate.protocol, certificate.lr
    of_luma = protocol.channels in ("luma", "luma_rounded") and protocol.border == "scale"
    if not of_luma or certificate.inference.self_ensemble:
        return f"published under luma with border = scale, measured under {certificate.told_protocol}"
    if certificate.told_form:
        return f"published for images of {RGB8.name}, measured on images{certificate.told_form}"
    other = _other_lr(lr)
    return f"published for LR by MATLAB's bicubic, measured on {other}" if other else ""


def _other_lr(lr: LrSource) -> str:
    """What LR is, where it cannot be MATLAB's bicubic."""
    if any(step != DegradationStep("resize", {"resizer": RESIZER}) for step in lr.steps):
        return lr.resizer
    # Files of which nothing is known, or in which nothing is recognised, may be such LR.
    return "" if not lr.recognised or set(lr.recognised) & set(AS_MATLAB) else f"LR files by {lr.maker}"


def _verdict(difference: float) -> str:
    limit = next((limit for limit in LIMITS if difference <= limit), None)
    return f"within {limit} dB" if limit else "beyond"
