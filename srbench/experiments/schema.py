"""The keys of a config that have one meaning for every run, as structured configs: what each must be, and its type.

What a model, recipe, data set, protocol or logger takes is its constructor's to judge (see `spec`).
"""

# ruff: noqa: RUF009  _key makes a field

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import ConfigKeyError, MissingMandatoryValue, OmegaConfBaseException, ValidationError

from srbench.core.errors import UserError
from srbench.core.paths import conf_folder
from srbench.core.pixel_limit import MEGAPIXELS
from srbench.core.regular_files import is_plain_name
from srbench.core.suggest import did_you_mean
from srbench.experiments.bounds import Above, AtLeast, OneOf
from srbench.experiments.store.boxes import Boxes, as_boxes
from srbench.recipes.outcome import Layout

GROUPS = ("model", "recipe", "data", "protocol", "logger")  # of open keys; each has a class
REPORT = "report"  # what is told to reports alone


def _key(
    must: str, holds: Callable[[Any], bool] = lambda value: True, listed: bool = False, default: Any = MISSING
) -> Any:
    """`must`: what the value has to be, in words; `holds`: whether it is, of the right type. `listed`: a bare word is a
    list of one. `default`: of a key that configs of earlier versions lack."""
    return field(default=default, metadata={"must": must, "holds": holds, "listed": listed})


def _named(value: str) -> bool:
    return bool(value)


def _names(value: list[str]) -> bool:
    return all(value)


FLAG = "true or false"
FOLDER = "a folder is needed"
AUTO = "auto, or a number from 1 on"


@dataclass
class BudgetKeys:
    """How much of a recipe is spent: each stage's `quick` or `full` length, or nothing; a number stands for that of all
    stages. `keep`: which of its weights each stage leaves."""

    length: str = _key("quick, full or none", OneOf(("quick", "full", "none")))
    steps: int | None = _key("a whole number from 0 on, or null", AtLeast(0))
    batch_size: int | None = _key("a whole number from 1 on, or null", AtLeast(1))
    hr_patch: int | None = _key("a number of pixels, or null", AtLeast(1))
    val_every: int | None = _key("a whole number from 0 on, or null", AtLeast(0))
    keep: str = _key("last or best", OneOf(("last", "best")), default="last")


@dataclass
class EvalKeys:
    """What a run is evaluated on, and how; `tile` and the keys behind it are `evaluation.settings.Inference`'s."""

    datasets: list[str] = _key("names of data sets are needed, as in [val,set5]; [] for none", _names, listed=True)
    metrics: list[str] = _key(
        "names of metrics are needed, as in [psnr,ssim]", lambda value: bool(value) and _names(value), listed=True
    )
    save_images: Union[int, str] = _key("all, or a number of images", AtLeast(0, ("all",)))  # noqa: UP007  OmegaConf's form
    latency: bool = _key(FLAG)
    tile: Union[int, str, None] = _key(  # noqa: UP007
        "auto, null (never any tiles) or a number of pixels", AtLeast(1, ("auto",))
    )
    overlap: int = _key("a number of pixels from 0 on", AtLeast(0))
    memory_gb: float = _key("a number above 0", Above(0))
    self_ensemble: bool = _key(FLAG)


@dataclass
class LabelKeys:
    """A run's place in an ablation."""

    ablation: str
    variant: str
    baseline: bool


@dataclass
class Keys:
    """The keys at the top of the config but for GROUPS."""

    budget: BudgetKeys
    eval: EvalKeys
    scale: int = _key("a whole number from 1 on", AtLeast(1))
    seed: int = _key("a whole number from 0 on", AtLeast(0))
    checkpoint: str | None = _key("a file, a published name or null", _named)
    precision: Union[int, str] = _key("auto, 32, bf16 or 16", lambda value: value != "")  # noqa: UP007
    compile: bool = _key(FLAG, default=False)
    capture: Union[str, bool] = _key(  # noqa: UP007
        "auto, true or false", OneOf(("auto", True, False)), default="auto"
    )
    memory_format: str = _key("auto, channels_last or contiguous", OneOf(("auto", *get_args(Layout))), default="auto")
    devices: int = _key("a whole number from 1 on", AtLeast(1), default=1)
    device: str = _key("auto, cpu, cuda, cuda:N or mps", _named)
    threads: Union[int, str] = _key(AUTO, AtLeast(1, ("auto",)))  # noqa: UP007
    jobs: Union[int, str] = _key(AUTO, AtLeast(1, ("auto",)))  # noqa: UP007
    # YAML reads off as false.
    mps: Union[str, bool] = _key("auto or off", OneOf(("auto", "off", False)), default="auto")  # noqa: UP007
    max_megapixels: float = _key("a number above 0", Above(0), default=MEGAPIXELS)
    study: str = _key("a name is needed, of 255 letters at most and without /", is_plain_name)
    runs_dir: str = _key(FOLDER)
    reports_dir: str = _key(FOLDER)
    data_root: str = _key(FOLDER)
    weights_dir: str = _key("a folder is needed, or several with : between them")
    labels: list[LabelKeys] = _key("is filled in by a grid; leave it out")
    ablation: Any = None
    sweep: Any = None
    zip: str | None = _key(
        "pairs the swept keys of a grid: it needs -m, and srbench's own hydra/sweeper=ablation",
        OneOf(()),
        default=None,
    )
    force: bool = _key(FLAG)
    dry_run: bool = _key(FLAG)
    retries: int = _key("a whole number from 0 on", AtLeast(0), default=0)
    fail_fast: bool = _key(FLAG, default=False)


NAMES = {  # a name that looks like a number, `study=2024`, is a name
    *("study", "runs_dir", "reports_dir", "data_root", "data.root", "weights_dir", "checkpoint"),
    *("eval.datasets", "eval.metrics"),
}


def read_keys(config: Mapping[str, Any]) -> Keys:
    """The keys of a resolved config but for its GROUPS. Raises UserError for the first that is missing, unknown or not
    what it must be."""
    given = {name: value for name, value in config.items() if name not in (*GROUPS, REPORT)}
    for name, kind in (("budget", BudgetKeys), ("eval", EvalKeys)):
        if not isinstance(given.get(name), dict):
            raise UserError(_no_mapping(name, kind, given))
    for key, entry in key_fields(Keys):
        _check(key, entry, given)
    try:
        typed: Keys = OmegaConf.to_object(OmegaConf.merge(_schema(), _literal(given)))  # type: ignore[assignment]
    except (ConfigKeyError, ValidationError, MissingMandatoryValue) as error:
        raise UserError(_told(error, given)) from error
    for key, entry in key_fields(Keys):
        value = _at(typed, key)
        if value is not None and not entry.metadata["holds"](value):
            raise UserError(f"{key}={shown(_in(given, key))}: {entry.metadata['must']}")
    return typed


def _literal(value: Any) -> Any:
    """For OmegaConf, which would take `${…}` in a resolved config for one more interpolation."""
    if isinstance(value, dict):
        return {key: _literal(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_literal(entry) for entry in value]
    return value.replace("${", "\\${") if isinstance(value, str) else value


def read_crops(config: Mapping[str, Any]) -> Boxes:
    """`report.crops` of a resolved config, none in that of an earlier version. Raises UserError as `read_keys`."""
    node = config.get(REPORT, {})
    if not isinstance(node, dict):
        raise UserError(f"{REPORT}={shown(node)}: set report.crops=VALUE")
    for name in node:
        if name != "crops":
            raise UserError(f"{REPORT}.{name}: no such key in {REPORT}{did_you_mean(str(name), ['crops'])}")
    if node.get("crops") is None:
        return {}
    try:
        return as_boxes(node["crops"])
    except ValueError as needed:
        raise UserError(f"{REPORT}.crops={shown(node['crops'])}: {needed}") from None


@cache
def _schema() -> DictConfig:
    schema: DictConfig = OmegaConf.structured(Keys)
    return schema


def no_choice(word: str) -> str:
    """What to say of `word`, `data=null` or so, by which a group has none of its options."""
    group = word.lstrip("+~").partition("=")[0]
    folders = [conf_folder() / group, Path("conf") / group]
    names = sorted({path.stem for folder in folders for path in folder.glob("*.yaml")})
    return f"{word}: " + (f"choose one of {', '.join(names)}" if names else "is no choice; leave it out")


def shown(value: Any) -> str:
    """As on a command line."""
    if isinstance(value, list):
        return f"[{','.join(map(shown, value))}]"
    return str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)


def key_fields(kind: Any, before: str = "") -> list[tuple[str, Any]]:
    """The keys that have a `must`, with their fields."""
    found: list[tuple[str, Any]] = []
    for entry in fields(kind):
        if is_dataclass(entry.type):
            found += key_fields(entry.type, f"{before}{entry.name}.")
        elif entry.metadata:
            found.append((before + entry.name, entry))
    return found


def _check(key: str, entry: Any, given: dict[str, Any]) -> None:
    """Refuses what OmegaConf would convert into something else, and makes a list of a bare word."""
    parent, _, name = key.rpartition(".")
    node = given[parent] if parent else given
    if name not in node and entry.default is not MISSING:
        return
    if name not in node:
        raise UserError(f"{key}: must be there: {entry.metadata['must']}")
    value = node[name]
    if entry.metadata["listed"] and not isinstance(value, list):
        value = node[name] = [value]
    is_list, kinds = value_kinds(entry.type)
    wrong = [one for one in (value if isinstance(value, list) else [value]) if not _as_it_is(one, kinds, key in NAMES)]
    if wrong or isinstance(value, list) != is_list:
        raise UserError(f"{key}={shown(value)}: {entry.metadata['must']}")


def value_kinds(annotation: Any) -> tuple[bool, set[type]]:
    """Of a key: whether a list is asked for, and what the value, or its entries, may be."""
    is_list = get_origin(annotation) is list
    inner = get_args(annotation)[0] if is_list else annotation
    alternatives = get_args(inner) if get_origin(inner) in (Union, UnionType) else (inner,)
    return is_list, {get_origin(kind) or kind for kind in alternatives}


def _as_it_is(value: Any, kinds: set[type], is_name: bool) -> bool:
    """Whether OmegaConf takes the value for itself: it reads 1.5 as the whole number 1, and 1 as true."""
    if type(value) in kinds or any(is_dataclass(kind) and _is_of(value, kind) for kind in kinds):
        return True
    number = type(value) in (int, float)
    return (type(value) is int and float in kinds) or (number and is_name)


def _is_of(value: Any, kind: Any) -> bool:
    asked = {entry.name: entry.type for entry in fields(kind)}
    return isinstance(value, dict) and {name: type(entry) for name, entry in value.items()} == asked


def _no_mapping(name: str, kind: Any, given: Mapping[str, Any]) -> str:
    told = f"{name}={shown(given[name])}" if name in given else name
    names = [entry.name for entry in fields(kind)]
    if name == "budget":
        return no_choice(told)
    return f"{told}: must hold the keys {', '.join(names[:4])} and more; set single ones: {name}.{names[0]}=VALUE"


def _told(error: OmegaConfBaseException, given: dict[str, Any]) -> str:
    key = str(error.full_key or error.key)
    if isinstance(error, ConfigKeyError):
        parent, _, name = key.rpartition(".")
        known = {"": Keys, "budget": BudgetKeys, "eval": EvalKeys}.get(parent)
        names = [entry.name for entry in fields(known)] if known else []
        names += [] if parent else [*GROUPS, REPORT]
        return f"{key}: no such key{f' in {parent}' if parent else ''}{did_you_mean(name, names)}"
    must = dict(key_fields(Keys)).get(key.partition("[")[0])
    return f"{key}={shown(_in(given, key))}: {must.metadata['must'] if must else error.msg}"


def _in(given: Mapping[str, Any], key: str) -> Any:
    parent, _, name = key.partition("[")[0].rpartition(".")
    return (given[parent] if parent else given).get(name)


def _at(typed: Keys, key: str) -> Any:
    parent, _, name = key.rpartition(".")
    return getattr(getattr(typed, parent) if parent else typed, name)
