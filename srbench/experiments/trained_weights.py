"""weights.safetensors: the weights that a run has trained, with how the training went beside them."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from srbench.core.files import write_file
from srbench.experiments.store.codec import FormatError, decode, encode
from srbench.experiments.store.record import Training
from srbench.models.weights import digest

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainedWeights:
    """`fingerprint`: of the training; `sha256`: `digest` of the weights, which holds for them."""

    fingerprint: str
    training: Training
    sha256: str


def write_trained(path: Path, weights: Mapping[str, Tensor], fingerprint: str, training: Training) -> None:
    """Both in one step: an interrupt may come between the weights and the record."""
    tensors = {name: value.contiguous() for name, value in weights.items()}
    about = {"fingerprint": fingerprint, "training": json.dumps(encode(training)), "sha256": digest(tensors)}
    write_file(path, save(tensors, about))


def read_trained(path: Path) -> TrainedWeights | None:
    """What a file of `write_trained` says of its weights; None, told in one line, for one that is damaged or something
    else."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        found = TrainedWeights(about["fingerprint"], decode(Training, json.loads(about["training"])), about["sha256"])
        if digest(weights) == found.sha256:
            return found
        reason = "damaged"
    except (OSError, SafetensorError, KeyError, FormatError, ValueError, RecursionError) as error:
        reason = type(error).__name__
    log.warning("%s cannot be used (%s)", path, reason)
    return None
