"""weights.safetensors: the weights that a run has trained, with how the training went beside them."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from srbench.experiments.store.codec import FormatError, decode, encode
from srbench.experiments.store.record import Training
from srbench.models.kept_weights import SHA256, UnreadableError, read_kept, write_kept

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainedWeights:
    """`fingerprint`: of the training; `sha256`: `digest` of the weights, which holds for them."""

    fingerprint: str
    training: Training
    sha256: str


def write_trained(path: Path, weights: Mapping[str, Tensor], fingerprint: str, training: Training) -> None:
    """Both in one step: an interrupt may come between the weights and the record."""
    write_kept(path, weights, {"fingerprint": fingerprint, "training": json.dumps(encode(training))})


def read_trained(path: Path) -> TrainedWeights | None:
    """What a file of `write_trained` says of its weights; None, told in one line, for one that is damaged or something
    else."""
    if not path.is_file():
        return None
    try:
        about, _ = read_kept(path)
        return TrainedWeights(about["fingerprint"], decode(Training, json.loads(about["training"])), about[SHA256])
    except UnreadableError as error:
        reason = str(error)
    except (KeyError, FormatError, ValueError, RecursionError) as error:
        reason = type(error).__name__
    log.warning("%s cannot be used (%s)", path, reason)
    return None
