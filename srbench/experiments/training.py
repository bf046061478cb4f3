"""The step of a run that trains its network, stage by stage."""

import json
import logging
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from srbench.core import hardware
from srbench.core.files import write_file
from srbench.core.progress import silent
from srbench.data.pairs import ImagePair
from srbench.data.supply import Supply
from srbench.evaluation.evaluate import evaluate, mean_scores
from srbench.evaluation.settings import Inference
from srbench.experiments.compose import build_model
from srbench.experiments.inputs import validation_pairs
from srbench.experiments.recording import Attempt
from srbench.experiments.spec import RunSpec, StageSpec
from srbench.experiments.store.codec import FormatError, decode, encode
from srbench.experiments.store.left import WEIGHTS
from srbench.experiments.store.record import Record, StageRecord, Training
from srbench.metrics.cost import memory_format
from srbench.metrics.scorer import Scorer, make_scorer
from srbench.models import hub
from srbench.models.layers.thumbnail import make_thumbnail
from srbench.models.traits import traits_of, use_scale
from srbench.recipes.fit import Session, fit
from srbench.recipes.outcome import StageOutcome
from srbench.recipes.stages import BatchSource, Stage

log = logging.getLogger(__name__)


def train(attempt: Attempt) -> Record:
    """Trains what is left to train, and leaves the weights with how the training went beside them: an interrupt may
    come between them and the record."""
    record, weights = attempt.record, attempt.run.folder / WEIGHTS
    fingerprint = attempt.asked.fingerprints.train
    if not attempt.left.train:
        return record
    training = _already(weights, fingerprint)
    if training is None:
        attempt.trained, training = _fitted(attempt)
        tensors = {name: value.contiguous() for name, value in attempt.trained.cpu().state_dict().items()}
        about = {"fingerprint": fingerprint or "", "training": json.dumps(encode(training))}
        write_file(weights, save(tensors, about))
    else:
        log.info("takes the weights that are there, without training again: %s", weights)
    return replace(record, train=training, fingerprints=replace(record.fingerprints, train=fingerprint))


def _already(weights: Path, fingerprint: str | None) -> Training | None:
    """How the weights that are there were trained; None for none, or for those of something else."""
    try:
        with safe_open(weights, "pt") as file:
            about = file.metadata() or {}
        if about.get("fingerprint") == fingerprint:
            return decode(Training, json.loads(about["training"]))
    except (OSError, SafetensorError, KeyError, FormatError, ValueError):
        pass
    return None


def _fitted(attempt: Attempt) -> tuple[nn.Module, Training]:
    run = attempt.run
    torch.manual_seed(run.seed)
    model = build_model(run)
    if run.checkpoint:
        hub.bring(model, run.checkpoint, run.places.weights_dir, run.scale, attempt.tell)
    session = Session(
        seed=run.seed,
        device=attempt.slot.device,
        precision=hardware.pick_precision(run.precision, attempt.slot.device),
        validate=_validation(attempt),
        tell=attempt.tell,
        written=attempt.tracker.written,
    )
    stages = [_stage(run, spec, number, model) for number, spec in enumerate(run.stages)]
    model, outcomes = fit(model, stages, run.folder, session)
    use_scale(model, run.scale)
    return model, _training(run, outcomes, memory_format(model))


def _validation(attempt: Attempt) -> Any:
    run = attempt.run
    scorer = make_scorer(["psnr"], run.evaluation.protocol, [])
    once = replace(run.evaluation.inference, self_ensemble=False)
    return partial(_psnr, validation_pairs(run), scorer, attempt.slot.device, once)


def _psnr(pairs: list[ImagePair], scorer: Scorer, device: str, inference: Inference, model: nn.Module) -> float:
    results = evaluate(model, {"val": pairs}, scorer, device, silent, lambda *_: None, inference)
    return mean_scores(results)["val"]["psnr"]


def _stage(run: RunSpec, spec: StageSpec, number: int, model: nn.Module) -> Stage:
    key = f"recipe.stages.{spec.name}"
    return Stage(
        name=spec.name,
        recipe=lambda model, steps: spec.recipe.build(key, model=model, steps=steps),
        batches=partial(_batches, run, spec, number, model),
        length=spec.length,
        epoch_steps=spec.epoch_steps,
        start=partial(_start, run, spec.start) if spec.start else None,
    )


def _start(run: RunSpec, name: str, model: nn.Module) -> None:
    hub.bring(model, name, run.places.weights_dir, run.scale, silent)


def _batches(run: RunSpec, spec: StageSpec, number: int, model: nn.Module) -> BatchSource:
    traits = traits_of(model)
    supply = Supply(
        files=spec.data.train_files(),
        scale=run.scale,
        scales=traits.scales or None,
        batch_size=spec.length.batch_size,
        hr_patch=spec.length.hr_patch,
        seed=run.seed,
        stage=number,
        thumbnail=partial(make_thumbnail, size=traits.thumbnail) if traits.thumbnail else None,
        degradation=spec.data.degradation,
    )
    source: BatchSource = spec.batches.build(f"recipe.stages.{spec.name}.batches", supply)
    return source


def _training(run: RunSpec, outcomes: list[StageOutcome], memory: str) -> Training:
    stages = [
        StageRecord(**vars(outcome), training_data=spec.data.training_data())
        for outcome, spec in zip(outcomes, run.stages, strict=True)
    ]
    steps = sum(stage.steps for stage in stages)
    return Training(
        steps=steps,
        steps_per_second=_over_time(stages, steps),
        data_wait=sum(stage.data_wait * stage.steps for stage in stages) / steps,
        final_loss=stages[-1].final_loss,
        captured=False,
        memory_format=memory,
        stages=tuple(stages),
        training_data=stages[0].training_data,
    )


def _over_time(stages: list[StageRecord], steps: int) -> float:
    """All steps in the time that all stages took."""
    seconds = sum(stage.steps / stage.steps_per_second for stage in stages if stage.steps_per_second)
    return steps / seconds if seconds else 0.0
