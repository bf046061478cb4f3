"""The step of a run that trains its network, stage by stage."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import nn

from srbench.core import hardware
from srbench.core.errors import FailedRunError
from srbench.core.progress import Listener, silent
from srbench.data.pairs import ImagePair
from srbench.data.supply import Supply
from srbench.evaluation.evaluate import evaluate, mean_scores
from srbench.evaluation.settings import Inference
from srbench.experiments.compose import build_model
from srbench.experiments.inputs import validation_pairs
from srbench.experiments.own_code import own_code
from srbench.experiments.recording import Attempt, Slot
from srbench.experiments.spec import RunSpec, StageSpec
from srbench.experiments.store.left import WEIGHTS
from srbench.experiments.store.record import Record, StageRecord, Training, TrainingData
from srbench.experiments.trained_alike import copy_training, trained_alike
from srbench.experiments.trained_weights import read_trained, write_trained
from srbench.experiments.training_processes import helped
from srbench.experiments.whole_images import picture_side
from srbench.metrics.scorer import Scorer, make_scorer
from srbench.models import hub
from srbench.models.layers.thumbnail import thumbnail_maker
from srbench.models.traits import traits_of, use_scale
from srbench.recipes.fit import Session, fit
from srbench.recipes.outcome import StageOutcome, captured
from srbench.recipes.ranks import Ranks
from srbench.recipes.stages import BatchSource, Stage

log = logging.getLogger(__name__)


def train(attempt: Attempt) -> Record:
    """Trains what is left to train, and leaves the weights. Raises FailedRunError where the images were changed."""
    record, weights, fingerprint = attempt.record, attempt.run.folder / WEIGHTS, attempt.asked.train
    if not attempt.left.train or fingerprint is None:
        return record
    began = time.monotonic()
    there = read_trained(weights)
    if there and there.fingerprint == fingerprint:
        log.info("takes the weights that are there, without training again: %s", weights)
        training = there.training
    elif alike := trained_alike(attempt.run, fingerprint):
        log.info("takes the weights of %s, which differs in nothing that training sees", alike.folder.name)
        copy_training(alike.folder, attempt.run.folder)
        training = alike.training
    else:
        attempt.trained, training = _fitted(attempt)
        write_trained(weights, attempt.trained.cpu().state_dict(), fingerprint, training)
    precisions = [session.precision for session in training.sessions if session.precision]
    earlier = sum(stage.seconds for stage in training.stages) - (time.monotonic() - began)
    return replace(
        record,
        train=training,
        precision=precisions[-1] if precisions else record.precision,
        seconds=record.seconds + max(0.0, earlier),
        weights_sha256=attempt.weights_sha256,
        fingerprints=replace(record.fingerprints, train=fingerprint),
    )


def _fitted(attempt: Attempt) -> tuple[nn.Module, Training]:
    run = attempt.run
    _refuse_changed(run)
    with helped(run, attempt.slot) as (slot, ranks):
        model, outcomes = train_stages(run, slot, run.folder, ranks, attempt.tell, attempt.tracker.written)
    torch.set_num_threads(attempt.slot.threads)
    use_scale(model, run.scale)
    training = _training(run, outcomes, _refuse_changed(run))
    return model, replace(training, recipe=run.recipe)


def train_stages(
    run: RunSpec, slot: Slot, folder: Path, ranks: Ranks, tell: Listener, written: Callable[[], None]
) -> tuple[nn.Module, list[StageOutcome]]:
    """Trains the run's network in `folder`, as `fit`, in this process as one of several."""
    torch.set_num_threads(slot.threads)
    torch.manual_seed(run.seed)
    model = build_model(run)
    if run.checkpoint:
        hub.bring(model, run.checkpoint, run.places.weights_dir, run.scale, tell)
    alike = slot.device if run.devices == 1 else slot.device.partition(":")[0]  # for all of several processes
    session = Session(
        seed=run.seed,
        device=slot.device,
        precision=hardware.pick_precision(run.precision, alike),
        validate=validation(run, slot, ranks),
        tell=tell,
        written=written,
        compile=run.compile,
        ranks=ranks,
        capture=run.capture,
        layout=run.memory_format,
        code=own_code(run),
    )
    return fit(model, [_stage(run, spec, number, model) for number, spec in enumerate(run.stages)], folder, session)


def _refuse_changed(run: RunSpec) -> list[TrainingData]:
    """What each stage is trained on. Raises FailedRunError where it is not what the run was planned with."""
    data = [stage.data.training_data() for stage in run.stages]
    if tuple(one.sha256 for one in data) != run.training_digests:
        raise FailedRunError("the training images were changed since the run was planned; repeat the command")
    return data


def validation(run: RunSpec, slot: Slot, ranks: Ranks) -> Callable[[nn.Module], float]:
    """Gives the PSNR of a model on the run's validation images, which the first of several processes computes."""
    if ranks.number:
        return lambda _: ranks.of_the_first(0.0, slot.device)
    scorer = make_scorer(["psnr"], run.evaluation.protocol, [])
    once = replace(run.evaluation.inference, self_ensemble=False)
    psnr = partial(_psnr, validation_pairs(run), scorer, slot.device, once)
    return lambda model: ranks.of_the_first(psnr(model), slot.device)


def _psnr(pairs: list[ImagePair], scorer: Scorer, device: str, inference: Inference, model: nn.Module) -> float:
    results = evaluate(model, {"val": pairs}, scorer, device, silent, lambda *_: None, inference, as_it_lies=True)
    return mean_scores(results)["val"]["psnr"]


def _stage(run: RunSpec, spec: StageSpec, number: int, model: nn.Module) -> Stage:
    key = f"recipe.stages.{spec.name}"
    return Stage(
        name=spec.name,
        recipe=lambda model, length: spec.recipe.build(key, model=model, length=length),
        part=spec.part,
        keep=spec.keep,
        batches=partial(_batches, run, spec, number, model),
        length=spec.length,
        epoch_steps=spec.epoch_steps,
        start=partial(_start, run, spec.start) if spec.start else None,
    )


def _start(run: RunSpec, name: str, model: nn.Module) -> None:
    hub.bring(model, name, run.places.weights_dir, run.scale, silent)


def _batches(run: RunSpec, spec: StageSpec, number: int, model: nn.Module) -> BatchSource:
    scales, side = traits_of(model).scales, picture_side(spec, model)
    supply = Supply(
        files=spec.data.train_files(),
        scale=run.scale,
        scales=scales or None,
        batch_size=spec.length.batch_size,
        hr_patch=spec.length.hr_patch,
        seed=run.seed,
        stage=number,
        thumbnail=thumbnail_maker(side),
        degradation=spec.data.degradation,
        form=spec.data.form,
    )
    source: BatchSource = spec.batches.build(f"recipe.stages.{spec.name}.batches", supply)
    return source


def _training(run: RunSpec, outcomes: list[StageOutcome], data: list[TrainingData]) -> Training:
    stages = [
        StageRecord(**vars(outcome), training_data=one, full_steps=spec.full_steps)
        for outcome, one, spec in zip(outcomes, data, run.stages, strict=True)
    ]
    steps = sum(stage.steps for stage in stages)
    sessions = [session for stage in stages for session in stage.sessions]
    return Training(
        steps=steps,
        steps_per_second=_over_time(stages, steps),
        data_wait=sum(stage.data_wait * stage.steps for stage in stages) / steps,
        final_loss=stages[-1].final_loss,
        captured=captured(sessions),
        memory_format=sessions[-1].memory_format,
        stages=tuple(stages),
        training_data=stages[0].training_data,
    )


def _over_time(stages: list[StageRecord], steps: int) -> float:
    """All steps in the time that all stages took."""
    seconds = sum(stage.steps / stage.steps_per_second for stage in stages if stage.steps_per_second)
    return steps / seconds if seconds else 0.0
