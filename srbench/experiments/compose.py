"""Runs from the words of a command line: composed by Hydra once per choice of groups, then each run's values."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from hydra import initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.conf import HydraConf
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch import nn
from torch.nn.modules.module import (
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)

from srbench.core.errors import UserError
from srbench.core.lookups import as_stored, note_lookups
from srbench.core.paths import PLUGINS, conf_folder
from srbench.core.progress import Listener
from srbench.experiments.component import TARGET, Component
from srbench.experiments.configured_run import Words, run_spec
from srbench.experiments.hydra_versions import VERSION_BASE
from srbench.experiments.recipe_keys import refuse_unread_files, refuse_unread_words
from srbench.experiments.schema import no_choice
from srbench.experiments.search_path import look_into_conf
from srbench.experiments.spec import BICUBIC, RunSpec, StageSpec
from srbench.experiments.spelling import OWN_CLASS, spelled, with_own_class
from srbench.experiments.store.overrides import parse_override
from srbench.models import hub

MOST_PARTS = 30_000  # layers and weights of a network; the largest preset has 12,000
SCALES = (1, 2, 3, 4, 8)  # that are tried where a model lacks the one asked for


class Composer:
    """Callable: words → the run that Hydra composes of them, in a tenth of Hydra's time.

    Raises what Hydra raises for words that do not compose, and UserError for a key that is not what it must be.
    """

    def __init__(self, loader: ConfigLoader, master: DictConfig) -> None:
        self.loader, self.master = loader, master
        self.parser = OverridesParser.create(config_loader=loader)
        self.parsed: dict[str, Override] = {}
        self.bases: dict[tuple[str, ...], DictConfig] = {}

    def __call__(self, words: Sequence[str]) -> RunSpec:
        words = with_own_class(words)
        parsed = [self._parsed(word) for word in words]
        groups = tuple(word for word, override in zip(words, parsed, strict=True) if self._chooses(override))
        if groups not in self.bases:
            self.bases[groups] = self.loader.load_sweep_config(self.master, list(groups))
        base = self.bases[groups]
        config = _without_hydra(base)
        ConfigLoaderImpl._apply_overrides_to_config([o for o in parsed if not self._chooses(o)], config)
        return spec_of(config, tuple(words), base.hydra.runtime.choices)

    def scales(self, run: RunSpec) -> list[int]:
        """Those that the run's model can be built for."""
        words = [word for word in run.overrides if parse_override(word).key != "scale"]
        return [scale for scale in SCALES if _builds(self, [*words, f"scale={scale}"])]

    def _parsed(self, word: str) -> Override:
        if word not in self.parsed:
            self.parsed[word] = self.parser.parse_override(word)
        return self.parsed[word]

    def _chooses(self, override: Override) -> bool:
        """Whether it is about the defaults list, by Hydra's own rule."""
        is_group = self.loader.repository.group_exists(override.key_or_group)  # type: ignore[attr-defined]
        if is_group and override.value() is None and not override.is_delete():
            raise UserError(no_choice(f"{override.key_or_group}=null"))
        return bool(is_group) and not isinstance(override.value(), dict)


def spec_of(config: DictConfig, words: tuple[str, ...], choices: Any) -> RunSpec:
    """The run that a composed config, without its `hydra` node, describes. UserError as `run_spec`."""
    written: Any = OmegaConf.to_container(config, resolve=False)
    note_lookups(written)
    whole: Any = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    own_class = any(parse_override(word).key == OWN_CLASS for word in words)
    target = str((whole.get("model") or {}).get("_target_", ""))
    name = target.rpartition(".")[2] if own_class else str(choices.get("model"))
    try:
        refuse_unread_files(written.get("recipe"))
        spec = run_spec(whole, written, Words(name, words, choices.get("data"), choices.get("recipe")))
        if spec.stages:
            refuse_unread_words(written, words, partial(_changes_stages, spec))
    except UserError as error:
        raise UserError(f"{error}{_of_the_users(choices)}") from error
    return replace(spec, config=as_stored(written, spec.config))


def _changes_stages(spec: RunSpec, written: Any) -> bool:
    """Whether a config, not resolved, has other stages than the run, or is none."""
    alike = {**written, "model": {TARGET: BICUBIC}, "seed": 0, "labels": []}  # in a grid's runs, of which one is tried
    return _stages_of(json.dumps(alike), spec.data.name) != _in_effect(spec)


@lru_cache(maxsize=256)
def _stages_of(written: str, data: str) -> list[StageSpec] | None:
    try:
        whole: Any = OmegaConf.to_container(OmegaConf.create(json.loads(written)), resolve=True)
        return _in_effect(run_spec(whole, {}, Words("", (), data)))
    except (UserError, OmegaConfBaseException):
        return None


def _in_effect(spec: RunSpec) -> list[StageSpec]:
    """The stages without what is only told of them."""
    return [replace(stage, full_steps=None) for stage in spec.stages]


def _of_the_users(choices: Any) -> str:
    """The options that were read from ./conf, in words: what is wrong may lie there."""
    groups = [str(group) for group, name in choices.items() if (Path("conf") / str(group) / f"{name}.yaml").is_file()]
    if not groups or Path("conf").resolve() == conf_folder().resolve():
        return ""
    return f" (./conf gives {', '.join(f'{group}={choices[group]}' for group in groups)})"


def job_spec(config: DictConfig, hydra: DictConfig | HydraConf) -> RunSpec:
    """The run of a job of Hydra's, from the config that it is given and Hydra's own. UserError as `run_spec`."""
    words: Any = OmegaConf.to_container(hydra.overrides.task)  # to iterate would look up what they name
    return spec_of(config, tuple(words), hydra.runtime.choices)


def whole_spec(config: DictConfig) -> RunSpec:
    """The run of a config that Hydra's own part, `hydra`, belongs to."""
    return job_spec(_without_hydra(config), config.hydra)


def compose_run(words: Sequence[str]) -> RunSpec:
    """The run that `words` (`model=carn`, `scale=4`, …) describe. Raises as `Composer`, and as `spelled`."""
    words = spelled(words)
    app = GlobalHydra.instance()
    if app.is_initialized():  # Hydra's own app, whose search path holds
        return whole_spec(app.config_loader().load_configuration("config", words, RunMode.RUN))
    if str(PLUGINS) not in sys.path:
        sys.path.insert(0, str(PLUGINS))
    look_into_conf()
    with initialize_config_dir(str(conf_folder()), job_name="srbench", **VERSION_BASE):
        loader = GlobalHydra.instance().config_loader()
        return whole_spec(loader.load_configuration("config", words, RunMode.RUN))


def scales_that_compose(words: Sequence[str]) -> list[int]:
    """Those of SCALES that the model of `words` can be built for."""
    others = [word for word in words if parse_override(word).key != "scale"]
    return [scale for scale in SCALES if _builds(compose_run, [*others, f"scale={scale}"])]


def build_on_meta(run: RunSpec) -> nn.Module:
    """The run's model without memory for its weights. Raises UserError, naming the model, for arguments it refuses."""
    import torch

    with torch.device("meta"):
        return build_model(run)


def build_model(run: RunSpec) -> nn.Module:
    """The run's model as its constructor leaves it. Raises UserError, naming the model, for arguments it refuses."""
    return built_network(run.model, run.name)


def built_network(described: Component, name: str) -> nn.Module:
    """The same of a network by the class and arguments that a preset `name` gives it."""
    with _bounded(f"model={name}"):
        model = described.build(f"model={name}")
    if not isinstance(model, nn.Module):
        raise UserError(f"model={name}: {described.target} is no torch.nn.Module")
    return model


@contextmanager
def _bounded(key: str) -> Iterator[None]:
    """Raises UserError, naming `key`, for a network that is made of more than MOST_PARTS, which might take for ever."""
    made = 0

    def count(module: nn.Module, name: str, part: Any) -> None:
        nonlocal made
        made += 1
        if made > MOST_PARTS:
            raise UserError(f"{key}: has more than {MOST_PARTS:,} layers and weights; make it smaller")

    layers, weights = (
        register_module_module_registration_hook(count),
        register_module_parameter_registration_hook(count),
    )
    try:
        yield
    finally:
        layers.remove()
        weights.remove()


def ready_model(run: RunSpec, tell: Listener) -> nn.Module:
    """The run's model in eval mode on the CPU, with the weights of `checkpoint`. UserError for one that lacks them."""
    model = build_model(run)
    if run.checkpoint:
        hub.bring(model, run.checkpoint, run.places.weights_dir, run.scale, tell)
    elif any(True for _ in model.parameters()):
        raise UserError(f"model={run.name}: has no trained weights without checkpoint=FILE")
    return model.eval()


def _without_hydra(config: DictConfig) -> DictConfig:
    job = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    OmegaConf.set_struct(job, True)
    return job


def _builds(compose: Any, words: list[str]) -> bool:
    try:
        build_on_meta(compose(words))
    except UserError:
        return False
    return True
