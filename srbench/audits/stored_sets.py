"""The SR images that a run keeps of a data set, and the network that made them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from srbench.audits.compare import Comparison, Network
from srbench.audits.conventions import CONVENTIONS, OF_BICUBIC, Convention
from srbench.core import hardware
from srbench.core.errors import UserError
from srbench.core.pixel_format import RGB8
from srbench.data.images import read_image
from srbench.data.pairs import ImagePair
from srbench.evaluation.certificate import Certificate
from srbench.evaluation.inference import SuperResolver
from srbench.experiments.compose import build_model
from srbench.experiments.reopen import load_weights_of, moved, open_run, weights_file
from srbench.experiments.spec import RunSpec
from srbench.experiments.store.record import Record
from srbench.experiments.store.scores import ImageRow, read_rows, sr_file
from srbench.models.traits import traits_of


@dataclass(frozen=True)
class StoredSet:
    """The SR images that a run keeps of a data set: `rows` of its scores.csv, out of `total`."""

    folder: Path
    run: RunSpec
    record: Record
    dataset: str
    rows: list[ImageRow]
    total: int

    @property
    def certificate(self) -> Certificate:
        """What the scores of the set rest on."""
        return self.record.certificates[self.dataset]

    @property
    def conventions(self) -> tuple[Convention, ...]:
        """Those that apply."""
        return CONVENTIONS + OF_BICUBIC if self.run.model.class_name == "Bicubic" else CONVENTIONS

    def network(self) -> Network:
        """The run's network, run as it was. Raises UserError where it cannot be had as it was."""
        path, model = weights_file(self.run, self.folder), build_model(self.run)
        if path:
            load_weights_of(self.run, self.folder, model, path)
        if traits_of(model).shuffle_thumbnails:
            raise UserError("model.context=shuffled gives it other images' thumbnails")
        device = hardware.pick_device("auto")
        model = model.eval().to(device).to(memory_format=torch.channels_last)
        return SuperResolver(model, device, self.certificate.inference).unrounded

    def comparison(self, row: ImageRow, pair: ImagePair, network: Network | None) -> Comparison:
        """Without the network where that no longer gives what is stored. UserError for images that do not fit."""
        if pair.form != RGB8:
            raise UserError(f"the conventions are of {RGB8.name}, and these images have {pair.form.name}")
        path = sr_file(self.folder, row)
        (lr, hr), sr = pair.read(), read_image(path)
        if sr.shape != hr.shape:
            raise UserError(f"{path}: {sr.shape[1]}×{sr.shape[0]}, but HR is {hr.shape[1]}×{hr.shape[0]}")
        raw = network(lr) if network else None
        if raw is not None and np.abs(np.rint(raw) - sr).max() > 1:
            raw = network = None
        return Comparison(pair, lr, sr, hr, raw, network, self.certificate.protocol)


def stored_sets(folder: Path, data_root: Path | None, allow: Sequence[str]) -> Iterator[StoredSet]:
    """One for each data set of which a run keeps images. `data_root`: where the data lie now, None: where the run found
    them. `allow`: as for `trusted`. Raises UserError for a run whose files cannot be read."""
    (run, record), rows = open_run(folder, allow), read_rows(folder)
    for dataset in dict.fromkeys(row.dataset for row in rows):
        scored = [row for row in rows if row.dataset == dataset]
        there = [row for row in scored if sr_file(folder, row).is_file()]
        if there and dataset in record.certificates:
            yield StoredSet(folder, moved(run, data_root), record, dataset, there, len(scored))
