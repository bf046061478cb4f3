"""Weights that another run of the study has trained, where the two differ in what their model does at test alone."""

from dataclasses import dataclass
from pathlib import Path

from srbench.core.files import write_file
from srbench.experiments.run_folder import STAGES
from srbench.experiments.spec import RunSpec
from srbench.experiments.store.left import WEIGHTS
from srbench.experiments.store.record import Training
from srbench.experiments.trained_weights import read_trained
from srbench.recipes.history import LOSSES


@dataclass(frozen=True)
class TrainedRun:
    """A run's folder, and how its training went."""

    folder: Path
    training: Training


def trained_alike(run: RunSpec, fingerprint: str) -> TrainedRun | None:
    """A run of the study whose training has that fingerprint and is done, with whole weights; None where there is none,
    and for a run whose training is its own, or that begins anew (`forget`) or has trained a stage."""
    if fingerprint == run.config_hash or (run.folder / STAGES).is_dir():
        return None
    for file in sorted(run.places.study_dir.glob(f"*-x{run.scale}-s{run.seed}-*/{WEIGHTS}")):
        there = read_trained(file) if (file.parent / LOSSES).is_file() else None
        if there and there.fingerprint == fingerprint:
            return TrainedRun(file.parent, there.training)
    return None


def copy_training(source: Path, folder: Path) -> None:
    """Copies what a training leaves, the weights last: they say that it is done. Not its validation, which the other
    run's eval mode has made."""
    for name in (LOSSES, WEIGHTS):
        write_file(folder / name, (source / name).read_bytes())
