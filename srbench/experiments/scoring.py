"""The step of a run that evaluates its network: one data set after the other, and of each what it lacks."""

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from srbench.core.allocator import LARGE, return_freed_memory
from srbench.core.errors import UserError
from srbench.data.images import image_size, write_image
from srbench.data.pairs import ImagePair, digests, lr_source
from srbench.evaluation.certificate import Certificate
from srbench.evaluation.evaluate import ImageResult, evaluate, mean_scores, missing_means
from srbench.evaluation.routing import measure_routing
from srbench.experiments.inputs import datasets
from srbench.experiments.own_code import code_of_network
from srbench.experiments.recording import Attempt
from srbench.experiments.spec import BICUBIC
from srbench.experiments.store.left import HR, IMAGES
from srbench.experiments.store.record import Evaluation, Record
from srbench.experiments.store.scores import ImageRow, read_rows, write_rows
from srbench.metrics.scorer import Scorer, make_scorer
from srbench.metrics.table import METRICS, score_name
from srbench.models.classsr import ClassSR

log = logging.getLogger(__name__)

Rows = dict[str, ImageRow]  # of one data set, by image


def score_run(attempt: Attempt) -> Record:
    """The scores that are asked for and lacking. Those that are there stay; where another protocol, other pixels or
    another way of inference calls for new ones, every metric that was there is computed anew."""
    todo = {**dict.fromkeys(attempt.left.images, ()), **attempt.left.score}
    if not todo:
        return attempt.record
    sets = datasets(attempt.run)
    if any(math.prod(image_size(pair.hr_file)) > LARGE for name in todo for pair in sets[name]):
        return_freed_memory()
    rows = _kept_rows(attempt)
    attempt.keep(replace(attempt.record, weights_sha256=attempt.weights_sha256))
    for name, lacking in todo.items():
        record, rows[name] = _with_set(attempt, name, sets[name], lacking, rows.get(name, {}))
        record = _with_routing(attempt, record, name, sets[name])
        ordered = dict.fromkeys([*sets, *rows])
        write_rows(attempt.run.folder, (row for one in ordered for row in rows.get(one, {}).values()))
        attempt.keep(record)  # a set that is done is not lost with the next
    return attempt.record


def _with_set(
    attempt: Attempt, name: str, pairs: list[ImagePair], lacking: Sequence[str], old: Rows
) -> tuple[Record, Rows]:
    """The record, and the set's rows, with what they lacked."""
    record, asked = attempt.record, attempt.asked.scores[name].fingerprint
    before = record.evaluations.get(name)
    had = [m for m in METRICS if before and (m in before.scores or _is_missing(before, name, m))]
    everything = tuple(dict.fromkeys([*lacking, *had]))
    stays = record.fingerprints.score.get(name) == asked and old.keys() == {pair.name for pair in pairs}
    scorer = _scorer(attempt, lacking if stays else everything)
    results = _evaluated(attempt, name, pairs, scorer)
    if stays and any(old[result.image].sr_sha256 != result.sr_sha256 for result in results):
        # Another processor or number of threads may round a pixel otherwise; scores of two pictures are not mixed.
        stays, scorer = False, _scorer(attempt, everything)
        results = _evaluated(attempt, name, pairs, scorer)
    certificate = _certificate(attempt, pairs, results)
    rows = {result.image: _row(result, certificate) for result in results}
    scores, missing = mean_scores(results)[name], missing_means(results)
    if stays and before:
        rows = {image: old[image].joined(row) for image, row in rows.items()}
        scores = before.scores | scores
        missing = (*(m for m in before.missing if m.what not in {score_name(name, one) for one in lacking}), *missing)
    record = record.with_evaluation(name, Evaluation(scores, certificate, missing), asked)
    of_others = tuple(one for one in record.missing if one.what not in scorer.names and one not in scorer.missing)
    return replace(record, missing=of_others + scorer.missing), rows


def _with_routing(attempt: Attempt, record: Record, name: str, pairs: list[ImagePair]) -> Record:
    """With how the network routed the set, if it does that."""
    if not isinstance(attempt.model, ClassSR):
        return record
    try:
        found = measure_routing(attempt.model, pairs, attempt.slot.device, attempt.tell)
    except ValueError as error:
        log.warning("%s: how windows were routed is not recorded: %s", name, error)
        return record
    told = ", ".join(f"{share:.1%}" for share in found.shares)
    if attempt.model.routing != "full" and max(found.shares) == 1:
        log.warning("%s: all windows went to one branch (from the easiest on: %s)", name, told)
    return replace(record, routing={**record.routing, name: found})


def _is_missing(before: Evaluation, name: str, metric: str) -> bool:
    return any(one.what == score_name(name, metric) for one in before.missing)


def _scorer(attempt: Attempt, metrics: Sequence[str]) -> Scorer:
    places, protocol = attempt.run.places, attempt.run.evaluation.protocol
    return make_scorer(metrics, protocol, places.weights_folders, attempt.slot.device)


def _evaluated(attempt: Attempt, name: str, pairs: list[ImagePair], scorer: Scorer) -> list[ImageResult]:
    keep = partial(_keep, attempt.run.folder, attempt.run.evaluation.save_images)
    inference = attempt.run.evaluation.inference
    if attempt.run.model.target == BICUBIC:  # one run of a study keeps HR for all, so that reports need no data
        for index, pair in enumerate(pairs):
            if _is_kept(attempt.run.evaluation.save_images, index):
                _write(attempt.run.folder / HR / name, pair.name, pair.read()[1])
    return evaluate(attempt.model, {name: pairs}, scorer, attempt.slot.device, attempt.tell, keep, inference)


def _keep(folder: Path, most: int | str, dataset: str, index: int, image: str, sr: np.ndarray) -> None:
    if _is_kept(most, index):
        _write(folder / IMAGES / dataset, image, sr)


def _is_kept(most: int | str, index: int) -> bool:
    return isinstance(most, str) or index < most


def _write(folder: Path, name: str, image: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_image(folder / f"{name}.png", image)


def _certificate(attempt: Attempt, pairs: list[ImagePair], results: list[ImageResult]) -> Certificate:
    asked, (hr, lr) = attempt.run.evaluation, digests(pairs)
    return Certificate(
        protocol=asked.protocol,
        lr=lr_source(pairs),
        images=len(pairs),
        hr_sha256=hr,
        lr_sha256=lr,
        weights_sha256=attempt.weights_sha256,
        inference=asked.inference,
        tiled=any(result.tile for result in results),
        form=pairs[0].form,
        code=code_of_network(attempt.run),
    )


def _row(result: ImageResult, certificate: Certificate) -> ImageRow:
    told = certificate.protocol.label, certificate.lr.resizer
    return ImageRow(result.dataset, result.image, result.scores, *told, result.sr_sha256)


def _kept_rows(attempt: Attempt) -> dict[str, Rows]:
    """What scores.csv holds of the data sets that the record knows, by image; nothing where it cannot be read."""
    found: dict[str, Rows] = {}
    try:
        for row in read_rows(attempt.run.folder):
            if row.dataset in attempt.record.certificates:
                found.setdefault(row.dataset, {})[row.image] = row
    except UserError:
        return {}
    return found
