"""What can be known of a run before it starts: whether it can be done at all."""

from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

from torch import nn

from srbench.core import hardware, progress
from srbench.core.errors import UserError
from srbench.core.paths import conf_folder
from srbench.data.unread import shallow
from srbench.evaluation.inference import overlap_for
from srbench.experiments.component import imported
from srbench.experiments.inputs import datasets, validation_pairs
from srbench.experiments.spec import RunSpec, StageSpec
from srbench.experiments.store.overrides import parse_override
from srbench.experiments.trial import try_network
from srbench.experiments.whole_images import picture_side
from srbench.metrics.scorer import check_metrics
from srbench.models import hub
from srbench.models.backbones import backbone_file
from srbench.models.traits import Traits, image_channels_of, traits_of
from srbench.recipes.modes import as_found

READS_WEIGHTS = "weights_dir"  # argument of a recipe that reads others' weights, which no test of srbench's has seen


def check_run(run: RunSpec, model: nn.Module) -> None:
    """Raises UserError for what can be known to be wrong; `model` is the run's, on the meta device."""
    traits = _traits(run, model)
    told = run.model.arguments.get("scale", run.scale)
    if told != run.scale:
        raise UserError(
            f"model.scale={told}: scale={run.scale} is the run's; set scale={told} and leave model.scale out"
        )
    run.data.component.check("data")
    _check_channels(run, model)
    check_metrics(run.evaluation.metrics, "eval.metrics=[{}]")
    check_inference(run, model, "eval.")
    device = hardware.pick_device(run.device)
    hardware.pick_precision(run.precision, device)
    if run.capture is True and not device.startswith("cuda"):
        told = f"capture=true: CUDA graphs are a CUDA device's, and device is {device}"
        raise UserError(f"{told}; use capture=auto, or device=cuda")
    found = datasets(run) | ({"val": validation_pairs(run)} if run.stages else {})
    if run.data.form.bits == 8:
        files = [file for pairs in found.values() for pair in pairs for file in (pair.hr_file, pair.used_lr_file)]
        trained = [file for stage in run.stages for file in stage.data.train_files()]
        _tell_of_depth(tuple(dict.fromkeys(file for file in [*files, *trained] if file)))
    alone = [name for name, pairs in found.items() if len(pairs) < 2]
    if alone and traits.shuffle_thumbnails:
        raise UserError(f"model.context=shuffled: exchanges the images' embeddings, but {alone[0]} has one image only")
    if run.checkpoint:
        _check_weights(run, model, run.checkpoint)
    parameters = list(model.parameters())
    if run.stages and not any(parameter.requires_grad for parameter in parameters):
        raise UserError(f"model={run.name}: has no weights to train; use budget=none")
    if not run.stages and parameters and not run.checkpoint:
        raise UserError(f"budget=none: model={run.name} needs weights to evaluate; give checkpoint=FILE")
    _check_devices(run)
    for stage in run.stages:
        _check_stage(run, stage, model)
    try_network(run)
    _tell_of_doubtful(run)


def _check_channels(run: RunSpec, model: nn.Module) -> None:
    takes, read = image_channels_of(model), run.data.form.channels
    if takes != read:
        cure = "use data.channels=3, which reads grey as RGB" if read == 1 else f"use data.channels={takes}"
        raise UserError(
            f"data.channels={read}: model={run.name} takes images of {takes} channel{'s' * (takes > 1)}; {cure}, or "
            "a network whose constructor takes image_channels, and keeps it as that, as model=carn"
        )


def _tell_of_doubtful(run: RunSpec) -> None:
    """Says of which arguments nobody can know whether they are read."""
    parts = {"model": run.model, "data": run.data.component}
    parts |= {f"recipe.stages.{stage.name}": stage.recipe for stage in run.stages}
    parts |= {f"recipe.stages.{stage.name}.batches": stage.batches for stage in run.stages}
    for key, part in parts.items():
        if places := [place for place in part.doubtful(key) if place != "model.scale"]:  # which the trial has proven
            _tell(f"{', '.join(places)}: {part.class_name} takes any argument; whether it reads this one is not known")


@cache  # every run of a grid asks
def _tell_of_depth(files: tuple[Path, ...]) -> None:
    for line in shallow(files):
        _tell(f"{line}; data.bits=16 reads them all")


@cache  # every run of a grid asks
def _tell(line: str) -> None:
    progress.console.print(line, markup=False)


def _traits(run: RunSpec, model: nn.Module) -> Traits:
    try:
        return traits_of(model)
    except ValueError as error:
        raise UserError(f"model={run.name}: {error}") from error


def check_inference(run: RunSpec, model: nn.Module, before: str) -> None:
    """Raises UserError, `before` and the key first, for tiles that are too small for the model."""
    try:
        overlap_for(model, run.evaluation.inference)
    except ValueError as error:
        raise UserError(f"{before}{error}") from error


def _check_weights(run: RunSpec, model: nn.Module, name: str) -> None:
    """Brings the weights, and raises UserError where the model cannot take them."""
    folders = run.places.weights_dir
    path = hub.at_hand(name, folders, run.scale)
    if path is None and not run.dry_run:
        with progress.bar(f"downloads {name}") as tell:
            path = hub.fetch(name, folders, run.scale, tell)
    if path:
        hub.load_checkpoint(model, name, path, run.scale)


def _check_devices(run: RunSpec) -> None:
    device = hardware.pick_device(run.device)
    if device == "mps" and run.devices > 1:
        raise UserError(f"devices={run.devices}: a machine has one Apple GPU; use devices=1, or device=cpu")
    if device.startswith("cuda"):
        hardware.pick_device(f"cuda:{int(device.partition(':')[2] or 0) + run.devices - 1}")
    for stage in run.stages:
        if stage.length.batch_size % run.devices:
            raise UserError(
                f"devices={run.devices}: budget.batch_size={stage.length.batch_size} (recipe.stages.{stage.name}) "
                "is no multiple of it, so that the devices would have unequal parts of a batch"
            )


def _check_stage(run: RunSpec, stage: StageSpec, model: nn.Module) -> None:
    key = f"recipe.stages.{stage.name}"
    stage.data.train_files()
    if stage.batches.arguments.get("multi_scale") and not traits_of(model).scales:
        raise UserError(f"recipe.multi_scale=true: model={run.name} has one scale; use model=carn_multiscale")
    if stage.data.form != run.data.form:
        told = f"{key}.data: is read with {stage.data.form.name}, and data with {run.data.form.name}"
        raise UserError(f"{told}; leave its bits and channels out, and it is read as data is")
    if stage.batches.arguments.get("degrade") and stage.data.form.bits > 8:
        raise UserError(f"data.bits={stage.data.form.bits}: {key}.batches.degrade leaves 8 bits; use data.bits=8")
    degraded = stage.batches.arguments.get("degrade") or stage.data.degradation
    if degraded and picture_side(stage, model):
        named = f"{key}.batches.degrade" if stage.batches.arguments.get("degrade") else "data.degradation"
        sees = f"model={run.name}" if traits_of(model).thumbnail else f"{key}.teacher"
        raise UserError(f"{named}: {sees} sees the whole LR image, which a degraded patch has not")
    if stage.start:
        try:
            _check_weights(run, model, stage.start)
        except UserError as error:
            raise UserError(f"{key}.start: {error}") from error
    stage.batches.check(f"{key}.batches")
    backbones = list(_backbones(stage.recipe.arguments, key))
    for place, name in backbones:
        backbone_file(name, run.places.weights_folders, place)
    # Of srbench's own, those are tried that depend on the patch, which the budget may say, or on files.
    tried = backbones or READS_WEIGHTS in stage.recipe.arguments or "discriminator" in stage.recipe.arguments
    only = getattr(imported(stage.batches.target), "only_scale", run.scale)
    if only != run.scale:
        raise UserError(f"scale={run.scale}: {key}.batches, {stage.batches.class_name}, is for scale={only}")
    part = _part(model, stage, key)
    if tried or not _is_as_shipped(run) or stage.data.form.channels != 3:
        from srbench.recipes.rehearsal import rehearse  # Lightning takes seconds to import

        build = partial(stage.recipe.build, key, model=part, length=stage.length)
        scales = traits_of(model).scales if stage.batches.arguments.get("multi_scale") else ()
        with as_found(model):  # other runs have it, too
            rehearse(build, key, stage.length, str(run.precision), scales)


def _backbones(node: Any, key: str) -> Iterator[tuple[str, str]]:
    """The networks whose features the arguments of a recipe name, each with its key."""
    for name, value in node.items() if isinstance(node, dict) else ():
        if name == "backbone" and isinstance(value, str):
            yield f"{key}.{name}", value
        yield from _backbones(value, f"{key}.{name}")


def _part(model: nn.Module, stage: StageSpec, key: str) -> nn.Module:
    try:
        return model.get_submodule(stage.part or "")
    except AttributeError:
        names = [name for name, _ in model.named_children()]
        raise UserError(f"{key}.part={stage.part}: no such submodule of the model; it has {', '.join(names)}") from None


def _is_as_shipped(run: RunSpec) -> bool:
    """Whether its recipe is one of srbench's, which its tests prove, with nothing changed in it."""
    words = [one for one in map(parse_override, run.overrides) if one.root == "recipe"]
    chosen = all((conf_folder() / f"{one.key}/{one.text}.yaml").is_file() for one in words)
    return chosen and not Path("conf/recipe").is_dir()
