"""What a run is before it runs: typed, made once from a composed config, and identified by what fixes its weights."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from srbench.core.errors import UserError
from srbench.core.json_digest import json_digest
from srbench.core.paths import weights_folders
from srbench.core.pixel_format import RGB8, PixelFormat
from srbench.data import classsr_windows
from srbench.data.chains import Degradation
from srbench.data.digests import pixel_digest
from srbench.evaluation.settings import Inference
from srbench.experiments.ablations import as_override
from srbench.experiments.component import TARGET, Component, imported, named_parameters
from srbench.experiments.store.boxes import Boxes
from srbench.experiments.store.overrides import parse_override
from srbench.experiments.store.record import DEFAULT, Membership, TrainingData, identity_of
from srbench.metrics.protocol import Protocol
from srbench.models import hub
from srbench.models.backbones import backbone_identity
from srbench.recipes.length import Length
from srbench.recipes.outcome import Capture, Keep, Layout

BICUBIC = "srbench.models.bicubic.Bicubic"
DISTILLATION = "srbench.recipes.distillation.Distillation"

MOST_BYTES = 100  # of a name in that of a folder

CONTEXT = ("model", "scale", "recipe", "data", "budget", "precision", "checkpoint")


@dataclass(frozen=True)
class DataSpec:
    """Images to train and to validate on. `name`: the option of the config group, else the class's; `component` knows
    nothing of the `degradation` of their LR, nor of the `form` that they are read as."""

    name: str
    component: Component
    degradation: Degradation | None
    form: PixelFormat = RGB8

    @property
    def identity(self) -> dict[str, Any]:
        """As JSON, without where the images lie."""
        form = {} if self.form == RGB8 else vars(self.form)
        return {**self.component.without("root").identity, "degradation": self.degradation_settings, **form}

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
        return TrainingData(self.name, len(files), pixel_digest(files, self.form))


def for_images(model: Component, form: PixelFormat) -> Component:
    """The model, told by `image_channels` and `image_bits` of what is not as usual, where its class takes these."""
    if form == RGB8:
        return model
    takes = named_parameters(imported(model.target))
    told = {"image_channels": (form.channels, RGB8.channels), "image_bits": (form.bits, RGB8.bits)}
    own = {key: value for key, (value, usual) in told.items() if key in takes and value != usual}
    return Component(model.target, own | model.arguments)


@dataclass(frozen=True)
class StageSpec:
    """A training with one objective. `recipe`: a LightningModule of a model; `batches`: a sampler; `epoch_steps`: what
    losses.csv calls an epoch; `start`: weights to begin with, None: those that the stage before has left; `part`: the
    submodule that is trained, None for all; `full_steps`: the recipe's own length, None where it states none; `keep`:
    the weights that it leaves, its last or its best-validated ones."""

    name: str
    recipe: Component
    batches: Component
    length: Length
    epoch_steps: int
    start: str | None
    part: str | None
    data: DataSpec
    full_steps: int | None
    keep: Keep = "last"

    @property
    def recipe_in_use(self) -> Component:
        """The recipe without the teacher of a distillation whose terms of it weigh nothing, which nothing looks at."""
        weights = self.recipe.arguments.get("weights")
        if self.recipe.target != DISTILLATION or not isinstance(weights, dict):
            return self.recipe
        taught = weights.get("output") or weights.get("embedding")
        return self.recipe if taught else self.recipe.without("teacher", "teacher_checkpoint")


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
    compile: bool
    capture: Capture
    memory_format: Layout | Literal["auto"]
    devices: int
    device: str
    threads: int | Literal["auto"]
    jobs: int | Literal["auto"]
    mps: Literal["auto", "off"]
    max_megapixels: float
    logger: Component | None
    force: bool
    dry_run: bool
    retries: int
    fail_fast: bool
    crops: Boxes
    config: dict[str, Any] = field(repr=False, compare=False)
    written: dict[str, Any] = field(repr=False, compare=False)

    @cached_property
    def config_hash(self) -> str:
        """SHA-256, in hex, of what fixes the weights, and of all the model's arguments. UserError for training images
        or weights that are not there."""
        return self.hash_without()

    def hash_without(self, *arguments: str) -> str:
        """The same without some of the model's arguments, on which its weights do not depend."""
        fixed = {
            "model": self._with_weights(self.network.without(*arguments).identity, "model"),
            "scale": self.scale,
            "seed": self.seed,
            "data": self.data.identity,
            "precision": self.precision,
            "checkpoint": self._weights(self.checkpoint, "checkpoint"),
            "stages": [
                {**self._stage_identity(stage), "training images": digest}
                for stage, digest in zip(self.stages, self.training_digests, strict=True)
            ],
        }
        if self.stages and self.devices != 1:  # each normalises, and draws, for its part of a batch
            fixed["devices"] = self.devices
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
            return pixel_digest(self.data.valid_files(), self.data.form)
        except UserError:
            return None

    def context(self, factors: Collection[str]) -> str:
        """A digest of what fixes the weights but the seed and the ablation's factors, as the config has it: runs that
        are compared have it in common."""
        varied = {parse_override(key).key.replace("/", ".") for key in factors} | {"data.root"}
        if "recipe" in varied:  # which may choose the data and the lengths
            varied |= {"data", "budget"}
        keys = CONTEXT if self.devices == 1 else (*CONTEXT, "devices")
        written = _without({key: self.written.get(key) for key in keys}, varied)
        same_images = not any(key.partition(".")[0] in ("data", "recipe", "scale") for key in varied - {"data.root"})
        return json_digest([written, self.training_digests if same_images else None])

    @property
    def network(self) -> Component:
        """The model without where its weights lie, which `checkpoint` stands for."""
        own = [key for key in ("checkpoint",) if self.model.arguments.get(key) == self.checkpoint]
        return self.model.without("weights_dir", *own)

    def _stage_identity(self, stage: StageSpec) -> dict[str, Any]:
        length, key = stage.length, f"recipe.stages.{stage.name}"
        return {
            "name": stage.name,
            "recipe": self._with_weights(stage.recipe_in_use.identity, key),
            "batches": self._with_weights(stage.batches.identity, f"{key}.batches"),
            "length": [length.steps, length.batch_size, length.hr_patch],
            "start": self._weights(stage.start, f"{key}.start"),
            "data": stage.data.identity,
            **({"part": stage.part} if stage.part else {}),
            **(self._best_identity(stage) if stage.keep == "best" else {}),
        }

    def _best_identity(self, stage: StageSpec) -> dict[str, Any]:
        """What chooses a stage's weights: when it validates, on what and how."""
        protocol, inference = self.evaluation.protocol, self.evaluation.inference
        how = [protocol.name, protocol.channels, protocol.border, replace(inference, self_ensemble=False).identity]
        return {"keep": [stage.keep, stage.length.val_every, self._validation_digest(), how]}

    def _with_weights(self, node: Any, key: str) -> Any:
        """With the digest of each file of weights, a `checkpoint`, `…_checkpoint` or, of a recipe, `backbone`, and of
        its folder of `sub_images`, in its place, and without where they lie. `key`: of the node."""
        if isinstance(node, list):
            return [self._with_weights(entry, key) for entry in node]
        if not isinstance(node, dict):
            return node
        return {name: self._with_weight(name, value, key) for name, value in node.items() if name != "weights_dir"}

    def _with_weight(self, name: str, value: Any, parent: str) -> Any:
        key = f"{parent}.{name}"
        if not isinstance(value, str):
            return self._with_weights(value, key)
        of_recipe = parent.startswith("recipe.")  # to a network of the user's they may be anything
        if of_recipe and name == "backbone":
            return backbone_identity(value, self.places.weights_folders, key)
        if of_recipe and name == "sub_images":
            return classsr_windows.sub_images_identity(Path(value).expanduser())
        return self._weights(value, key) if name == "checkpoint" or name.endswith("_checkpoint") else value

    def _weights(self, name: str | None, key: str) -> str | None:
        return hub.identity(name, self.places.weights_dir, self.scale, key) if name else None

    @property
    def variant(self) -> str:
        """Of the first membership, else `default`."""
        return self.memberships[0].variant if self.memberships else DEFAULT

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
        """Those that are there and may be this run's; more than one only where the disk knows no locks."""
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
        model = for_images(Component(BICUBIC, {"scale": self.scale}), self.data.form)
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


def _plain(name: str) -> str:
    """Of the name, what may stand in a folder's, which holds two of them and 255 bytes."""
    return re.sub(r"[^\w.+-]+", "_", name).encode()[:MOST_BYTES].decode(errors="ignore")
