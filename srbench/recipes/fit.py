"""Training, stage by stage: Lightning's loop, made lean, with our files, checkpoints, validation and orderly stop."""

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import lightning as L
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from torch import nn

from srbench.core import hardware
from srbench.core.files import remove_partials
from srbench.core.progress import Listener
from srbench.data.device_patches import DevicePatches
from srbench.data.patches import Patches
from srbench.models.layers.reparameterised import in_training_form
from srbench.models.weights import load_weights
from srbench.recipes import history
from srbench.recipes.callbacks import (
    Best,
    LastCheckpoint,
    LossHistory,
    OrderlyStop,
    Pace,
    Sessions,
    StepProgress,
    Validation,
)
from srbench.recipes.captured import Captured, CapturedSteps, CudaGraphs, Graphs
from srbench.recipes.checkpoints import (
    CHECKPOINT,
    OneStepCheckpoints,
    Resumption,
    finished_outcome,
    keep_stage,
    resumption,
    stage_file,
)
from srbench.recipes.compiled import compiled
from srbench.recipes.length import Length
from srbench.recipes.memory_layout import FORMATS, fastest_layout
from srbench.recipes.modes import as_found
from srbench.recipes.outcome import USUAL, Capture, Layout, StageOutcome, TrainingSession
from srbench.recipes.ranks import ALONE, MeanLosses, Ranks
from srbench.recipes.recipe import Recipe, seed_torch
from srbench.recipes.repeatable import repeatable
from srbench.recipes.sound_convolutions import sound_convolutions
from srbench.recipes.stages import BatchSource, Stage
from srbench.recipes.steps import Steps
from srbench.recipes.stream import Stream
from srbench.recipes.training_memory import check_memory

log = logging.getLogger(__name__)

IMAGES_SHARE = 0.4  # of a GPU's free memory, that training images may take


@dataclass(frozen=True)
class Session:
    """What training needs beside its stages: `precision` as Lightning names it; `validate`: the PSNR of a model;
    `written`: called when rows have been added to losses.csv or validation.csv; `compile`: the network's passes;
    `ranks`: which process this is of those that train together, each in a folder of its own; `graphs`: where steps are
    captured, None for those of the GPU, if it is one; `capture`: whether they are; `layout`: of weights and images in a
    GPU's memory, "auto": the one that is faster; `code`: digests of the user's own classes, by their places."""

    seed: int
    device: str
    precision: str
    validate: Callable[[nn.Module], float]
    tell: Listener
    written: Callable[[], None] = lambda: None
    compile: bool = False
    ranks: Ranks = ALONE
    graphs: Graphs | None = None
    capture: Capture = "auto"
    layout: Layout | Literal["auto"] = "auto"
    code: Mapping[str, str] = field(default_factory=dict)


def fit(
    model: nn.Module, stages: Sequence[Stage], folder: Path, session: Session
) -> tuple[nn.Module, list[StageOutcome]]:
    """Trains the stages that are left, one after the other, and returns `model`, now with the weights to evaluate (the
    averaged ones of a recipe that has them), and how each stage went.

    Leaves losses.csv, validation.csv and the weights of each stage in `folder`, and last.ckpt while a stage is at work;
    goes on from what is there, and ends with the weights and the losses.csv of an uninterrupted training. Raises
    NotFiniteError for a loss that is not, and KeyboardInterrupt, with everything written, after SIGINT or SIGTERM.
    """
    for place in (folder, folder / "stages"):
        remove_partials(place)
    files = [stage_file(folder, number, stage) for number, stage in enumerate(stages, 1)]
    outcomes: list[StageOutcome] = []
    for file, stage in zip(files, stages, strict=True):
        if (outcome := finished_outcome(file, stage, model)) is None:
            break
        outcomes.append(outcome)
    if outcomes:
        load_weights(model, files[len(outcomes) - 1])
    for file in files[len(outcomes) :]:  # of stages that went on from one that is trained again
        file.unlink(missing_ok=True)
    if len(outcomes) == len(stages):
        (folder / CHECKPOINT).unlink(missing_ok=True)
    stop = OrderlyStop()
    if session.graphs is None and session.device.startswith("cuda"):
        session = replace(session, graphs=CudaGraphs(torch.device(session.device)))
    with stop.handlers_put_back(), _quiet_lightning(), repeatable(session.device):
        for index in range(len(outcomes), len(stages)):
            if outcomes:
                session = _in_precision_of(session, outcomes[-1].sessions)
            outcome = _train(model, _Turn(stages, index, folder, session), stop)
            if session.device.startswith("cuda"):
                torch.cuda.empty_cache()  # for other runs on the GPU
            keep_stage(files[index], model, outcome)
            (folder / CHECKPOINT).unlink(missing_ok=True)
            outcomes.append(outcome)
            if stop.asked:
                raise KeyboardInterrupt
    return model, outcomes


@dataclass(frozen=True)
class _Turn:
    """The turn of one stage among all."""

    stages: Sequence[Stage]
    index: int
    folder: Path
    session: Session

    @property
    def stage(self) -> Stage:
        return self.stages[self.index]

    @property
    def before(self) -> Sequence[Stage]:
        return self.stages[: self.index]

    @property
    def identity(self) -> dict[str, Any]:
        steps, seed = self.stage.length.steps, self.session.seed
        return {"stage": self.stage.name, "number": self.index + 1, "steps": steps, "seed": seed}


def _train(model: nn.Module, turn: _Turn, stop: OrderlyStop) -> StageOutcome:
    stage, length, checkpoint = turn.stage, turn.stage.length, turn.folder / CHECKPOINT
    log.info("stage %s, %d of %d: %d steps", stage.name, turn.index + 1, len(turn.stages), length.steps)
    source = stage.batches()
    if stage.start:
        stage.start(model)
    trained = model.get_submodule(stage.part or "")
    # First weights of a training form or a critic are the same in a training that goes on with this stage.
    seed_torch(torch.device("cpu"), turn.session.seed, turn.index, 0)
    with as_found(model), in_training_form(trained), ExitStack() as held:
        recipe = _recipe(trained, turn)
        begun = resumption(checkpoint, turn.identity, recipe.state_dict())
        session = _as_begun(turn.session, begun.sessions)
        held.enter_context(sound_convolutions(trained, session.device, session.precision))
        passes = held.enter_context(compiled(trained, session.compile))
        check_memory(trained, recipe, session.precision, session.device, f"recipe.stages.{stage.name}")
        layout = _layout(trained, length, session)
        recipe.to(memory_format=FORMATS[layout])
        captured = Captured()
        sessions = Sessions(begun, _of_now(begun, session, layout), passes, captured)
        fed = _on_device(source, session)
        start, steps = begun.step, _steps(recipe, session, captured, layout, fed)
        gpu = session.device.startswith("cuda")
        quick = gpu and session.ranks.count == 1  # several processes must do the same steps together
        stream = Stream(fed or session.ranks.shared(source), start, length, pinned=gpu, quick=quick)
        best = Best(recipe) if stage.keep == "best" else None
        callbacks, pace = _callbacks(steps, turn, start, sessions, stop, best)
        recipe.training_step = steps.together  # type: ignore[method-assign]
        trainer = _trainer(session, callbacks)
        try:
            trainer.fit(recipe, stream, ckpt_path=checkpoint if start else None, weights_only=start > 0 or None)
        except SystemExit:  # Lightning's answer to a KeyboardInterrupt
            raise KeyboardInterrupt from None
        finally:
            steps.end()
            stream.end()
            del recipe.training_step  # which holds the steps, as they hold it
        if recipe.step < length.steps:
            raise KeyboardInterrupt if stop.asked else RuntimeError(f"Lightning ended at step {recipe.step}")
        if session.compile and not passes.ran:
            log.warning("compile=true: stage %s runs no pass of its whole network; nothing was compiled", stage.name)
        if best and best.step:
            log.info("stage %s: keeps the weights of step %d (%.3f dB)", stage.name, best.step, best.psnr)
            trained.load_state_dict(best.weights)
        elif recipe.result is not trained:
            trained.load_state_dict(recipe.result.state_dict())
    return StageOutcome(
        name=stage.name,
        steps=length.steps,
        batch_size=length.batch_size,
        hr_patch=length.hr_patch,
        steps_per_second=(length.steps - start) / pace.seconds,
        data_wait=stream.waited / pace.seconds,
        final_loss=history.final_loss(turn.folder / history.LOSSES, stage.name),
        sessions=sessions.until_now(),
        kept=stage.keep,
        kept_step=best.step if best and best.step else length.steps,
        kept_psnr=best.psnr if best and best.step else None,
    )


def _recipe(model: nn.Module, turn: _Turn) -> Recipe:
    recipe = turn.stage.recipe(model, turn.stage.length)
    recipe.seed, recipe.stage, recipe.ranks = turn.session.seed, turn.index, turn.session.ranks
    return recipe.train()


def _as_begun(session: Session, sessions: Sequence[TrainingSession]) -> Session:
    """The session in the precision and the layout of those that were before it in its stage."""
    if not sessions:
        return session
    layout = sessions[-1].memory_format or USUAL
    if session.layout not in ("auto", layout):
        _tell_of_kept("memory_format", layout, session.layout)
    return replace(_in_precision_of(session, sessions), layout=layout)


def _in_precision_of(session: Session, sessions: Sequence[TrainingSession]) -> Session:
    """The session in the precision of those that were before it, but on an Apple GPU, which has one only."""
    began = sessions[-1].precision
    if began in (None, session.precision):
        return session
    if session.device == "mps":
        log.warning("precision: it was trained in %s up to now, and goes on in %s", began, session.precision)
        return session
    _tell_of_kept("precision", began, session.precision)
    return replace(session, precision=began)


def _tell_of_kept(key: str, kept: str, usual: str) -> None:
    told = "%s: it goes on with %s, in which it was trained up to now; one that begins would take %s"
    log.warning(told, key, kept, usual)


def _of_now(begun: Resumption, session: Session, layout: Layout) -> TrainingSession:
    return TrainingSession(
        after_step=begun.step,
        device=session.device.partition(":")[0],
        threads=torch.get_num_threads(),
        seconds=0.0,
        devices=session.ranks.count,
        code=dict(session.code),
        precision=session.precision,
        memory_format=layout,
    )


def _layout(model: nn.Module, length: Length, session: Session) -> Layout:
    if session.layout != "auto":
        return session.layout
    if session.graphs is None or session.ranks.count > 1:
        return USUAL
    return fastest_layout(model, length, session.precision, torch.device(session.device), session.graphs)


def _on_device(source: BatchSource, session: Session) -> DevicePatches | None:
    """The source with its images on the GPU, where they fit and it is one that only cuts them."""
    if session.graphs is None or session.ranks.count > 1 or type(source) is not Patches:
        return None  # one that inherits may make other batches
    memory = hardware.memory(session.device)
    if memory is None or not DevicePatches.fits(source, int(IMAGES_SHARE * memory.free)):
        log.info(
            "batches are cut on the host: the images do not fit into %.0f %% of the GPU's memory", 100 * IMAGES_SHARE
        )
        return None
    return DevicePatches(source, torch.device(session.device))


def _steps(recipe: Recipe, session: Session, captured: Captured, layout: Layout, source: DevicePatches | None) -> Steps:
    if session.graphs is None:
        return Steps(recipe)
    return CapturedSteps(recipe, session.graphs, session.capture, captured, layout, source)


def _callbacks(
    steps: Steps, turn: _Turn, start: int, sessions: Sessions, stop: OrderlyStop, best: Best | None
) -> tuple[list[L.Callback], Pace]:
    stage, session, recipe = turn.stage, turn.session, steps.recipe
    losses, validation = turn.folder / history.LOSSES, turn.folder / history.VALIDATION
    finished = [one.name for one in turn.before]
    columns = history.begin(
        losses, history.LOSS_COLUMNS, (*recipe.parts, *recipe.norm_columns), finished, stage.name, start
    )
    history.begin(validation, history.VALIDATION_COLUMNS, (), finished, stage.name, start)
    rows = LossHistory(steps, stage, losses, columns, session.written)
    validates = Validation(rows, validation, session.validate, best)
    done, total = (sum(one.length.steps for one in some) for some in (turn.before, turn.stages))
    pace = Pace(validates)
    return [
        MeanLosses(session.ranks, len(steps.losses)),
        rows,
        StepProgress(rows, validates, session.tell, done, total),
        validates,
        stop,
        sessions,
        *([best] if best else []),
        LastCheckpoint(recipe, stage, turn.folder / CHECKPOINT, turn.identity, stop),
        pace,
    ], pace


def _trainer(session: Session, callbacks: list[L.Callback]) -> L.Trainer:
    gpu = session.device.startswith("cuda")
    return L.Trainer(
        accelerator="gpu" if gpu else session.device,
        devices=[int(session.device.partition(":")[2] or 0)] if gpu else 1,
        max_epochs=1,  # the stream ends it
        precision=session.precision,  # type: ignore[arg-type]
        callbacks=callbacks,
        plugins=[OneStepCheckpoints(), LightningEnvironment()],  # one process, also where SLURM started several
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        for message in (
            ".*does not have many workers.*",
            ".*GPU available but not used.*",
            ".*LeafSpec.*deprecated.*",
            ".*in eval mode at the start of training.*",
            ".*deterministic.*",  # told of once, by the steps
            ".*srun. command is available.*",  # on a machine of a cluster; a run starts its processes itself
            ".*lr_scheduler.step.*before.*optimizer.step.*",  # fp16 skips updates, the first one often
        ):
            warnings.filterwarnings("ignore", message=message)
        yield
