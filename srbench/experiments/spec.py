"""What a run is before it runs: its resolved config, its identity, its folder, and whether it can run at all."""

import hashlib
import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from srbench.core.errors import UserError
from srbench.data.chains import Degradation, parse_degradation
from srbench.experiments.schema import check_keys
from srbench.models import hub

FIXES_THE_WEIGHTS = ("model", "scale", "seed", "recipe", "data", "budget", "precision", "checkpoint")


@dataclass(frozen=True)
class PlannedRun:
    """One resolved config. `name`: the model's; `overrides`: the command-line words that compose `config`;
    `memberships`: its places in ablations, [{ablation, variant, baseline}]; `data`: the option of its group, which a
    recipe may have chosen, None where that is not known."""

    name: str
    overrides: list[str]
    config: DictConfig
    memberships: list[dict[str, Any]] = field(default_factory=list)
    data: str | None = None

    @cached_property
    def config_hash(self) -> str:
        """SHA-256, in hex, of what fixes the weights."""
        whole: Any = OmegaConf.to_container(self.config, resolve=True)
        fixed = {key: whole[key] for key in FIXES_THE_WEIGHTS}
        fixed["data"] = {key: value for key, value in whole["data"].items() if key not in ("root", "degradation")}
        if self.degradation:
            fixed["data"]["degradation"] = self.degradation.settings
        if self.config.checkpoint:
            fixed["checkpoint"] = hub.identity(self.config.checkpoint, self.config.weights_dir, self.config.scale)
        return hashlib.sha256(json.dumps(fixed, sort_keys=True).encode()).hexdigest()

    @cached_property
    def degradation(self) -> Degradation | None:
        """What is done to make LR. Raises UserError, naming the key, for what `data.degradation` cannot be."""
        data: Any = OmegaConf.to_container(self.config.data, resolve=True)
        return parse_degradation(data.get("degradation"))

    @property
    def class_name(self) -> str:
        """The class that the model's config names."""
        return str(self.config.model._target_).rpartition(".")[2]

    @property
    def variant(self) -> str:
        """Of the first membership, else `default`."""
        return self.memberships[0]["variant"] if self.memberships else "default"

    @property
    def protocol(self) -> dict[str, Any]:
        """How SR is compared with HR: name, channels and border."""
        settings: Any = OmegaConf.to_container(self.config.protocol, resolve=True)
        return {key: value for key, value in settings.items() if key != "_target_"}

    @property
    def hr_patch(self) -> int:
        """Pixels; a recipe may have a number for each scale, so that LR's is the same. UserError for another scale."""
        patch, scale = self.config.budget.hr_patch, self.config.scale
        if isinstance(patch, int):
            return patch
        if scale not in patch:
            raise UserError(f"budget.hr_patch: the recipe has none for scale={scale}; give budget.hr_patch=PIXELS")
        return int(patch[scale])

    @cached_property
    def study_dir(self) -> Path:
        """runs_dir/study."""
        return Path(self.config.runs_dir).expanduser() / self.config.study

    @cached_property
    def folder(self) -> Path:
        """Where the run leaves its files: a folder with its identity that is there already, else a new one's name."""
        identity = f"x{self.config.scale}-s{self.config.seed}-{self.config_hash[:8]}"
        there = sorted(self.study_dir.glob(f"{_plain(self.name)}-*-{identity}"))
        return there[0] if there else self.study_dir / f"{_plain(self.name)}-{_plain(self.variant)}-{identity}"

    @property
    def fixing_overrides(self) -> list[str]:
        """Those of the overrides that fix the weights."""
        return [o for o in self.overrides if override_key(o).partition(".")[0].partition("/")[0] in FIXES_THE_WEIGHTS]

    def entry(self, params: int | None) -> dict[str, Any]:
        """What study.json says of the run."""
        return {
            "model": self.name,
            "class": self.class_name,
            "variant": self.variant if self.memberships else None,
            "scale": self.config.scale,
            "seed": self.config.seed,
            "config_hash": self.config_hash,
            "overrides": self.fixing_overrides,
            "memberships": self.memberships,
            "params": params,
        }


def planned(config: DictConfig, hydra: Any) -> PlannedRun:
    """The run that a composed config describes; `hydra`: its `hydra` node, which says how it was composed.

    Raises UserError for a key that is not what it must be.
    """
    overrides = list(hydra.overrides.task)
    job = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    OmegaConf.set_struct(job, True)
    check_keys(job)
    target = any(override_key(o) == "model._target_" for o in overrides)
    name = str(job.model._target_).rpartition(".")[2] if target else hydra.runtime.choices.model
    labels: Any = OmegaConf.to_container(job.labels)
    return PlannedRun(name, overrides, job, labels, hydra.runtime.choices.data)


def reference_overrides(run: PlannedRun) -> list[str]:
    """The overrides of the bicubic run beside `run`: its data, protocol and places, nothing else."""
    dropped = (*FIXES_THE_WEIGHTS, "labels")
    kept = [
        o
        for o in run.overrides
        if override_key(o).partition(".")[0].partition("/")[0] not in dropped
        or override_key(o).partition(".")[0] in ("scale", "data")
    ]
    keys = [override_key(o) for o in run.overrides]
    of_recipe = [f"data={run.data}"] if run.data and "recipe" in keys and "data" not in keys else []
    return ["model=bicubic", "budget=none", *of_recipe, *kept]


def override_key(override: str) -> str:
    """`model.atrous` of `+model.atrous=[1,2,1]`."""
    return override.lstrip("+~").partition("=")[0].partition("@")[0]


def build(node: Any, key: str, **arguments: Any) -> Any:
    """What a config node describes. Raises UserError, naming `key`, for arguments that its constructor refuses."""
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate

    try:
        return instantiate(node, **arguments)
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, UserError):
            raise UserError(str(cause)) from error
        if not isinstance(cause, ValueError | TypeError | ImportError | AttributeError):
            raise
        raise UserError(f"{key}: {str(cause).splitlines()[0]}") from error


def build_data(run: PlannedRun) -> Any:
    """The images to train and to validate on, which know nothing of their degradation."""
    data: Any = OmegaConf.to_container(run.config.data, resolve=True, throw_on_missing=True)
    return build({key: value for key, value in data.items() if key != "degradation"}, "data")


def build_on_meta(run: PlannedRun) -> Any:
    """The run's model without memory for its weights. Raises UserError, naming the model, for arguments it refuses."""
    import torch

    with torch.device("meta"):
        return build(run.config.model, f"model={run.name}")


def scales_that_build(run: PlannedRun) -> list[int]:
    """Those of ×1, ×2, ×3, ×4 and ×8 that the run's model can be built for."""
    found = []
    for scale in (1, 2, 3, 4, 8):
        config = run.config.copy()
        config.scale = scale
        try:
            build_on_meta(PlannedRun(run.name, run.overrides, config))
        except UserError:
            continue
        found.append(scale)
    return found


def _plain(name: str) -> str:
    return re.sub(r"[^\w.+-]+", "_", name)
