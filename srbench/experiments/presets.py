"""Networks by the names of conf/model, and what is known of them, without a run."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch import nn

from srbench.core.errors import UserError, first_line
from srbench.core.paths import conf_folder
from srbench.core.suggest import did_you_mean
from srbench.experiments.component import Component, component
from srbench.experiments.compose import SCALES
from srbench.experiments.hydra_versions import VERSION_BASE
from srbench.experiments.search_path import look_into_conf

OF_OTHERS = ("custom", "spandrel")  # which name no network of their own


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


def preset(name: str) -> Preset:
    """The network of that name, built at each scale, on the meta device. UserError as `preset_model`."""
    node, found = _node(name), {}
    for scale in SCALES:
        with suppress(UserError), torch.device("meta"):
            found[scale] = sum(one.numel() for one in _built(node, name, scale).parameters())
    return Preset(name, _component(node, 2), found)


def preset_model(name: str, scale: int) -> nn.Module:
    """The network as its constructor leaves it. UserError for a name that does not exist, and for a scale that the
    network does not have."""
    return _built(_node(name), name, scale)


def _built(node: DictConfig, name: str, scale: int) -> nn.Module:
    built = _component(node, scale).build(f"model={name}")
    if not isinstance(built, nn.Module):
        raise UserError(f"model={name}: is no torch.nn.Module")
    return built


def _component(node: DictConfig, scale: int) -> Component:
    node.scale = scale
    told: Any = OmegaConf.to_container(node, resolve=True)
    return component(told["model"], "model")


def _node(name: str) -> DictConfig:
    """The composed file of conf/model, with a `scale` that may be set. UserError for a name that does not exist."""
    if name not in preset_names():
        raise UserError(f"model={name}: no such network{did_you_mean(name, preset_names())}")
    with _configs():
        try:
            return compose(f"model/{name}", overrides=["+scale=2"])
        except (HydraException, OmegaConfBaseException) as error:
            raise UserError(f"model={name}: {first_line(error)}") from error


@contextmanager
def _configs() -> Iterator[None]:
    """Hydra, reading the project's configs and those of ./conf; where an app of Hydra's own is at work, beside it."""
    state = GlobalHydra.get_state()
    GlobalHydra.instance().clear()
    look_into_conf()
    try:
        with initialize_config_dir(str(conf_folder()), job_name="srbench", **VERSION_BASE):
            yield
    finally:
        GlobalHydra.set_state(state)
