"""What the keys of a config must be: one table, asked of every run before anything else is done with it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import Container, DictConfig, OmegaConf
from omegaconf.errors import ConfigKeyError

from srbench.core.errors import UserError
from srbench.core.paths import conf_folder

GROUPS = ("model", "recipe", "data", "protocol", "budget", "logger")
LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True)
class Key:
    """`must`: what the value has to be, in words. `read`: the value as the program takes it; ValueError for others."""

    must: str
    read: Callable[[Any], Any]


def _refuse(value: Any) -> Any:
    raise ValueError(value)


def _whole(least: int, *words: str | None) -> Callable[[Any], Any]:
    """Whole numbers from `least` on, or one of `words`."""
    return lambda value: (
        value if (type(value) is int and least <= value <= LARGEST_SEED) or value in words else _refuse(value)
    )


def _flag(value: Any) -> Any:
    return value if isinstance(value, bool) else _refuse(value)


def _text(value: Any) -> Any:
    return value if isinstance(value, str) and value else _refuse(value)


def _place(value: Any) -> Any:
    """A name that looks like a number, `study=2024`, is a name."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else _refuse(value)


def _name(value: Any) -> Any:
    return _place(value) or _refuse(value)


def _names(value: Any) -> Any:
    """A bare word is a list of one."""
    names = [_name(entry) for entry in (value if isinstance(value, list) else [value])] or _refuse(value)
    return value if names == value else names


def _clip(value: Any) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if value is None or (number and value > 0) else _refuse(value)


def _patch(value: Any) -> Any:
    """Pixels, or a recipe's pixels by scale."""
    for entry in value.values() if isinstance(value, dict) else [value]:
        _whole(0)(entry)
    return value


def _labels(value: Any) -> Any:
    places = value if isinstance(value, list) else _refuse(value)
    told = all(isinstance(place, dict) and {"ablation", "variant", "baseline"} <= set(place) for place in places)
    return value if told else _refuse(value)


FLAG = Key("true or false", _flag)
FOLDER = Key("a folder is needed", _place)
CLASS = Key("a class is needed, as in my_package.MyClass", _text)
FROM_0 = Key("a whole number from 0 on", _whole(0))
FROM_1 = Key("a whole number from 1 on", _whole(1))
AUTO = Key("auto, or a number from 1 on", _whole(1, "auto"))

# `eval`'s tile, overlap, memory_gb and self_ensemble are tiling.Inference's to judge.
KEYS = {
    "model._target_": CLASS,
    "scale": FROM_1,
    "seed": FROM_0,
    "checkpoint": Key("a file, a published name or null", lambda value: value if value is None else _name(value)),
    "recipe._target_": CLASS,
    "recipe.gradient_clip": Key("a number above 0, or null", _clip),
    "recipe.multi_scale": FLAG,
    "recipe.fixed_patches": Key("a number of patches from 1 on, or null", _whole(1, None)),
    "recipe.epoch_steps": FROM_1,
    "data._target_": CLASS,
    "protocol._target_": CLASS,
    "budget.steps": FROM_0,
    "budget.batch_size": FROM_0,
    "budget.hr_patch": Key("a number of pixels", _patch),
    "budget.val_every": FROM_0,
    "eval.datasets": Key("names of data sets are needed, as in [val,set5]", _names),
    "eval.metrics": Key("names of metrics are needed, as in [psnr,ssim]", _names),
    "eval.save_images": Key("all, or a number of images", _whole(0, "all")),
    "eval.latency": FLAG,
    "precision": Key("auto, 32, bf16 or 16", lambda value: value if type(value) is int else _text(value)),
    "device": Key("auto, cpu, cuda or cuda:N", _text),
    "threads": AUTO,
    "jobs": AUTO,
    "study": Key("a name is needed", _name),
    "runs_dir": FOLDER,
    "reports_dir": FOLDER,
    "data_root": FOLDER,
    "weights_dir": Key("a folder is needed, or several with : between them", _place),
    "labels": Key("is filled in by a grid; leave it out", _labels),
    "force": FLAG,
    "dry_run": FLAG,
}


OF_TRAINING = [key for key in KEYS if key.startswith(("recipe.", "budget.")) and key != "budget.steps"]


def check_keys(config: DictConfig, keys: Iterable[str] = (*GROUPS, *KEYS)) -> None:
    """Raises UserError for the first of `keys` that is not there or not what it must be. Changes those that are meant
    well: `study=2024` is the name "2024", `eval.metrics=psnr` is a list."""
    groups: dict[str, DictConfig] = {"": config}
    for key in keys:
        group, _, name = key.rpartition(".")
        if group not in groups:
            groups[group] = _group(config, group)
        if key in GROUPS:
            groups[key] = _group(config, key)
            continue
        try:
            given = groups[group][name]
        except (ConfigKeyError, KeyError):
            if key in OF_TRAINING and not config.budget.steps:
                continue
            raise UserError(f"{key}: must be there: {KEYS[key].must}") from None
        value = OmegaConf.to_container(given, resolve=True) if isinstance(given, Container) else given
        try:
            read = KEYS[key].read(value)
        except ValueError:
            raise UserError(f"{key}={_shown(value)}: {KEYS[key].must}") from None
        if read is not value:
            groups[group][name] = read


def _group(config: DictConfig, name: str) -> DictConfig:
    node = config.get(name)
    if isinstance(node, DictConfig):
        return node
    given = f"{name}={_shown(node)}" if name in config else name
    if name in GROUPS:
        raise UserError(no_choice(given))
    names = [key.removeprefix(f"{name}.") for key in KEYS if key.startswith(f"{name}.")]
    raise UserError(
        f"{given}: must hold the keys {', '.join(names)} and more; set single ones: {name}.{names[0]}=VALUE"
    )


def no_choice(word: str) -> str:
    """What to say of `word`, `data=null` or so, by which a group has none of its options."""
    group = word.lstrip("+~").partition("=")[0]
    folders = [conf_folder() / group, Path("conf") / group]
    names = sorted({path.stem for folder in folders for path in folder.glob("*.yaml")})
    return f"{word}: " + (f"choose one of {', '.join(names)}" if names else "is no choice; leave it out")


def _shown(value: Any) -> str:
    """As on a command line."""
    if isinstance(value, list):
        return f"[{','.join(map(_shown, value))}]"
    return str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)
