"""Networks by the names of conf/model, and what is known of them, without a run."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from hydra import version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import CachingConfigRepository
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra._internal.defaults_list import create_defaults_list
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch import nn

from srbench.core.errors import UserError, first_line
from srbench.core.paths import conf_folder
from srbench.core.suggest import did_you_mean
from srbench.experiments.component import Component, RefusedError, component, imported
from srbench.experiments.compose import SCALES, built_network
from srbench.experiments.hydra_versions import VERSION_BASE
from srbench.experiments.search_path import FileConfigSource, UserGroups
from srbench.models.layers.scale_free import PartsOnMeta

OF_OTHERS = ("custom", "spandrel")  # which name no network of their own

_one_at_a_time = Lock()


@dataclass(frozen=True)
class Preset:
    """A network of conf/model. `model`: its class and arguments as they are at scale 2; `params`: the numbers of its
    parameters, by the scales that it can be built for."""

    name: str
    model: Component
    params: dict[int, int]


def preset_names() -> list[str]:
    """Those of the project, and of ./conf/model, by name."""
    folders = (conf_folder() / "model", Path("conf/model"))
    return sorted({path.stem for folder in folders for path in folder.glob("*.yaml")} - {*OF_OTHERS})


def preset(name: str, parts: PartsOnMeta) -> Preset:
    """The network of that name, built at each scale, on the meta device, where it is a class of networks: what else a
    file of ./conf names is not run. `parts`: those of other presets. UserError as `preset_model`."""
    node, found = _node(name), {}
    described = _component(node, name, 2)
    for scale in SCALES if _is_network(described) else ():
        # Whatever a constructor of the user's raises: the others are to be told, too.
        with suppress(Exception), torch.device("meta"), parts.shared():
            found[scale] = sum(one.numel() for one in _built(node, name, scale).parameters())
    return Preset(name, described, found)


def preset_model(name: str, scale: int) -> nn.Module:
    """The network as its constructor leaves it. UserError for a name that does not exist, and for a scale that the
    network does not have."""
    return _built(_node(name), name, scale)


def _built(node: DictConfig, name: str, scale: int) -> nn.Module:
    return built_network(_component(node, name, scale), name)


def _is_network(described: Component) -> bool:
    try:
        target = imported(described.target)
    except RefusedError:
        return False
    return isinstance(target, type) and issubclass(target, nn.Module)


def _component(node: DictConfig, name: str, scale: int) -> Component:
    node.scale = scale
    try:
        told: Any = OmegaConf.to_container(node, resolve=True)
        return component(told.get("model"), "model")
    except (OmegaConfBaseException, UserError) as error:
        raise UserError(f"model={name}: {first_line(error)}") from error


def _node(name: str) -> DictConfig:
    """The composed file of conf/model, with a `scale` that may be set. UserError for a name that does not exist."""
    if name not in preset_names():
        raise UserError(f"model={name}: no such network{did_you_mean(name, preset_names())}")
    with _one_at_a_time, _hydra() as loader:
        try:
            files = CachingConfigRepository(loader.repository)
            chosen = create_defaults_list(files, f"model/{name}", [], prepend_hydra=False, skip_missing=False)
            found = loader._compose_config_from_defaults_list(chosen.defaults, files)
        except (UserError, HydraException, OmegaConfBaseException, ValueError) as error:  # the last of a defaults list
            raise UserError(f"model={name}: {first_line(error)}") from error
    found.scale = 2
    return found


@contextmanager
def _hydra() -> Iterator[ConfigLoaderImpl]:
    """Reads the project's configs and those of ./conf. An app of Hydra's own that is at work finds Hydra as it was."""
    Plugins.instance()  # by which Hydra reads its own configs
    base, sources = version.VersionBase.instance(), SourcesRegistry.instance()
    before = base.version_base, dict(sources.types)
    try:
        version.setbase(VERSION_BASE.get("version_base"))
        sources.types.update({one.scheme(): one for one in (FileConfigSource, UserGroups)})
        yield ConfigLoaderImpl(_search_path())
    finally:
        base.version_base = before[0]
        sources.types.clear()
        sources.types.update(before[1])


def _search_path() -> ConfigSearchPathImpl:
    found, own = ConfigSearchPathImpl(), Path("conf").resolve()
    found.append("hydra", "pkg://hydra.conf")
    if own.is_dir():
        found.append("srbench-user", f"{UserGroups.scheme()}://{own}")
    found.append("main", f"{FileConfigSource.scheme()}://{conf_folder()}")
    found.append("schema", "structured://")
    return found
