"""The SR images that a run keeps of a data set, and the network that made them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from srbench.audits.compare import Comparison, Network
from srbench.audits.conventions import CONVENTIONS, OF_BICUBIC, Convention
from srbench.core import hardware
from srbench.core.errors import UserError
from srbench.data.images import read_image
from srbench.data.pairs import ImagePair
from srbench.evaluation.inference import Inference, SuperResolver
from srbench.experiments.reopen import Row, load, open_run, read_rows, sr_file, weights_file
from srbench.experiments.spec import PlannedRun, build
from srbench.metrics.fidelity import Protocol


@dataclass(frozen=True)
class StoredSet:
    """The SR images that a run keeps of a data set: `rows` of its scores.csv, out of `total`."""

    folder: Path
    planned: PlannedRun
    record: dict[str, Any]
    dataset: str
    rows: list[Row]
    total: int

    @property
    def conventions(self) -> tuple[Convention, ...]:
        """Those that apply."""
        return CONVENTIONS + OF_BICUBIC if self.planned.class_name == "Bicubic" else CONVENTIONS

    def network(self) -> Network:
        """The run's network, run as it was. Raises UserError where it cannot be had as it was."""
        path, model = weights_file(self.planned, self.folder), build(self.planned.config.model, "model")
        if path:
            load(self.planned, self.folder, model, path)
        if getattr(model, "shuffle_thumbnails", False):
            raise UserError("model.context=shuffled gives it other images' thumbnails")
        settings = {key: value for key, value in (self.record.get("inference") or {}).items() if key != "tiled"}
        device = hardware.pick_device("auto")
        model = model.eval().to(device).to(memory_format=torch.channels_last)
        return SuperResolver(model, device, Inference(**settings)).unrounded

    def comparison(self, row: Row, pair: ImagePair, network: Network | None) -> Comparison:
        """Without the network where that no longer gives what is stored. UserError for images that do not fit."""
        path = sr_file(self.folder, row)
        (lr, hr), sr = pair.read(), read_image(path)
        if sr.shape != hr.shape:
            raise UserError(f"{path}: {sr.shape[1]}×{sr.shape[0]}, but HR is {hr.shape[1]}×{hr.shape[0]}")
        raw = network(lr) if network else None
        if raw is not None and np.abs(np.rint(raw) - sr).max() > 1:
            raw = network = None
        return Comparison(pair, lr, sr, hr, raw, network, Protocol(**self.record["protocol"]))


def stored_sets(folder: Path) -> Iterator[StoredSet]:
    """One for each data set of which a run keeps images. Raises UserError for a run whose files cannot be read."""
    (planned, record), rows = open_run(folder), read_rows(folder)
    for dataset in dict.fromkeys(row["dataset"] for row in rows):
        scored = [row for row in rows if row["dataset"] == dataset]
        there = [row for row in scored if sr_file(folder, row).is_file()]
        if there:
            yield StoredSet(folder, planned, record, dataset, there, len(scored))
