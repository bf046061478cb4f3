"""What can be known of a run before it starts: whether anything is left to do, and whether it can be done."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from torch import nn

from srbench.core import hardware, progress
from srbench.core.errors import UserError
from srbench.core.paths import weights_folders
from srbench.data.folders import benchmark, benchmark_names
from srbench.data.pairs import ImagePair, checksums
from srbench.evaluation.inference import Inference, overlap_for
from srbench.experiments.spec import PlannedRun, build, build_data
from srbench.experiments.store import results
from srbench.metrics.scorer import check_metrics, make_scorer
from srbench.models import hub


def check(planned: PlannedRun, model: nn.Module) -> None:
    """Raises UserError for what can be known to be wrong; `model` is the run's, on the meta device."""
    config = planned.config
    check_metrics(config.eval.metrics, "eval.metrics=[{}]")
    build(config.protocol, "protocol")
    inference(planned, model)
    hardware.pick_precision(config.precision, hardware.pick_device(config.device))
    found = datasets(planned) | ({"val": validation_pairs(planned)} if config.budget.steps else {})
    alone = [name for name, pairs in found.items() if len(pairs) < 2]
    if alone and getattr(model, "shuffle_thumbnails", False):
        raise UserError(f"model.context=shuffled: exchanges the images' embeddings, but {alone[0]} has one image only")
    if config.checkpoint:
        _check_checkpoint(planned, model)
    has_weights = any(p.requires_grad for p in model.parameters())
    if config.budget.steps and not has_weights:
        raise UserError(f"model={planned.name}: has no weights to train; use budget=none")
    if not config.budget.steps and has_weights and not config.checkpoint:
        raise UserError(f"budget=none: model={planned.name} needs weights to evaluate; give checkpoint=FILE")
    if config.budget.steps:
        build_data(planned).train()
        _check_recipe(planned, model)


def _check_checkpoint(planned: PlannedRun, model: nn.Module) -> None:
    name, folders, scale = planned.config.checkpoint, planned.config.weights_dir, planned.config.scale
    path = hub.at_hand(name, folders, scale)
    if path is None and not planned.config.dry_run:
        with progress.bar(f"downloads {name}") as tell:
            path = hub.fetch(name, folders, scale, tell)
    if path:
        hub.load(model, name, path, scale)


def unfinished(planned: PlannedRun) -> bool:
    """Whether the run is not done, or was evaluated by less than what is asked for now."""
    record = results.read_record(planned.folder)
    if planned.config.force or not record or record["status"] != "done":
        return True
    return unscored(planned, record) or bool(planned.config.eval.latency and not record["latency"])


def unscored(planned: PlannedRun, record: dict[str, Any]) -> bool:
    """Whether a done run lacks scores that are asked for now and can be had."""
    config = planned.config
    if record["protocol"] != planned.protocol or not same_inference(planned, record) or _other_images(planned, record):
        return True
    folders = weights_folders(config.weights_dir)
    missing = [metric for metric in config.eval.metrics if metric in record["missing"]]
    lacked = [metric for metric in missing if " needs " in record["missing"][metric]]  # weights, or a package
    if make_scorer(lacked, build(config.protocol, "protocol"), folders).scores:
        return True
    wanted = [f"{name}.{metric}" for name in _names(planned) for metric in config.eval.metrics if metric not in missing]
    had = {f"{name}.{metric}" for name, scores in record["scores"].items() for metric in scores}
    return any(score not in had and score not in record["missing"] for score in wanted)


def _other_images(planned: PlannedRun, record: dict[str, Any]) -> bool:
    """Whether a set that is asked for holds other pixels than when it was scored: another data_root, say."""
    before = record.get("checksums", {})
    return any(before[name] != checksums(pairs) for name, pairs in datasets(planned).items() if name in before)


def inference(planned: PlannedRun, model: nn.Module | None = None, before: str = "eval.") -> Inference:
    """How the run's images go through its network. Raises UserError, `before` and the key first, for values that make
    no sense and, where there is a `model`, for tiles that are too small for it."""
    settings = planned.config.eval
    try:
        asked = Inference(settings.tile, settings.overlap, settings.self_ensemble, settings.memory_gb)
        if model is not None:
            overlap_for(model, asked)
    except ValueError as error:
        raise UserError(f"{before}{error}") from error
    return asked


def same_inference(planned: PlannedRun, record: dict[str, Any]) -> bool:
    """Whether a run was evaluated as is asked for now; a record that says nothing of it is one by the defaults."""
    asked, before = asdict(inference(planned)), record.get("inference") or asdict(Inference())
    where = {None: [], "auto": ["overlap", "memory_gb"]}.get(asked["tile"], ["overlap"])
    return all(before[key] == asked[key] for key in ["tile", "self_ensemble", *where])


def datasets(planned: PlannedRun) -> dict[str, list[ImagePair]]:
    """The pairs to evaluate, by data set. Raises UserError for a set that is not there."""
    config = planned.config
    root = Path(config.data_root).expanduser()
    return {
        name: validation_pairs(planned) if name == "val" else _degraded(planned, benchmark(root, name, config.scale))
        for name in _names(planned)
    }


def _names(planned: PlannedRun) -> list[str]:
    """The data sets' names, `all` being every benchmark set that is there."""
    config = planned.config
    root = Path(config.data_root).expanduser()
    names = [found for name in config.eval.datasets for found in (benchmark_names(root) if name == "all" else [name])]
    if not names:
        raise UserError(
            f"eval.datasets={list(config.eval.datasets)}: there are none in {root}/benchmark (set data_root)"
        )
    return [name.lower() for name in names]


def validation_pairs(planned: PlannedRun) -> list[ImagePair]:
    """The validation part of the run's data."""
    files = build_data(planned).valid()
    return _degraded(planned, [ImagePair(file.stem, file, None, planned.config.scale) for file in files])


def _degraded(planned: PlannedRun, pairs: list[ImagePair]) -> list[ImagePair]:
    return [replace(pair, degradation=planned.degradation) for pair in pairs]


def run_threads(threads: int | str) -> int:
    """The threads that a run computes with; `auto`: all that it may use."""
    return int(threads) if threads != "auto" else hardware.cores()


def _check_recipe(planned: PlannedRun, model: nn.Module) -> None:
    recipe, budget = planned.config.recipe, planned.config.budget
    if recipe.multi_scale and not getattr(model, "scales", None):
        raise UserError(f"recipe.multi_scale=true: model={planned.name} has one scale; use model=carn_multiscale")
    if recipe.multi_scale and recipe.degradation:
        raise UserError("recipe.multi_scale=true: a recipe.degradation makes one scale only; use one of the two")
    if recipe.fixed_patches and not recipe.degradation:
        raise UserError(f"recipe.fixed_patches={recipe.fixed_patches}: needs a recipe.degradation")
    if (recipe.degradation or planned.degradation) and getattr(model, "thumbnail", None):
        key = "recipe.degradation" if recipe.degradation else "data.degradation"
        raise UserError(f"{key}: model={planned.name} sees the whole LR image, which a degraded patch has not")
    if budget.batch_size < 1 or planned.hr_patch < planned.config.scale:
        raise UserError(
            f"budget: batch_size={budget.batch_size} and hr_patch={planned.hr_patch} leave nothing to train on"
        )
