"""The verb `verify`: whether a study's scores are those of the images that lie beside them.

Of every run it looks at the means in result.json, the config's hash, the weights, the sizes of SR and HR, and at a
sample of the scores, which are computed again from the stored SR and HR under the protocol on record.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from math import inf, nan
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from srbench.core.errors import UserError, first_line
from srbench.core.harmless import visible
from srbench.core.paths import weights_folders
from srbench.core.progress import Listener
from srbench.core.suggest import some_of
from srbench.data.digests import image_digest
from srbench.data.images import image_size, read_image
from srbench.data.pairs import ImagePair, digests, sizes_fit
from srbench.experiments.compose import build_on_meta
from srbench.experiments.reopen import load_weights_of, moved, open_run, pairs_of, weights_file
from srbench.experiments.spec import RunSpec
from srbench.experiments.store.record import Record
from srbench.experiments.store.scores import ImageRow, read_rows, sr_file
from srbench.experiments.store.study import open_study
from srbench.metrics.protocol import Protocol
from srbench.metrics.table import METRICS, NETWORKS
from srbench.models.weights import digest, read_weights

if TYPE_CHECKING:  # torch is imported when there is something to compute
    from srbench.metrics.scorer import Scorer

SEED = 0  # of the choice of images
TOLERANCE = 1e-6  # scores.csv has nine digits
MOST_NAMED = 5


@dataclass
class Finding:
    """What came out for a run: `scores` recomputed from `images`; what `differs`, what is `unknown` because it could
    not be looked at, a line each; and the number of images `unverified` that should have been there."""

    run: str
    images: int = 0
    scores: int = 0
    unverified: int = 0
    differs: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """`differs`, `agrees` or, where no score was recomputed, `unknown`."""
        return "differs" if self.differs else "agrees" if self.scores else "unknown"

    def __str__(self) -> str:
        head = f"{self.verdict:8} {self.run}: {self.scores} scores of {self.images} images recomputed"
        lines = [f"differs: {line}" for line in self.differs] + [f"not verified: {line}" for line in self.unknown]
        return "\n".join(map(visible, [head, *(f"         {line}" for line in lines)]))


def verify(
    study_dir: Path, sample: int | None, tell: Listener, data_root: Path | None = None, allow: Sequence[str] = ()
) -> list[Finding]:
    """What comes out for each run of the study, in its order, with up to `sample` images per data set (None: all).
    `data_root`: where the data lie now, None: where the runs found them. `allow`: as for `trusted`.

    Raises UserError where `study_dir` is no study.
    """
    runs = open_study(study_dir).runs
    findings = [Finding(run.name) for run in runs]
    jobs = []
    for finding, run in zip(findings, runs, strict=True):
        if run.status != "done":
            finding.unknown.append(f"{run.status}: {run.error}")
            continue
        try:
            jobs.append(_Job(finding, *open_run(run.folder, allow), run.folder, sample, data_root))
        except UserError as reason:
            finding.unknown.append(str(reason))
    total, done = sum(len(job.chosen) for job in jobs), 0
    for job in jobs:
        try:
            for image in job.steps():
                done += 1
                tell(f"{job.finding.run} {image}", done, total)
        except Exception as error:  # of whatever kind: somebody else may have made the run, and others wait
            job.finding.unknown.append(f"the rest: {type(error).__name__}: {first_line(error)}")
    return findings


def summary_of_findings(findings: list[Finding], sample: int | None) -> str:
    """One line on all runs, and one on how they were looked at."""
    words = {"agrees": "agree", "differs": "differ", "unknown": "could not be looked at"}
    counts = {word: sum(one.verdict == verdict for one in findings) for verdict, word in words.items()}
    told = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    images, scores, lost = (sum(getattr(one, key) for one in findings) for key in ("images", "scores", "unverified"))
    drawn = f"up to {sample} images per data set and run, drawn with seed {SEED}" if sample else "all stored images"
    return (
        f"{len(findings)} runs: {told or 'none'}; {scores} scores of {images} images, {lost} images not verified\n"
        f"{drawn}; scores agree within {TOLERANCE:g} (dB for PSNR; LPIPS and PI: {NETWORKS:g})"
    )


class _Job:
    """What there is to look at of one done run; adds to its `finding`. UserError where a file of it is missing."""

    def __init__(
        self, finding: Finding, run: RunSpec, record: Record, folder: Path, sample: int | None, data_root: Path | None
    ) -> None:
        self.finding, self.folder, self.record = finding, folder, record
        self.run = moved(run, data_root)
        self.rows = read_rows(folder)
        self.kept = self._kept()
        self.chosen = self._draw(sample)

    def steps(self) -> Iterator[str]:
        """Does it all, and gives the name of each chosen image when it is done with it."""
        self.finding.differs += _wrong_means(self.rows, self.record)
        self._check_config()
        self._check_weights()
        if not self.kept:
            self.finding.unknown.append("its scores: no SR images are kept (eval.save_images=0)")
        for dataset, images in self.kept.items():
            reasons = defaultdict[str, list[str]](list)
            try:
                pairs = pairs_of(self.run, dataset)
                self._check_hr(dataset, [*pairs.values()])
            except UserError as reason:
                reasons[str(reason)], pairs = list(images), None
            for image, row in images.items():
                try:
                    if pairs is not None:
                        self._check_image(row, pairs)
                except UserError as reason:
                    reasons[str(reason)].append(image)
                if (dataset, image) in self.chosen:
                    yield f"{dataset} {image}"
            self.finding.unverified += sum(map(len, reasons.values()))
            self.finding.unknown += [
                f"{dataset} {some_of(names, MOST_NAMED)}: {reason}" for reason, names in reasons.items()
            ]

    def _kept(self) -> dict[str, dict[str, ImageRow]]:
        """By data set and image, the rows whose SR images should lie there, the first `save_images`, or do."""
        most, kept = self.run.evaluation.save_images, dict[str, dict[str, ImageRow]]()
        counts = Counter[str]()
        for row in self.rows:
            counts[row.dataset] += 1
            if most == "all" or counts[row.dataset] <= most or sr_file(self.folder, row).is_file():
                kept.setdefault(row.dataset, {})[row.image] = row
        return kept

    def _draw(self, sample: int | None) -> set[tuple[str, str]]:
        chosen: set[tuple[str, str]] = set()
        for dataset, images in self.kept.items():
            draw = random.Random(f"{SEED} {self.finding.run} {dataset}")
            names = draw.sample(list(images), len(images) if sample is None else min(sample, len(images)))
            chosen |= {(dataset, name) for name in names}
        return chosen

    def _check_config(self) -> None:
        for dataset, certificate in self.record.certificates.items():
            if certificate.weights_sha256 not in (None, self.record.weights_sha256):
                self.finding.differs.append(f"{dataset}: result.json has scores of other weights than the run's")
            label = certificate.protocol.label
            others = sorted({row.protocol for row in self.rows if row.dataset == dataset} - {label})
            if others:
                told = f"{dataset}: scores.csv has the protocol {', '.join(others)}, result.json {label}"
                self.finding.differs.append(told)
        try:
            found, recorded = self.run.config_hash, self.record.config_hash
        except UserError as reason:
            self.finding.unknown.append(f"the config's hash: {reason}")
            return
        if found != recorded:
            self.finding.differs.append(f"config.yaml has the hash {found[:8]}…, result.json {recorded[:8]}…")

    def _check_weights(self) -> None:
        try:
            path, model = weights_file(self.run, self.folder), build_on_meta(self.run)
        except UserError as reason:
            self.finding.unknown.append(f"weights: {reason}")
            return
        try:
            if path:
                load_weights_of(self.run, self.folder, model, path)
                if path.parent == self.folder and digest(read_weights(path)) != self.record.weights_sha256:
                    self.finding.differs.append(f"weights: {path.name} holds others than result.json says")
        except UserError as reason:
            self.finding.differs.append(f"weights: {reason}")

    def _check_hr(self, dataset: str, pairs: Sequence[ImagePair]) -> None:
        """Of a set that is whole: what its scores differ by is then no fault of theirs."""
        certificate = self.record.certificates.get(dataset)
        if certificate is None or certificate.hr_sha256 is None or certificate.images != len(pairs):
            return
        with suppress(UserError):  # of one that cannot be read, which is told of that image
            found, _ = digests(pairs)
            if found != certificate.hr_sha256:
                told = f"HR images are not those that were scored (SHA-256 {found[:12]}, then"
                self.finding.differs.append(f"{dataset}: {told} {certificate.hr_sha256[:12]})")

    def _check_image(self, row: ImageRow, pairs: dict[str, ImagePair]) -> None:
        """Raises UserError for an image that cannot be verified."""
        if row.dataset not in self.record.certificates:
            raise UserError("result.json does not say what its scores rest on")
        if not sr_file(self.folder, row).is_file():
            raise UserError("the SR image is missing")
        if row.image not in pairs:
            raise UserError("the HR image is missing")
        pair = pairs[row.image]
        sr, hr = image_size(sr_file(self.folder, row)), image_size(pair.hr_file)
        if not sizes_fit(hr, sr, pair.scale):
            sizes = f"SR is {sr[1]}×{sr[0]}, HR {hr[1]}×{hr[0]} ({pair.hr_file})"
            self.finding.differs.append(f"{row.dataset} {row.image}: {sizes}")
        elif (row.dataset, row.image) in self.chosen:
            self._recompute(row, pair)

    def _recompute(self, row: ImageRow, pair: ImagePair) -> None:
        protocol = self.record.certificates[row.dataset].protocol
        scorer = _scorer(tuple(row.scores), protocol, self.run.places.weights_dir)
        sr, hr = (read_image(file, pair.form) for file in (sr_file(self.folder, row), pair.hr_file))
        cropped = np.ascontiguousarray(hr[: sr.shape[0], : sr.shape[1]])
        found = scorer.of_images([(sr, cropped, pair.scale)])[0]
        lines = [f"{missing.what}: {missing.reason}" for missing in (*scorer.missing, *found.missing)]
        self.finding.unknown += [line for line in lines if line not in self.finding.unknown]
        if row.sr_sha256 and row.sr_sha256 != image_digest(sr):
            self.finding.differs.append(f"{row.dataset} {row.image}: the SR image is not the one that was scored")
        self.finding.differs += [
            f"{row.dataset} {row.image} {metric}: stored {row.scores[metric]:.9g}, recomputed {new:.9g}"
            for metric, new in found.numbers.items()
            if not _agree(metric, row.scores[metric], new)
        ]
        self.finding.scores += len(found.numbers)
        self.finding.images += bool(found.numbers)


@cache
def _scorer(metrics: tuple[str, ...], protocol: Protocol, weights_dir: str) -> "Scorer":
    from srbench.metrics.scorer import make_scorer  # torch is imported when there is something to compute

    for metric in metrics:
        if metric not in METRICS:
            raise UserError(f"scores.csv: {metric}: no such metric")
    return make_scorer(metrics, protocol, weights_folders(weights_dir))


def _wrong_means(rows: Sequence[ImageRow], record: Record) -> Iterator[str]:
    """The means in result.json that are not those of scores.csv."""
    recorded = {(d, m): value for d, scores in record.scores.items() for m, value in scores.items()}
    found: dict[tuple[str, str], float] = {}
    for dataset in dict.fromkeys(row.dataset for row in rows):
        numbers = [row.scores for row in rows if row.dataset == dataset]
        common = [metric for metric in numbers[0] if all(metric in one for one in numbers)]
        found |= {(dataset, metric): fmean(one[metric] for one in numbers) for metric in common}
    for dataset, metric in recorded | found:
        old, new = (means.get((dataset, metric), nan) for means in (recorded, found))
        if not _agree(metric, old, new):
            yield f"{dataset} mean {metric}: result.json has {old:.9g}, the mean of scores.csv is {new:.9g}"


def _agree(metric: str, stored: float, found: float) -> bool:
    tolerance = METRICS[metric].tolerance if metric in METRICS else TOLERANCE
    return abs(stored - found) <= tolerance if inf not in (stored, found) else stored == found
