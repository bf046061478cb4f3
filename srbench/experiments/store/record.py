"""The record of a run, result.json, as one typed value; no other module reads or writes that file. Without torch."""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from srbench.core.errors import UserError
from srbench.core.files import write_file
from srbench.evaluation.certificate import Certificate
from srbench.experiments.store.codec import decode, json_schema, to_json
from srbench.experiments.store.json_files import in_short, newer, read_json
from srbench.experiments.store.schema_1 import of_schema_1
from srbench.metrics.figures import Cost, Latency, Routing
from srbench.metrics.missing import Missing
from srbench.metrics.table import METRICS, score_name
from srbench.recipes.outcome import StageOutcome, TrainingSession

SCHEMA = 2
FILE = "result.json"
DEFAULT = "default"  # the variant of a run in no ablation


@dataclass(frozen=True)
class Membership:
    """A run's place in an ablation."""

    ablation: str
    variant: str
    baseline: bool


@dataclass(frozen=True)
class TrainingData:
    """What was trained on: the `data` option, the number of images and their `pixel_digest`."""

    name: str
    images: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class StageRecord(StageOutcome):
    """With what it was trained on, and `full_steps`: how long it is by the recipe, where that says so."""

    training_data: TrainingData
    full_steps: int | None = None


@dataclass(frozen=True)
class Training:
    """How the training went: of all stages together, and of each. `steps` 0: there was none. `final_loss`: that of the
    last stage. `captured`: true where steps were run by CUDA graphs, else why they, or some, were not; false on a CPU.
    `recipe`: its option in the config; None where it is not known."""

    steps: int = 0
    steps_per_second: float = 0.0
    data_wait: float = 0.0
    final_loss: float | None = None
    captured: bool | str = False
    memory_format: str | None = None
    stages: tuple[StageRecord, ...] = ()
    training_data: TrainingData | None = None
    recipe: str | None = None

    @property
    def sessions(self) -> tuple[TrainingSession, ...]:
        """Of all stages."""
        return tuple(session for stage in self.stages for session in stage.sessions)


@dataclass(frozen=True)
class Evaluation:
    """What is known of a run on a data set: means over its images by metric, what they rest on, and what is missing."""

    scores: dict[str, float]
    certificate: Certificate
    missing: tuple[Missing, ...]


@dataclass(frozen=True)
class Fingerprints:
    """Of what each part of a record was made from; scores have one a data set. None: the part is not there.
    `latency_device`: where it was tried, cpu, cuda or mps; None where that is not known."""

    train: str | None = None
    score: dict[str, str] = field(default_factory=dict)
    cost: str | None = None
    latency: str | None = None
    latency_device: str | None = None


@dataclass(frozen=True)
class Record:
    """What a run leaves. `error`: null also of a run that has not ended. `ablation`, `variant`, `baseline`: the first
    of its `memberships`, else null, "default" and false. `overrides`: the words of the command line that fix the
    weights. `versions`: of srbench, torch and the like; `git`: the commit of srbench's checkout; `own_code`: digests of
    the code of the user's own classes, by their places. `device`, `threads`, `precision`: of the training. `seconds`:
    of all sessions. `routing`: by data set, of a network that routes."""

    schema: int
    run: str
    study: str
    status: Literal["done", "failed"]
    error: str | None
    config_hash: str
    model: str
    class_name: str = field(metadata={"json": "class"})
    ablation: str | None
    variant: str
    baseline: bool
    memberships: tuple[Membership, ...]
    seed: int
    scale: int
    overrides: tuple[str, ...]
    versions: dict[str, str]
    git: str | None
    device: str
    threads: int
    precision: str
    started: str
    seconds: float
    train: Training = Training()
    cost: Cost | None = None
    latency: tuple[Latency, ...] = ()
    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    certificates: dict[str, Certificate] = field(default_factory=dict)
    missing: tuple[Missing, ...] = ()
    routing: dict[str, Routing] = field(default_factory=dict)
    own_code: dict[str, str] = field(default_factory=dict)
    weights_sha256: str | None = None
    fingerprints: Fingerprints = Fingerprints()

    @property
    def is_open(self) -> bool:
        """Whether the run has not ended, well or not: it is at work, or was interrupted."""
        return self.status == "failed" and self.error is None

    @property
    def evaluations(self) -> dict[str, Evaluation]:
        """By data set."""
        return {name: self._evaluation(name) for name in self.certificates}

    def _evaluation(self, dataset: str) -> Evaluation:
        missing = tuple(one for one in self.missing if one.what in _names_of(dataset))
        return Evaluation(self.scores.get(dataset, {}), self.certificates[dataset], missing)

    def with_evaluation(self, dataset: str, evaluation: Evaluation, fingerprint: str) -> "Record":
        """The record with all that is known of `dataset` replaced."""
        kept = tuple(one for one in self.missing if one.what not in _names_of(dataset))
        prints = self.fingerprints
        return replace(
            self,
            scores={**self.scores, dataset: evaluation.scores},
            certificates={**self.certificates, dataset: evaluation.certificate},
            missing=kept + evaluation.missing,
            fingerprints=replace(prints, score={**prints.score, dataset: fingerprint}),
        )


def _names_of(dataset: str) -> set[str]:
    return {score_name(dataset, metric) for metric in METRICS}


def write_record(folder: Path, record: Record) -> None:
    """Replaces the run's record in one step: a reader sees the old one or the new one, never half of one."""
    write_file(folder / FILE, to_json(record))


class NewerRecordError(UserError):
    """A record that only a newer srbench can read, and that stays as it is."""


def read_record(folder: Path) -> Record | None:
    """The run's record; None where there is none. UserError, in one line, for one that cannot be read, and a
    NewerRecordError for one that a newer srbench has written."""
    path = folder / FILE
    try:
        return _record_of(path, read_json(path))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: cannot be read ({in_short(error)})") from error


def identity_of(folder: Path) -> tuple[str, str] | None:
    """The name and the `config_hash` that the record in a folder says it has; None where it says nothing."""
    try:
        content = read_json(folder / FILE)
        return str(content["run"]), str(content["config_hash"])
    except (OSError, ValueError, RecursionError, TypeError, KeyError):
        return None


def release_line(record: Record) -> str:
    """`0.1` of srbench 0.1.3: results compare within one. "" where the record does not tell."""
    version = record.versions.get("srbench", "")
    line = re.match(r"\d+\.\d+", version)
    return line[0] if line else version


def record_schema() -> dict[str, Any]:
    """The JSON Schema of result.json."""
    return {"title": "result.json of srbench"} | json_schema(Record)


def _record_of(path: Path, content: Any) -> Record:
    schema = content.get("schema", 1) if isinstance(content, dict) else SCHEMA
    if type(schema) is int and schema > SCHEMA:
        raise NewerRecordError(f"{path}: {newer(schema, SCHEMA)}")
    return decode(Record, of_schema_1(content) if schema == 1 else content)
