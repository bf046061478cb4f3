"""What a run reads: the images of its data sets, and the fingerprints of all that is asked of it."""

from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from typing import Any

from srbench.core.errors import UserError
from srbench.core.json_digest import json_digest
from srbench.data.folders import benchmark_names, benchmark_pairs
from srbench.data.images import by_name
from srbench.data.pairs import ImagePair, digests
from srbench.experiments.component import imported
from srbench.experiments.own_code import code_of_network
from srbench.experiments.spec import RunSpec
from srbench.experiments.store.left import LATENCY, Left, left
from srbench.experiments.store.plans import Wanted, WantedLatency, WantedScores
from srbench.metrics.cost import LATENCY_INPUT
from srbench.metrics.figures import Cost
from srbench.metrics.table import lacking
from srbench.models.traits import traits_of


def datasets(run: RunSpec) -> dict[str, list[ImagePair]]:
    """The pairs to evaluate, by data set. Raises UserError for a set that is not there."""
    root = run.places.data_root
    return {
        name: validation_pairs(run) if name == "val" else _as_asked(run, benchmark_pairs(root, name, run.scale))
        for name in _names(run)
    }


def validation_pairs(run: RunSpec) -> list[ImagePair]:
    """The validation part of the run's data."""
    files = by_name(run.data.valid_files())
    return _as_asked(run, [ImagePair(name, file, None, run.scale) for name, file in files.items()])


def wanted(run: RunSpec) -> Wanted:
    """What is asked of the run. UserError for data that are not there or cannot be read."""
    asked = run.evaluation
    images = None if asked.save_images == "all" else asked.save_images
    return Wanted(
        train=training_hash(run) if run.stages else None,
        scores={
            name: WantedScores(_of_scores(run, pairs), asked.metrics, images) for name, pairs in datasets(run).items()
        },
        cost=json_digest([_network(run), [figure.name for figure in fields(Cost)]]),
        latency=wanted_latency(run) if asked.latency else None,
    )


def training_hash(run: RunSpec) -> str:
    """Of what fixes the trained weights: `config_hash` but for arguments that change the model's eval mode alone, by
    which the best weights are chosen."""
    if any(stage.keep == "best" for stage in run.stages):
        return run.config_hash
    return run.hash_without(*traits_of(imported(run.model.target)).untrained_arguments)


def wanted_latency(run: RunSpec) -> WantedLatency:
    """`auto` is content with any device, and with any number of threads."""
    device = None if run.device == "auto" else run.device.partition(":")[0]
    threads = None if run.threads == "auto" else run.threads
    return WantedLatency(json_digest([_network(run), LATENCY_INPUT]), device, threads)


def _network(run: RunSpec) -> dict[str, Any]:
    code = code_of_network(run)  # edited, it is another network
    return {"model": run.network.identity, "scale": run.scale, **({"code": code} if code else {})}


def left_of_run(run: RunSpec, asked: Wanted) -> Left:
    """What is left of what is `asked` of the run, as its folder and this machine are."""
    return left(run.folder, asked, can_be_had(run))


def can_be_had(run: RunSpec) -> Callable[[str], bool]:
    """Whether this machine has what a metric needs; the latency may have the memory that it needs by now."""
    return partial(_is_there, run.places.weights_folders)


def _is_there(folders: Any, metric: str) -> bool:
    return metric == LATENCY or lacking(metric, folders) is None


def _of_scores(run: RunSpec, pairs: list[ImagePair]) -> str:
    asked = run.evaluation
    protocol = [asked.protocol.name, asked.protocol.channels, asked.protocol.border]
    how = [asked.inference.identity, run.data.degradation_settings]
    return json_digest([run.config_hash, protocol, *how, *digests(pairs)])


def _names(run: RunSpec) -> list[str]:
    """The data sets' names, `all` being every benchmark set that is there."""
    root, asked = run.places.data_root, run.evaluation.datasets
    names = [found for name in asked for found in (benchmark_names(root) if name == "all" else [name])]
    if asked and not names:
        raise UserError(f"eval.datasets={list(asked)}: there are none in {root}/benchmark (set data_root)")
    return list(dict.fromkeys(name.lower() for name in names))


def _as_asked(run: RunSpec, pairs: list[ImagePair]) -> list[ImagePair]:
    return [replace(pair, degradation=run.data.degradation, form=run.data.form) for pair in pairs]
