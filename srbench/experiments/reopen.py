"""A run as it lies on disk, opened again: its config and record, scores, images and weights."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from srbench.core.errors import UserError
from srbench.data.pairs import ImagePair
from srbench.experiments.schema import check_keys
from srbench.experiments.spec import PlannedRun
from srbench.experiments.store import results
from srbench.models import hub
from srbench.models.weights import load_weights

if TYPE_CHECKING:  # torch is imported when there is something to compute
    from torch import nn

OF_CONFIG = (
    *("model", "model._target_", "recipe", "data", "budget.steps", "scale", "seed", "checkpoint"),
    *("precision", "eval.save_images", "data_root", "weights_dir"),
)
OF_RECORD = ("model", "overrides", "memberships", "protocol", "scale")

Row = dict[str, str]  # of scores.csv, without its empty cells


def open_run(folder: Path) -> tuple[PlannedRun, dict[str, Any]]:
    """A run from its config.yaml, and its record. Raises UserError where one of the two cannot be read, or lacks what
    a run needs to be looked at."""
    record = results.read_record(folder)
    if record is None:
        raise UserError(f"{folder / 'result.json'}: cannot be read")
    if lacked := [key for key in OF_RECORD if key not in record]:
        raise UserError(f"{folder / 'result.json'}: cannot be read: it lacks {lacked[0]}")
    path = folder / "config.yaml"
    try:
        config = OmegaConf.load(path)
        if not isinstance(config, DictConfig):
            raise UserError("it holds no keys")
        if lacked := [key for key in OF_CONFIG if key.partition(".")[0] not in config]:
            raise UserError(f"it lacks {lacked[0]}")
        check_keys(config, OF_CONFIG)
    except (OSError, ValueError, YAMLError, OmegaConfBaseException, UserError) as error:
        raise UserError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error
    return PlannedRun(record["model"], record["overrides"], config, record["memberships"]), record


def should_keep_images(folder: Path) -> bool:
    """Whether a run is done and was told to keep SR images, or cannot be asked."""
    if (results.read_record(folder) or {}).get("status") != "done":
        return False
    try:
        planned, _ = open_run(folder)
    except UserError:
        return True
    return planned.config.eval.save_images != 0 or (folder / "images").is_dir()


def read_rows(folder: Path) -> list[Row]:
    """scores.csv, in its order. Raises UserError where there is none, or none with a data set and an image a line."""
    path = folder / "scores.csv"
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [{key: text for key, text in row.items() if key and text} for row in csv.DictReader(file)]
    except (OSError, ValueError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    if not all({"dataset", "image", "protocol"} <= set(row) for row in rows):
        raise UserError(f"{path}: cannot be read: a line lacks its data set, image or protocol")
    return rows


def sr_file(folder: Path, row: Row) -> Path:
    """Where a run keeps the SR image of a row of its scores.csv."""
    return folder / "images" / row["dataset"] / f"{row['image']}.png"


def pairs_of(planned: PlannedRun, dataset: str, data_root: Path | None) -> dict[str, ImagePair]:
    """The pairs of one of the run's data sets, by the image's name; `data_root`: where the data lie now, None: where
    the run found them. Raises UserError where the set is not there."""
    from srbench.experiments.preflight import datasets

    config = planned.config.copy()
    config.eval.datasets = [dataset]
    own = config.data.get("root")
    follows = own and Path(own).is_relative_to(config.data_root)
    if data_root:
        if follows:
            config.data.root = str(data_root / Path(own).relative_to(config.data_root))
        config.data_root = str(data_root)
    try:
        found = datasets(PlannedRun(planned.name, planned.overrides, config))
    except UserError as reason:
        movable = dataset != "val" or follows
        raise UserError(f"{reason}; data_root=DIR says where data have moved to" if movable else str(reason)) from None
    return {pair.name: pair for pair in found[dataset]}


def weights_file(planned: PlannedRun, folder: Path) -> Path | None:
    """What holds a run's weights: its own file, or else its checkpoint. None: it has neither, and was not trained.

    Raises UserError where the file is gone; nothing is downloaded.
    """
    own, config = folder / "weights.safetensors", planned.config
    if own.is_file():
        return own
    if config.budget.steps:
        raise UserError(f"{own}: no such file")
    if not config.checkpoint:
        return None
    path = hub.at_hand(config.checkpoint, config.weights_dir, config.scale)
    if path is None:
        raise UserError(f"checkpoint={config.checkpoint}: not downloaded")
    return path


def load(planned: PlannedRun, folder: Path, model: "nn.Module", path: Path) -> None:
    """Copies the weights in `path` (of `weights_file`) into the run's model; only asks whether they fit where that is
    on the meta device. Raises UserError for other weights."""
    if path.parent == folder:
        load_weights(model, path)
    else:
        hub.load(model, planned.config.checkpoint, path, planned.config.scale)
