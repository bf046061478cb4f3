"""Weights that srbench itself leaves: with facts beside them, and the digest by which a file is whole."""

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from srbench.core.files import write_file
from srbench.models.weights import digest

SHA256 = "sha256"


class UnreadableError(ValueError):
    """The file is not as it was written; the message says why in a word."""


def write_kept(path: Path, weights: Mapping[str, Tensor], about: Mapping[str, str]) -> None:
    """Writes both in one step: an interrupt may come between two files."""
    tensors = {name: value.contiguous() for name, value in weights.items()}
    write_file(path, save(tensors, {**about, SHA256: digest(tensors)}))


def read_kept(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """What stands beside the weights, with their `digest` as SHA256, and the weights. Raises UnreadableError for a file
    that is damaged or something else."""
    try:
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if about[SHA256] != digest(weights):
            raise UnreadableError("damaged")
    except (OSError, SafetensorError, KeyError) as error:
        raise UnreadableError(type(error).__name__) from error
    return about, weights
