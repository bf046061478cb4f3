"""Weights that another run of the study has trained, where the two differ in what their model does at test alone."""

from dataclasses import dataclass
from pathlib import Path

from srbench.core.files import write_file
from srbench.experiments.spec import RunSpec
from srbench.experiments.store.left import WEIGHTS
from srbench.experiments.store.record import Training
from srbench.experiments.trained_weights import read_trained
from srbench.recipes.history import LOSSES, VALIDATION


@dataclass(frozen=True)
class TrainedRun:
    """A run's folder, and how its training went."""

    folder: Path
    training: Training


def trained_alike(run: RunSpec, fingerprint: str) -> TrainedRun | None:
    """A run of the study whose training has that fingerprint and is done; None where there is none, and for a run whose
    training is its own."""
    if fingerprint == run.config_hash:
        return None
    for file in sorted(run.places.study_dir.glob(f"*-x{run.scale}-s{run.seed}-*/{WEIGHTS}")):
        there = read_trained(file)
        if there and there.fingerprint == fingerprint:
            return TrainedRun(file.parent, there.training)
    return None


def copy_training(source: Path, folder: Path) -> None:
    """Copies what a training leaves, the weights last: they say that it is done."""
    for name in (LOSSES, VALIDATION, WEIGHTS):
        write_file(folder / name, (source / name).read_bytes())
