"""The run that a resolved config describes: read and checked once, at the edge."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, cast

from srbench.core.errors import UserError
from srbench.core.pixel_format import RGB8, PixelFormat
from srbench.core.pixel_limit import limit_pixels
from srbench.core.suggest import did_you_mean
from srbench.data.chains import parse_degradation
from srbench.evaluation.settings import Inference
from srbench.experiments.component import TARGET, Component, component
from srbench.experiments.schema import GROUPS, Keys, no_choice, read_crops, read_keys, shown
from srbench.experiments.spec import DataSpec, EvaluationSpec, Places, RunSpec, StageSpec, for_images
from srbench.experiments.store.record import Membership
from srbench.metrics.protocol import Protocol
from srbench.metrics.table import members
from srbench.recipes.length import Length
from srbench.recipes.outcome import Capture, Keep, Layout

LONGEST_NAME = 50  # of a stage
STAGE_NAME = rf"\w[\w-]{{0,{LONGEST_NAME - 1}}}"

# Keys of a stage that say how it is fed, how long it is and where it begins; the others are its recipe's arguments.
OF_THE_DATA = ("degradation", "bits", "channels")  # beside the arguments of their class
OF_THE_STAGE = ("batches", "quick", "full", "epoch_steps", "start", "part", "data")


@dataclass(frozen=True)
class Words:
    """What a run is called on a command line. `model`: its name; `overrides`: all words that describe it; `data` and
    `recipe`: the options of these config groups, None where they are unknown."""

    model: str
    overrides: tuple[str, ...]
    data: str | None
    recipe: str | None = None


def run_spec(config: dict[str, Any], written: dict[str, Any], words: Words) -> RunSpec:
    """The run that a resolved config describes. `written`: the same config with its interpolations.

    Raises UserError for a key that is missing, unknown or not what it must be.
    """
    for group in GROUPS:
        if not isinstance(config.get(group), dict):
            raise UserError(no_choice(f"{group}={shown(config[group])}" if group in config else group))
    keys = read_keys(config)
    limit_pixels(keys.max_megapixels)  # images are read from here on, for digests
    data = _data(config["data"], "data", words.data)
    return RunSpec(
        name=words.model,
        overrides=words.overrides,
        memberships=tuple(Membership(label.ablation, label.variant, label.baseline) for label in keys.labels),
        model=for_images(component(config["model"], "model"), data.form),
        scale=keys.scale,
        seed=keys.seed,
        recipe=words.recipe,
        stages=_stages(config["recipe"], keys, data),
        data=data,
        evaluation=_evaluation(keys, config["protocol"]),
        places=_places(keys),
        checkpoint=keys.checkpoint,
        precision=str(keys.precision),
        compile=keys.compile,
        capture=cast(Capture, keys.capture),
        memory_format=cast(Layout, keys.memory_format),
        devices=keys.devices,
        device=keys.device,
        threads=_number_or_auto(keys.threads),
        jobs=_number_or_auto(keys.jobs),
        mps="auto" if keys.mps == "auto" else "off",
        max_megapixels=keys.max_megapixels,
        logger=_logger(config["logger"]),
        force=keys.force,
        dry_run=keys.dry_run,
        retries=keys.retries,
        fail_fast=keys.fail_fast,
        crops=read_crops(config),
        config=config,
        written=written,
    )


def _number_or_auto(value: int | str) -> int | Literal["auto"]:
    return value if isinstance(value, int) else "auto"


def _data(node: Mapping[str, Any], key: str, option: str | None, usual: PixelFormat = RGB8) -> DataSpec:
    """`usual`: what its images are read as where it says nothing."""
    found = component(node, key)
    degradation = parse_degradation(node.get("degradation"))
    try:
        form = PixelFormat(node.get("bits", usual.bits), node.get("channels", usual.channels))
    except ValueError as error:
        raise UserError(f"{key}.{error}") from error
    if degradation:
        degradation.check_bits(form.bits)
    return DataSpec(option or found.class_name.lower(), found.without(*OF_THE_DATA), degradation, form)


def _logger(node: Mapping[str, Any]) -> Component | None:
    if node.get(TARGET):
        return component(node, "logger")
    for name in node:
        if name != TARGET:
            raise UserError(f"logger.{name}: no such key; choose what it is of, as in logger=wandb")
    return None


def _evaluation(keys: Keys, protocol: Mapping[str, Any]) -> EvaluationSpec:
    told, asked = component(protocol, "protocol"), keys.eval
    if told.class_name != "Protocol":
        raise UserError(f"protocol._target_={told.target}: srbench.metrics.protocol.Protocol is the only one")
    inference = Inference(asked.tile, asked.overlap, asked.self_ensemble, asked.memory_gb)  # type: ignore[arg-type]
    built: Protocol = told.build("protocol")
    return EvaluationSpec(
        datasets=tuple(name.lower() for name in asked.datasets),
        metrics=members(asked.metrics),
        save_images=asked.save_images if isinstance(asked.save_images, int) else "all",
        latency=asked.latency,
        inference=inference,
        protocol=built,
    )


def _places(keys: Keys) -> Places:
    runs_dir, reports_dir, data_root = (
        Path(folder).expanduser() for folder in (keys.runs_dir, keys.reports_dir, keys.data_root)
    )
    return Places(keys.study, runs_dir, reports_dir, data_root, keys.weights_dir)


def _stages(recipe: Mapping[str, Any], keys: Keys, data: DataSpec) -> tuple[StageSpec, ...]:
    if keys.budget.length == "none" or keys.budget.steps == 0:
        return ()
    stages = recipe.get("stages")
    kept = {name: node for name, node in stages.items() if node is not None} if isinstance(stages, dict) else {}
    if not kept:
        raise UserError("recipe.stages: must map the name of each stage to what it is, as in {pixel: {…}}")
    for name in kept:
        if not re.fullmatch(STAGE_NAME, str(name)):
            raise UserError(
                f"recipe.stages.{name}: a stage is named by letters, digits, _ and -, {LONGEST_NAME} at most, as its "
                "name is part of a file's and of rows"
            )
    return tuple(_stage(str(name), node, recipe, keys, data) for name, node in kept.items())


def _stage(name: str, node: Any, recipe: Mapping[str, Any], keys: Keys, data: DataSpec) -> StageSpec:
    key = f"recipe.stages.{name}"
    if isinstance(node, dict):
        node = {one: _shared(value, recipe.get(one)) for one, value in node.items()}
    found = component(node, key)
    own = node.get("data")
    epoch_steps, start, part = node.get("epoch_steps", 1000), node.get("start"), node.get("part")
    if type(epoch_steps) is not int or epoch_steps < 1:
        raise UserError(f"{key}.epoch_steps={shown(epoch_steps)}: a whole number from 1 on")
    if not (start is None or (isinstance(start, str) and start)):
        raise UserError(f"{key}.start={shown(start)}: a file, a published name or null")
    if not (part is None or (isinstance(part, str) and part)):
        raise UserError(f"{key}.part={shown(part)}: the name of a submodule of the model, or null")
    length = _length(key, node, keys)
    return StageSpec(
        name=name,
        recipe=_for_images(found.without(*OF_THE_STAGE), key, data.form),
        batches=component(node.get("batches"), f"{key}.batches"),
        length=length,
        epoch_steps=epoch_steps,
        start=start,
        part=part,
        data=_data(own, f"{key}.data", None, data.form) if own else data,
        full_steps=_full_steps(node.get("full")),
        keep=_keep(keys, length, key),
    )


def _for_images(recipe: Component, key: str, form: PixelFormat) -> Component:
    """The recipe, its teacher, where it has one, told of the images as the model is."""
    teacher = recipe.arguments.get("teacher")
    if not isinstance(teacher, dict) or form == RGB8:
        return recipe
    told = for_images(component(teacher, f"{key}.teacher"), form)
    return Component(recipe.target, {**recipe.arguments, "teacher": {TARGET: told.target, **told.arguments}})


def _keep(keys: Keys, length: Length, key: str) -> Keep:
    if keys.budget.keep == "best" and not length.val_every:
        raise UserError(f"budget.keep=best: nothing is validated ({key}); set budget.val_every=STEPS")
    return keys.budget.keep  # type: ignore[return-value]


def _full_steps(full: Any) -> int | None:
    steps = full.get("steps") if isinstance(full, dict) else None
    return steps if type(steps) is int else None


def _shared(own: Any, of_all: Any) -> Any:
    """What a stage says of its optimizer, say, with what it leaves out as the recipe's optimizer has it. Losses by name
    are a whole."""
    partial = isinstance(own, dict) and isinstance(of_all, dict) and TARGET not in own and not _are_components(own)
    return {**of_all, **own} if partial else own


def _are_components(node: Mapping[str, Any]) -> bool:
    return bool(node) and all(isinstance(value, dict) and TARGET in value for value in node.values())


def _length(key: str, node: Mapping[str, Any], keys: Keys) -> Length:
    told = node.get(keys.budget.length)
    if not isinstance(told, dict):
        raise UserError(f"{key}.{keys.budget.length}: must hold steps, batch_size, hr_patch and val_every")
    for length in ("quick", "full"):
        names = [one.name for one in fields(Length)]
        for name in node.get(length) or {}:
            if name not in names:
                raise UserError(f"{key}.{length}.{name}: no such key{did_you_mean(name, names)}")
    budget = keys.budget
    return Length(
        steps=_whole(key, "steps", budget.steps or told.get("steps"), 1),
        batch_size=_whole(key, "batch_size", budget.batch_size or told.get("batch_size"), 1),
        hr_patch=_whole(key, "hr_patch", budget.hr_patch or _of_scale(told.get("hr_patch"), keys.scale), keys.scale),
        val_every=_whole(key, "val_every", told.get("val_every") if budget.val_every is None else budget.val_every, 0),
    )


def _whole(key: str, name: str, value: Any, least: int) -> int:
    if type(value) is not int or value < least:
        raise UserError(f"budget.{name}={shown(value)}: a whole number from {least} on is needed ({key})")
    return value


def _of_scale(patch: Any, scale: int) -> Any:
    """A recipe may have a patch for each scale, so that LR's is the same."""
    if not isinstance(patch, dict):
        return patch
    by_scale = {int(key): pixels for key, pixels in patch.items()}
    if scale not in by_scale:
        raise UserError(f"budget.hr_patch: the recipe has none for scale={scale}; give budget.hr_patch=PIXELS")
    return by_scale[scale]
