"""A run as it lies on disk, opened again: its spec and record, data and weights."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from srbench.core.errors import UserError, first_line
from srbench.core.yaml_files import read_yaml
from srbench.data.pairs import ImagePair
from srbench.experiments.component import Component
from srbench.experiments.configured_run import Words, run_spec
from srbench.experiments.inputs import datasets
from srbench.experiments.spec import DataSpec, RunSpec
from srbench.experiments.store.left import WEIGHTS
from srbench.experiments.store.record import Record, read_record
from srbench.experiments.trust import trusted
from srbench.models import hub
from srbench.models.weights import load_weights

if TYPE_CHECKING:  # torch is imported when there is something to compute
    from torch import nn


def open_run(folder: Path, allow: Sequence[str] = ()) -> tuple[RunSpec, Record]:
    """A run from its config.yaml, and its record. Raises UserError where one of the two cannot be read, or where what
    the config names is not to be trusted: `allow` as for `trusted`."""
    record = read_record(folder)
    if record is None:
        raise UserError(f"{folder}: has no record, result.json")
    path = folder / "config.yaml"
    config = read_yaml(path)
    try:
        if not isinstance(config, dict):
            raise UserError("it holds no keys")
        config = trusted(config, allow)
        spec = run_spec(config, config, Words(record.model, record.overrides, _data_option(record)))
    except Exception as error:  # of whatever kind: somebody else may have written it
        told = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
        raise UserError(f"{path}: cannot be read: {told}{first_line(error)}") from error
    return spec, record


def _data_option(record: Record) -> str | None:
    return record.train.training_data.name if record.train.training_data else None


def should_keep_images(folder: Path, allow: Sequence[str]) -> bool:
    """Whether a run is done and was told to keep SR images, or cannot be asked. `allow`: as for `trusted`."""
    try:
        spec, record = open_run(folder, allow)
    except UserError:
        return True
    return record.status == "done" and (spec.evaluation.save_images != 0 or (folder / "images").is_dir())


def moved(run: RunSpec, data_root: Path | None) -> RunSpec:
    """The run with its data where they lie now; None: where it found them."""
    if data_root is None:
        return run
    run = replace(run, places=replace(run.places, data_root=data_root), data=_moved(run, run.data, data_root))
    return replace(run, stages=tuple(replace(one, data=_moved(run, one.data, data_root)) for one in run.stages))


def _moved(run: RunSpec, data: DataSpec, data_root: Path) -> DataSpec:
    root = _root_below_data_root(run, data)
    if root is None:
        return data
    arguments = {**data.component.arguments, "root": str(data_root / root)}
    return replace(data, component=Component(data.component.target, arguments))


def _root_below_data_root(run: RunSpec, data: DataSpec) -> Path | None:
    """Where the data lie, seen from data_root; None where they lie elsewhere."""
    root = data.component.arguments.get("root")
    before = run.places.data_root
    if not isinstance(root, str) or not Path(root).is_relative_to(before):
        return None
    return Path(root).relative_to(before)


def pairs_of(run: RunSpec, dataset: str) -> dict[str, ImagePair]:
    """The pairs of one of the run's data sets, by the image's name. Raises UserError where the set is not there."""
    try:
        found = datasets(replace(run, evaluation=replace(run.evaluation, datasets=(dataset,))))
    except UserError as reason:
        movable = dataset != "val" or _root_below_data_root(run, run.data) is not None
        raise UserError(f"{reason}; data_root=DIR says where data have moved to" if movable else str(reason)) from None
    return {pair.name: pair for pair in found[dataset]}


def weights_file(run: RunSpec, folder: Path) -> Path | None:
    """What holds a run's weights: its own file, or else its checkpoint. None: it has neither, and was not trained.

    Raises UserError where the file is gone; nothing is downloaded.
    """
    own = folder / WEIGHTS
    if own.is_file():
        return own
    if run.stages:
        raise UserError(f"{own}: no such file")
    if not run.checkpoint:
        return None
    path = hub.at_hand(run.checkpoint, run.places.weights_dir, run.scale)
    if path is None:
        raise UserError(f"checkpoint={run.checkpoint}: not downloaded")
    return path


def load_weights_of(run: RunSpec, folder: Path, model: "nn.Module", path: Path) -> None:
    """Copies the weights in `path` (of `weights_file`) into the run's model; only asks whether they fit where that is
    on the meta device. Raises UserError for other weights."""
    if path.parent == folder or run.checkpoint is None:
        load_weights(model, path)
    else:
        hub.load_checkpoint(model, run.checkpoint, path, run.scale)
