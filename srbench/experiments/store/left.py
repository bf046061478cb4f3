"""What is left to do of a run: the one place that decides it, for runs, grids, launchers, `status` and reports."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from srbench.core.errors import UserError
from srbench.experiments.store.plans import Wanted, WantedLatency, WantedScores
from srbench.experiments.store.record import Record, read_record
from srbench.metrics.table import score_name

WEIGHTS = "weights.safetensors"
IMAGES = "images"
LATENCY = "latency"
HR = "hr"  # of the bicubic run: what the images of all runs are compared with


@dataclass(frozen=True)
class Left:
    """The steps that are left, `score` by data set with the metrics that it lacks, `images`: data sets that lack SR
    images. True where anything is left, be it only that the run has not ended well."""

    train: bool
    score: dict[str, tuple[str, ...]] = field(hash=False)
    images: tuple[str, ...]
    cost: bool
    latency: bool
    ended: bool

    def __bool__(self) -> bool:
        return bool(self.steps) or not self.ended

    @property
    def steps(self) -> tuple[str, ...]:
        """Their names, for people: `train`, `score set5 (niqe)`, `images val`, `cost`, `latency`."""
        scores = [f"score {name} ({', '.join(metrics)})" for name, metrics in self.score.items()]
        images = [f"images {name}" for name in self.images]
        rest = [*["cost"] * self.cost, *["latency"] * self.latency]
        return (*["train"] * self.train, *scores, *images, *rest)


@dataclass(frozen=True)
class RunFiles:
    """What lies in a run's folder beside its record: whether there are weights, and how many SR images of each set."""

    weights: bool
    images: Mapping[str, int]


def left(folder: Path, wanted: Wanted, can_be_had: Callable[[str], bool]) -> Left:
    """What is left of `wanted` of the run in `folder`. `can_be_had`: whether the machine has what a metric, or the
    latency, needs, asked of those that were missing before. A record that cannot be read counts as none."""
    try:
        record = read_record(folder)
    except UserError:
        record = None
    kept = {name: sum(1 for _ in (folder / IMAGES / name).glob("*.png")) for name in wanted.scores}
    return left_of(record, RunFiles((folder / WEIGHTS).is_file(), kept), wanted, can_be_had)


def everything(wanted: Wanted) -> Left:
    """All that is wanted of a run of which there is nothing."""
    scores = {name: scores.metrics for name, scores in wanted.scores.items()}
    return Left(wanted.train is not None, scores, (), True, wanted.latency is not None, False)


def left_of(record: Record | None, files: RunFiles, wanted: Wanted, can_be_had: Callable[[str], bool]) -> Left:
    """The same of a record and what lies beside it."""
    had = record.fingerprints if record else None
    if (
        record is None
        or had is None
        or (wanted.train is not None and not (files.weights and had.train == wanted.train))
    ):
        return everything(wanted)
    lacking = {name: _lacking(record, name, scores, can_be_had) for name, scores in wanted.scores.items()}
    return Left(
        train=False,
        score={name: metrics for name, metrics in lacking.items() if metrics},
        images=tuple(name for name in lacking if not lacking[name] and _lacks_images(record, files, name, wanted)),
        cost=record.cost is None or had.cost != wanted.cost,
        latency=wanted.latency is not None and not is_timed(record, wanted.latency, can_be_had(LATENCY)),
        ended=record.status == "done",
    )


def _lacking(
    record: Record, dataset: str, wanted: WantedScores, can_be_had: Callable[[str], bool]
) -> tuple[str, ...]:  # fmt: skip
    """The metrics that the run lacks on the data set; all of them where its scores are of something else."""
    if record.fingerprints.score.get(dataset) != wanted.fingerprint:
        return wanted.metrics
    told = {one.what: one for one in record.missing}
    scores = record.scores.get(dataset, {})
    found = []
    for metric in wanted.metrics:
        missing = told.get(score_name(dataset, metric)) or told.get(metric)
        if metric not in scores and (missing is None or (missing.may_come and can_be_had(metric))):
            found.append(metric)
    return tuple(found)


def _lacks_images(record: Record, files: RunFiles, dataset: str, wanted: Wanted) -> bool:
    there, asked = record.certificates[dataset].images, wanted.scores[dataset].images
    return files.images.get(dataset, 0) < (there if asked is None else min(there, asked))


def is_timed(record: Record, wanted: WantedLatency, can_be_had: bool) -> bool:
    """Whether a run has the latency that is wanted of it, or is known to have none; a device that is named is tried,
    and where it `can_be_had`, what found too little memory is tried again."""
    if record.fingerprints.latency != wanted.fingerprint:
        return False
    tried = record.fingerprints.latency_device
    missing = (one for one in record.missing if one.what == LATENCY and not (one.may_come and can_be_had))
    told = tried is None or wanted.device in (None, tried)
    return (told and any(missing)) or any(
        wanted.device in (None, one.device if one.device in ("cpu", "mps") else "cuda")
        and wanted.threads in (None, one.threads)
        for one in record.latency
    )
