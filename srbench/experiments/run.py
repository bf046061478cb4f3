"""One run, top to bottom: train, evaluate, measure, record. Nothing below knows about Hydra."""

import csv
import json
import logging
import math
import shlex
import time
from dataclasses import asdict, replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf
from safetensors import safe_open
from safetensors.torch import save
from torch import nn

from srbench.core import hardware
from srbench.core.files import write_file
from srbench.core.paths import weights_folders
from srbench.core.progress import Listener
from srbench.data.degraded_patches import DegradedPatches
from srbench.data.images import image_size, write_image
from srbench.data.pairs import checksums, lr_makers
from srbench.data.patches import FixedPatches, Patches
from srbench.evaluation.evaluate import LARGE, Row, evaluate, mean_scores, reasons
from srbench.experiments.preflight import datasets, inference, run_threads, same_inference, unscored, validation_pairs
from srbench.experiments.recording import lasting, recorded
from srbench.experiments.spec import PlannedRun, build, build_data
from srbench.experiments.store import results
from srbench.experiments.trackers.guard import Logger
from srbench.metrics import cost
from srbench.metrics.scorer import METRICS, make_scorer
from srbench.models import hub
from srbench.models.weights import load_weights
from srbench.recipes.fit import Training, fit

log = logging.getLogger(__name__)

# Keys of `recipe` that say how it is fed and stopped; the others are its constructor's.
AROUND_THE_RECIPE = ("gradient_clip", "multi_scale", "degradation", "fixed_patches", "epoch_steps", "full")


def run(planned: PlannedRun, tell: Listener) -> dict[str, Any]:
    """Does what is left to do of a run and returns its record, result.json.

    Raises what went wrong, a UserError for a user's mistake; it is in the record, too, and its traceback in run.log.
    KeyboardInterrupt leaves no record: the same run goes on later.
    """
    config, folder = planned.config, planned.folder
    device = hardware.pick_device(config.device)
    torch.set_num_threads(run_threads(config.threads))
    hardware.keep_freed_memory()
    began = time.time()
    with recorded(planned, device) as record, Logger(planned) as logger:
        before = results.read_record(folder) or {}
        if config.force and before.get("status") == "done":
            _forget(folder)
            before = {}
        record |= lasting(planned, before)
        log.info("%s", shlex.join(["python", "-m", "srbench", *planned.overrides]))
        OmegaConf.save(config, folder / "config.yaml", resolve=True)
        logger.start()
        model, record["train"] = _trained_model(planned, device, tell, logger)
        record["inference"] = before.get("inference") or asdict(inference(planned)) | {"tiled": []}
        if before.get("status") != "done" or unscored(planned, before):
            record |= _scores(planned, model, device, before, tell)
        record["cost"] = before.get("cost")
        if not record["cost"]:
            record["cost"], uncounted = cost.summary(model, config.scale)
            record["missing"] |= uncounted
        record["latency"] = before.get("latency") or _latency(planned, model, device, tell)
        logger.finish(record)
        seconds = round(time.time() - began + record["seconds"], 3)
        done = record | {"status": "done", "error": None, "seconds": seconds}
        results.write_record(folder / "result.json", done)
        (folder / "last.ckpt").unlink(missing_ok=True)
    return done


def _trained_model(
    planned: PlannedRun, device: str, tell: Listener, logger: Logger
) -> tuple[nn.Module, dict[str, float]]:
    config, weights = planned.config, planned.folder / "weights.safetensors"
    torch.manual_seed(config.seed)
    model: nn.Module = build(config.model, f"model={planned.name}")
    if weights.is_file():
        log.info("takes the weights that are there, without training again: %s", weights)
        load_weights(model, weights)
        with safe_open(weights, "pt") as file:
            return model, json.loads((file.metadata() or {}).get("train", "{}"))
    if config.checkpoint:
        hub.bring(model, config.checkpoint, config.weights_dir, config.scale, tell)
    if not config.budget.steps:
        return model, {}
    model, train = _train(planned, model, device, tell, logger)
    tensors = {name: value.contiguous() for name, value in model.cpu().state_dict().items()}
    # How the training went stays with the weights: an interrupt may come between them and the record.
    write_file(weights, save(tensors, {"train": json.dumps(train)}))
    return model, train


def _train(
    planned: PlannedRun, model: nn.Module, device: str, tell: Listener, logger: Logger
) -> tuple[nn.Module, dict[str, float]]:
    config, pairs = planned.config, validation_pairs(planned)
    once = replace(inference(planned), self_ensemble=False)
    scorer = make_scorer(["psnr"], build(config.protocol, "protocol"), [])

    def validate(trained: nn.Module) -> float:
        rows = evaluate(trained, {"val": pairs}, scorer, device, lambda *_: None, lambda *_: None, once)
        trained.train()
        return mean_scores(rows)["val"]["psnr"]

    settings = OmegaConf.to_container(config.recipe, resolve=True)
    arguments = {key: value for key, value in settings.items() if key not in AROUND_THE_RECIPE}  # type: ignore[union-attr]
    recipe = build(arguments, "recipe", model=model)
    training = Training(
        steps=config.budget.steps,
        epoch_steps=config.recipe.epoch_steps,
        val_every=config.budget.val_every,
        device=device,
        precision=hardware.pick_precision(config.precision, device),
        clip=config.recipe.gradient_clip,
        validate=validate,
        tell=tell,
        written=logger.written,
    )
    numbers = fit(recipe, _patches(planned, model), training, planned.folder)
    if config.recipe.multi_scale:
        recipe.trained.scale = config.scale
    return recipe.trained, numbers


def _patches(planned: PlannedRun, model: Any) -> Patches | FixedPatches:
    config, budget, recipe = planned.config, planned.config.budget, planned.config.recipe
    files = build_data(planned).train()
    degrade = build(recipe.degradation, "recipe.degradation")
    if recipe.fixed_patches:
        return FixedPatches(
            files, config.scale, budget.batch_size, planned.hr_patch, config.seed, recipe.fixed_patches, degrade
        )
    scales = tuple(model.scales) if recipe.multi_scale else (config.scale,)
    if planned.degradation and not degrade:
        return DegradedPatches(files, scales, budget.batch_size, planned.hr_patch, config.seed, planned.degradation)
    thumbnail = model.make_thumbnail if getattr(model, "thumbnail", None) else None
    return Patches(files, scales, budget.batch_size, planned.hr_patch, config.seed, thumbnail, degrade)


def _scores(
    planned: PlannedRun, model: nn.Module, device: str, before: dict[str, Any], tell: Listener
) -> dict[str, Any]:
    """The record's `scores`, `missing`, `inference`, `checksums` and `lr_made_by`; earlier scores of the same protocol
    and inference stay.

    `inference`: what `eval` says of it, and `tiled`, the data sets in which an image was run in tiles.
    """
    config, folder = planned.config, planned.folder
    done = before.get("status") == "done"
    same = done and before["protocol"] == planned.protocol and same_inference(planned, before)
    old = before["scores"] if same else {}
    earlier = (before["scores"] if done else {}).values()
    metrics = dict.fromkeys([*config.eval.metrics, *(metric for means in earlier for metric in means)])
    scorer = make_scorer(list(metrics), build(config.protocol, "protocol"), weights_folders(config.weights_dir))
    most = config.eval.save_images

    def keep(dataset: str, index: int, image: str, sr: np.ndarray) -> None:
        if most == "all" or index < most:
            path = folder / "images" / dataset / f"{image}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_image(path, sr)

    sets = datasets(planned)
    if any(math.prod(image_size(pair.hr_file)) > LARGE for pairs in sets.values() for pair in pairs):
        hardware.return_freed_memory()
    rows = evaluate(model, sets, scorer, device, tell, keep, inference(planned))
    means = mean_scores(rows)
    tiled = {row.dataset for row in rows if row.tile}
    tiled |= {name for name in before.get("inference", {}).get("tiled", []) if name in old and name not in means}
    kept = [name for name in old if name not in means]
    lines = [_as_dict(row) for row in rows] + (_kept_rows(folder / "scores.csv", kept) if kept else [])
    write_file(folder / "scores.csv", _as_csv(lines).encode())
    makers = {name: lr_makers(pairs) for name, pairs in sets.items()}
    return {
        "scores": {name: scores for name, scores in old.items() if name not in means} | means,
        "missing": _kept_reasons(before, kept) | scorer.missing | reasons(rows),
        "inference": asdict(inference(planned)) | {"tiled": sorted(tiled)},
        "checksums": _of_kept(before, "checksums", kept) | {name: checksums(pairs) for name, pairs in sets.items()},
        "lr_made_by": _of_kept(before, "lr_made_by", kept) | {name: maker for name, maker in makers.items() if maker},
    }


def _of_kept(before: dict[str, Any], key: str, kept: list[str]) -> dict[str, Any]:
    return {name: value for name, value in before.get(key, {}).items() if name in kept}


def _kept_reasons(before: dict[str, Any], kept: list[str]) -> dict[str, str]:
    """Of an earlier record: what concerns costs, and the scores of the sets that were not scored again."""
    return {
        key: reason
        for key, reason in before.get("missing", {}).items()
        if key not in METRICS and (key.rpartition(".")[2] not in METRICS or key.rpartition(".")[0] in kept)
    }


def _kept_rows(scores: Path, names: list[str]) -> list[dict[str, str]]:
    with scores.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["dataset"] in names]


def _as_csv(rows: list[dict[str, str]]) -> str:
    usual = ["psnr", "ssim", "lpips", "niqe", "pi", "rmse"]
    others = [metric for metric in METRICS if metric not in usual and any(metric in row for row in rows)]
    text = StringIO()
    columns = ["dataset", "image", *usual, *others, "protocol", "resizer"]
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _as_dict(row: Row) -> dict[str, str]:
    scores = {metric: f"{value:.9g}" for metric, value in row.scores.items()}
    return {"dataset": row.dataset, "image": row.image, "protocol": row.protocol, "resizer": row.resizer} | scores


def _latency(planned: PlannedRun, model: nn.Module, device: str, tell: Listener) -> list[dict[str, Any]]:
    if not planned.config.eval.latency:
        return []
    tell("measures latency", 0, 1)
    model = model.to(device).to(memory_format=torch.channels_last)
    return [asdict(cost.latency(model, cost.LATENCY_INPUT, cost.LATENCY_INPUT))]


def _forget(folder: Path) -> None:
    written = ("result.json", "weights.safetensors", "last.ckpt", "losses.csv", "validation.csv", "scores.csv")
    for name in (*written, "logger.json"):
        (folder / name).unlink(missing_ok=True)
