"""What a run is before it runs: typed, made once from a composed config, and identified by what fixes its weights."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from srbench.core.errors import UserError
from srbench.core.json_digest import json_digest
from srbench.core.paths import weights_folders
from srbench.core.pixel_limit import limit_pixels
from srbench.core.suggest import did_you_mean
from srbench.data.chains import Degradation, parse_degradation
from srbench.data.digests import pixel_digest
from srbench.evaluation.settings import Inference
from srbench.experiments.ablations import as_override
from srbench.experiments.component import TARGET, Component, component
from srbench.experiments.schema import GROUPS, Keys, no_choice, read_keys, shown
from srbench.experiments.store.overrides import parse_override
from srbench.experiments.store.record import Membership, TrainingData, identity_of
from srbench.metrics.protocol import Protocol
from srbench.models import hub
from srbench.recipes.length import Length

BICUBIC = "srbench.models.bicubic.Bicubic"

CONTEXT = ("model", "scale", "recipe", "data", "budget", "precision", "checkpoint")

# Keys of a stage that say how it is fed, how long it is and where it begins; the others are its recipe's arguments.
OF_THE_STAGE = ("batches", "quick", "full", "epoch_steps", "start", "data")


@dataclass(frozen=True)
class DataSpec:
    """Images to train and to validate on. `name`: the option of the config group, else the class's; `component` knows
    nothing of the `degradation` of their LR."""

    name: str
    component: Component
    degradation: Degradation | None

    @property
    def identity(self) -> dict[str, Any]:
        """As JSON, without where the images lie."""
        return {**self.component.without("root").identity, "degradation": self.degradation_settings}

    @property
    def degradation_settings(self) -> list[list[Any]]:
        """The steps of the degradation as JSON; none without one."""
        return self.degradation.settings if self.degradation else []

    def train_files(self) -> list[Path]:
        """Those to train on. Raises UserError where there are none."""
        files: list[Path] = self._made().train()
        return files

    def valid_files(self) -> list[Path]:
        """Those to validate on. Raises UserError where there are none."""
        files: list[Path] = self._made().valid()
        return files

    def _made(self) -> Any:
        made = self.component.build("data")
        if not (hasattr(made, "train") and hasattr(made, "valid")):
            raise UserError(f"data._target_={self.component.target}: has no train() and valid(), which list images")
        return made

    def training_data(self) -> TrainingData:
        """What is there to train on, with the digest of its pixels. UserError for a file that cannot be read."""
        files = self.train_files()
        return TrainingData(self.name, len(files), pixel_digest(files))


@dataclass(frozen=True)
class StageSpec:
    """A training with one objective. `recipe`: a LightningModule of a model; `batches`: a sampler; `epoch_steps`: what
    losses.csv calls an epoch; `start`: weights to begin with, None: those that the stage before has left; `full_steps`:
    the recipe's own length, None where it states none."""

    name: str
    recipe: Component
    batches: Component
    length: Length
    epoch_steps: int
    start: str | None
    data: DataSpec
    full_steps: int | None


@dataclass(frozen=True)
class EvaluationSpec:
    """What a run is evaluated on, and how. `save_images`: SR images kept per data set."""

    datasets: tuple[str, ...]
    metrics: tuple[str, ...]
    save_images: int | Literal["all"]
    latency: bool
    inference: Inference
    protocol: Protocol

    def joined(self, other: "EvaluationSpec") -> "EvaluationSpec":
        """All that one of the two asks for, by the inference and the protocol of this one."""
        kept = (self.save_images, other.save_images)
        return replace(
            self,
            datasets=tuple(dict.fromkeys([*self.datasets, *other.datasets])),
            metrics=tuple(dict.fromkeys([*self.metrics, *other.metrics])),
            save_images="all" if "all" in kept else max(one for one in kept if one != "all"),
            latency=self.latency or other.latency,
        )


@dataclass(frozen=True)
class Places:
    """Where a run finds its data and weights, and leaves its files. `weights_dir`: several folders, as in PATH."""

    study: str
    runs_dir: Path
    reports_dir: Path
    data_root: Path
    weights_dir: str

    @property
    def study_dir(self) -> Path:
        """runs_dir/study."""
        return self.runs_dir / self.study

    @property
    def weights_folders(self) -> list[Path]:
        """Those of weights_dir."""
        return weights_folders(self.weights_dir)


@dataclass(frozen=True)
class RunSpec:
    """One run. `name`: the model's preset, or its class; `overrides`: the words of a command line that describe it;
    `recipe`: its option in the config; no `stages`: it is only evaluated; `config`: the config that it was made from,
    which the run's folder keeps, resolved but for what was looked up in the environment, and `written`: the same with
    all its interpolations."""

    name: str
    overrides: tuple[str, ...]
    memberships: tuple[Membership, ...]
    model: Component
    scale: int
    seed: int
    recipe: str | None = field(compare=False)
    stages: tuple[StageSpec, ...]
    data: DataSpec
    evaluation: EvaluationSpec
    places: Places
    checkpoint: str | None
    precision: str
    device: str
    threads: int | Literal["auto"]
    jobs: int | Literal["auto"]
    max_megapixels: float
    logger: Component | None
    force: bool
    dry_run: bool
    config: dict[str, Any] = field(repr=False, compare=False)
    written: dict[str, Any] = field(repr=False, compare=False)

    @cached_property
    def config_hash(self) -> str:
        """SHA-256, in hex, of what fixes the weights. UserError for training images or weights that are not there."""
        fixed = {
            "model": self._with_weights(self.network.identity),
            "scale": self.scale,
            "seed": self.seed,
            "data": self.data.identity,
            "precision": self.precision,
            "checkpoint": self._weights(self.checkpoint),
            "stages": [
                {**self._stage_identity(stage), "training images": digest}
                for stage, digest in zip(self.stages, self.training_digests, strict=True)
            ],
        }
        if not self.stages:
            fixed["validation images"] = self._validation_digest()
        return json_digest(fixed)

    @cached_property
    def training_digests(self) -> tuple[str, ...]:
        """Of the images that each stage is trained on. UserError for images that are not there."""
        return tuple(stage.data.training_data().sha256 for stage in self.stages)

    def _validation_digest(self) -> str | None:
        """All that `data` is to a run that is not trained; None for images that are not there, which is told where they
        are asked for."""
        try:
            return pixel_digest(self.data.valid_files())
        except UserError:
            return None

    def context(self, factors: Collection[str]) -> str:
        """A digest of what fixes the weights but the seed and the ablation's factors, as the config has it: runs that
        are compared have it in common."""
        varied = {key.lstrip("+~").replace("/", ".") for key in factors} | {"data.root"}
        if "recipe" in varied:  # which may choose the data and the lengths
            varied |= {"data", "budget"}
        written = _without({key: self.written.get(key) for key in CONTEXT}, varied)
        same_images = not any(key.partition(".")[0] in ("data", "recipe", "scale") for key in varied - {"data.root"})
        return json_digest([written, self.training_digests if same_images else None])

    @property
    def network(self) -> Component:
        """The model without where its weights lie, which `checkpoint` stands for."""
        own = [key for key in ("checkpoint",) if self.model.arguments.get(key) == self.checkpoint]
        return self.model.without("weights_dir", *own)

    def _stage_identity(self, stage: StageSpec) -> dict[str, Any]:
        length = stage.length
        return {
            "name": stage.name,
            "recipe": self._with_weights(stage.recipe.identity),
            "batches": self._with_weights(stage.batches.identity),
            "length": [length.steps, length.batch_size, length.hr_patch],
            "start": self._weights(stage.start),
            "data": stage.data.identity,
        }

    def _with_weights(self, node: Any) -> Any:
        """With the digest of each file of weights, a `checkpoint` or `…_checkpoint`, in its place."""
        if isinstance(node, list):
            return [self._with_weights(entry) for entry in node]
        if not isinstance(node, dict):
            return node
        return {
            key: self._weights(value)
            if isinstance(value, str) and (key == "checkpoint" or key.endswith("_checkpoint"))
            else self._with_weights(value)
            for key, value in node.items()
        }

    def _weights(self, name: str | None) -> str | None:
        return hub.identity(name, self.places.weights_dir, self.scale) if name else None

    @property
    def variant(self) -> str:
        """Of the first membership, else `default`."""
        return self.memberships[0].variant if self.memberships else "default"

    @cached_property
    def folder(self) -> Path:
        """Where the run leaves its files: a folder with its identity that is there already, else a new one's name."""
        if own := self.folders:
            return own[0]
        name = f"{_plain(self.name)}-{_plain(self.variant)}-x{self.scale}-s{self.seed}-{self.config_hash[:8]}"
        new = self.places.study_dir / name
        # Of a hundred thousand runs two have the first digits of their hashes in common with a chance of one in two.
        return new.with_name(f"{name}{self.config_hash[8:16]}") if new.exists() else new

    @property
    def folders(self) -> list[Path]:
        """Those that are there and may be this run's; more than one only while they are made."""
        pattern = f"{_plain(self.name)}-*-x{self.scale}-s{self.seed}-{self.config_hash[:8]}*"
        names = (self.config_hash[:8], self.config_hash[:16])
        there = (path for path in self.places.study_dir.glob(pattern) if path.name.endswith(names))
        return [path for path in sorted(there) if self._may_be(path)]

    def _may_be(self, folder: Path) -> bool:
        """Whether it is this run's, and neither another's nor a copy."""
        found = identity_of(folder)
        return found is None or found == (folder.name, self.config_hash)

    @property
    def fixing_overrides(self) -> tuple[str, ...]:
        """Those of the overrides that fix the weights."""
        return tuple(word for word in self.overrides if parse_override(word).fixes_weights)

    def evaluated_as(self, other: "RunSpec") -> "RunSpec":
        """The run, evaluated as `other` is besides: on its sets, by its metrics."""
        both = self.evaluation.joined(other.evaluation)
        told: dict[str, Any] = {"datasets": list(both.datasets), "metrics": list(both.metrics)}
        told |= {"save_images": both.save_images, "latency": both.latency}
        config = {**self.config, "eval": {**self.config["eval"], **told}}
        words = [word for word in self.overrides if parse_override(word).key not in {f"eval.{key}" for key in told}]
        more = [as_override(f"eval.{key}", value) for key, value in told.items() if both != self.evaluation]
        return replace(self, evaluation=both, config=config, overrides=(*words, *more) if more else self.overrides)

    def reference(self) -> "RunSpec":
        """The run of bicubic interpolation beside this one: evaluated on exactly what this one is."""
        model = Component(BICUBIC, {"scale": self.scale})
        own = {"model": {TARGET: BICUBIC, "scale": self.scale}, "labels": [], "seed": 0}
        own |= {"budget": {**self.config["budget"], "length": "none"}, "checkpoint": None, "precision": "auto"}
        return replace(
            self,
            name="bicubic",
            overrides=self._reference_words(),
            memberships=(),
            model=model,
            seed=0,
            recipe=None,
            stages=(),
            checkpoint=None,
            precision="auto",
            config=self.config | own,
            written=self.written | own,
        )

    def _reference_words(self) -> tuple[str, ...]:
        parsed = [(word, parse_override(word)) for word in self.overrides]
        kept = [(word, one) for word, one in parsed if one.root in ("scale", "data") or not one.fixes_weights]
        data = [] if any(one.key == "data" for _, one in kept) else [f"data={self.data.name}"]  # a recipe's choice
        return ("model=bicubic", "budget=none", *data, *(word for word, one in kept if one.key != "labels"))


def _without(node: dict[str, Any], keys: Collection[str]) -> dict[str, Any]:
    """A copy without some keys, as written on the command line."""
    below = {name: {key[len(name) + 1 :] for key in keys if key.startswith(f"{name}.")} for name in node}
    return {
        name: _without(value, below[name]) if below[name] and isinstance(value, dict) else value
        for name, value in node.items()
        if name not in keys
    }


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
        model=component(config["model"], "model"),
        scale=keys.scale,
        seed=keys.seed,
        recipe=words.recipe,
        stages=_stages(config["recipe"], keys, data),
        data=data,
        evaluation=_evaluation(keys, config["protocol"]),
        places=_places(keys),
        checkpoint=keys.checkpoint,
        precision=str(keys.precision),
        device=keys.device,
        threads=_number_or_auto(keys.threads),
        jobs=_number_or_auto(keys.jobs),
        max_megapixels=keys.max_megapixels,
        logger=_logger(config["logger"]),
        force=keys.force,
        dry_run=keys.dry_run,
        config=config,
        written=written,
    )


def _number_or_auto(value: int | str) -> int | Literal["auto"]:
    return value if isinstance(value, int) else "auto"


def _data(node: Mapping[str, Any], key: str, option: str | None) -> DataSpec:
    found = component(node, key)
    degradation = parse_degradation(node.get("degradation"))
    return DataSpec(option or found.class_name.lower(), found.without("degradation"), degradation)


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
        metrics=tuple(dict.fromkeys(asked.metrics)),
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
    if not isinstance(stages, dict) or not stages:
        raise UserError("recipe.stages: must map the name of each stage to what it is, as in {pixel: {…}}")
    return tuple(_stage(str(name), node, recipe, keys, data) for name, node in stages.items())


def _stage(name: str, node: Any, recipe: Mapping[str, Any], keys: Keys, data: DataSpec) -> StageSpec:
    key = f"recipe.stages.{name}"
    if isinstance(node, dict):
        node = {one: _shared(value, recipe.get(one)) for one, value in node.items()}
    found = component(node, key)
    own = node.get("data")
    epoch_steps, start = node.get("epoch_steps", 1000), node.get("start")
    if type(epoch_steps) is not int or epoch_steps < 1:
        raise UserError(f"{key}.epoch_steps={shown(epoch_steps)}: a whole number from 1 on")
    if not (start is None or (isinstance(start, str) and start)):
        raise UserError(f"{key}.start={shown(start)}: a file, a published name or null")
    return StageSpec(
        name=name,
        recipe=found.without(*OF_THE_STAGE),
        batches=component(node.get("batches"), f"{key}.batches"),
        length=_length(key, node, keys),
        epoch_steps=epoch_steps,
        start=start,
        data=_data(own, f"{key}.data", None) if own else data,
        full_steps=_full_steps(node.get("full")),
    )


def _full_steps(full: Any) -> int | None:
    steps = full.get("steps") if isinstance(full, dict) else None
    return steps if type(steps) is int else None


def _shared(own: Any, of_all: Any) -> Any:
    """What a stage says of its optimizer, say, with what it leaves out as the recipe's optimizer has it."""
    partial = isinstance(own, dict) and isinstance(of_all, dict) and TARGET not in own
    return {**of_all, **own} if partial else own


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


def _plain(name: str) -> str:
    return re.sub(r"[^\w.+-]+", "_", name)
