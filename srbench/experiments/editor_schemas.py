"""JSON Schemas (draft 7, which editors read) of the YAML that users write: made from the keys, the constructors that
configs name, and the values that sweeps and ablations become.

A schema refuses a key that is none, and a value of a type that its key never has; what depends on other keys is told
when the command is given.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, fields
from functools import cache
from inspect import Parameter, signature
from pathlib import Path
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import yaml

from srbench.core.paths import conf_folder
from srbench.experiments.ablations import ABLATION_KEYS, APPLIES_KEYS, SWEEP_KEYS
from srbench.experiments.bounds import Above, AtLeast, OneOf
from srbench.experiments.claim_files import OF_CLAIM
from srbench.experiments.component import PARTIAL, TARGET, imported, parameters_of
from srbench.experiments.configured_run import OF_THE_DATA, OF_THE_STAGE
from srbench.experiments.published_files import KEYS as PUBLISHED_KEYS
from srbench.experiments.schema import GROUPS, NAMES, BudgetKeys, EvalKeys, Keys, key_fields, value_kinds
from srbench.experiments.store.codec import json_schema
from srbench.experiments.store.stated_claims import StatedClaim, StatedComparison
from srbench.experiments.zipped_keys import ZIP
from srbench.recipes.length import Length
from srbench.recipes.recipe import Recipe

Schema = dict[str, Any]

DRAFT = "http://json-schema.org/draft-07/schema#"
PACKAGE = "srbench."  # what other packages' constructors take is theirs, and changes with their versions
JSON_TYPES = {int: "integer", float: "number", str: "string", bool: "boolean", NoneType: "null"}
LOOKED_UP: Schema = {"type": "string", "pattern": r"^\$\{|^\?\?\?$"}  # an interpolation, or Hydra's "must be given"
ANY_NAME: Schema = {"type": ["string", "number", "boolean"]}  # YAML reads off as false, and 1e3 as a number
ANY_NAMES: Schema = {"type": "array", "items": ANY_NAME, "minItems": 2}
OVERRIDES: Schema = {"$ref": "#/definitions/overrides"}
NODE: Schema = {"$ref": "#/definitions/node"}
RECIPE: Schema = {"$ref": "#/definitions/recipe"}
DEFAULTS: Schema = {"type": "array", "description": "Hydra's defaults list"}
CLASS: Schema = {"type": ["string", "null"], "pattern": r"^\w+(\.\w+)+$|^\$\{|^\?\?\?$", "description": "a class"}


def editor_schemas() -> dict[str, Schema]:
    """By what the files are: a `config`, an `option` of its groups, two of which have more to them (`recipe`,
    `budget`), an `ablation`, and a `sweep`."""
    found = {
        "config": ("A config of srbench: conf/config.yaml, or a run's config.yaml", _config()),
        "option": ("An option of srbench's config: conf/model/NAME.yaml and so on", NODE),
        "recipe": ("A recipe of srbench: conf/recipe/NAME.yaml", RECIPE),
        "budget": ("A budget of srbench: conf/budget/NAME.yaml", _group(BudgetKeys, "budget.") | {"type": "object"}),
        "ablation": ("An ablation of srbench: conf/ablation/NAME.yaml", _ablation()),
        "sweep": ("A saved study of srbench: sweeps/NAME.yaml", _sweep()),
    }
    return {name: _whole(title, schema) for name, (title, schema) in found.items()}


def _whole(title: str, root: Schema) -> Schema:
    """With the definitions that it refers to, directly or by another."""
    needed: dict[str, Schema] = {}
    while more := {name for part in (root, *needed.values()) for name in _referred(part)} - needed.keys():
        needed |= {name: _DEFINITIONS[name]() for name in more}
    definitions = {"definitions": dict(sorted(needed.items()))} if needed else {}
    return {"$schema": DRAFT, "title": title, "type": "object", "allOf": [root], **definitions}


def _referred(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "$ref":
                yield value.rpartition("/")[2]
            else:
                yield from _referred(value)
    elif isinstance(part, list):
        for entry in part:
            yield from _referred(entry)


def _object(properties: Schema, required: Iterable[str] = ()) -> Schema:
    """One of these keys alone."""
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "required": list(required),
    }


# The keys of a run


def _config() -> Schema:
    groups = dict.fromkeys(GROUPS, NODE)
    rest = {
        "recipe": RECIPE,
        "budget": _group(BudgetKeys, "budget."),
        "eval": _group(EvalKeys, "eval."),
        "report": _object({"crops": _crops()}),
        "ablation": {},
        "sweep": {},
        "labels": {"type": "array"},
        "defaults": DEFAULTS,
        "hydra": {"type": "object"},
    }
    return _object({**_values(), **groups, **rest})


def _values() -> dict[str, Schema]:
    """Those at the top, without groups."""
    return {key: _value(key, entry) for key, entry in key_fields(Keys) if "." not in key and key != "labels"}


def _group(kind: type, before: str) -> Schema:
    return _object({key: _value(before + key, entry) for key, entry in key_fields(kind)})


def _value(key: str, entry: Any) -> Schema:
    """Of a field of Keys, by its type and what it holds."""
    is_list, kinds = value_kinds(entry.type)
    one: list[Schema] = [{"type": JSON_TYPES[kind]} for kind in JSON_TYPES if kind in kinds]
    holds = entry.metadata["holds"]
    if isinstance(holds, OneOf):
        one = [{"enum": [*holds.values, *([None] if NoneType in kinds else [])]}]
    elif isinstance(holds, AtLeast):
        least = [part | {"minimum": holds.least} for part in one if part["type"] in ("integer", "number")]
        one = [*least, *[part for part in one if part["type"] == "null"], *({"enum": [word]} for word in holds.words)]
    elif isinstance(holds, Above):
        one = [part | {"exclusiveMinimum": holds.bound} for part in one]
    if key in NAMES:
        one.append({"type": "number"})
    entries = _one_of([*one, LOOKED_UP])
    listed = _one_of([{"type": "array", "items": entries}, *one, LOOKED_UP])
    return {"description": entry.metadata["must"], **(listed if is_list else entries)}


def _one_of(schemas: list[Schema]) -> Schema:
    """Any of them; a text that may be anything stands for those that must be something."""
    free = {"type": "string"} in schemas
    kept = [schema for schema in schemas if not (free and schema is LOOKED_UP)]
    return kept[0] if len(kept) == 1 else {"anyOf": kept}


def _crops() -> Schema:
    box = {"type": "array", "items": {"type": "integer"}, "minItems": 4, "maxItems": 4}
    return {"anyOf": [{"type": "null"}, {"type": "object", "additionalProperties": box}]}


# What constructors take


@cache
def _targets() -> tuple[tuple[str, Callable[..., Any]], ...]:
    """The classes and functions of srbench's that conf/ names."""
    named = sorted(set(_named_in(conf_folder().rglob("*.yaml"))))
    return tuple((name, imported(name)) for name in named if name.startswith(PACKAGE))


def _named_in(files: Iterable[Path]) -> Iterator[str]:
    for file in files:
        yield from _named(yaml.safe_load(file.read_text(encoding="utf-8")))


def _named(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == TARGET and isinstance(value, str):
                yield value
            yield from _named(value)
    elif isinstance(node, list):
        for entry in node:
            yield from _named(entry)


def _node() -> Schema:
    """A part of a config that names a class, or holds such parts."""
    data = set(_named_in(sorted((conf_folder() / "data").glob("*.yaml"))))
    targets = [_when(name, _arguments(target, OF_THE_DATA if name in data else ())) for name, target in _targets()]
    return {
        "properties": {TARGET: CLASS, PARTIAL: {"type": "boolean"}, "defaults": DEFAULTS},
        "additionalProperties": NODE,
        "items": NODE,
        "allOf": targets,
    }


def _stage() -> Schema:
    length = _object({one.name: _steps(one.name) for one in fields(Length)})
    own = {
        "quick": length,
        "full": length,
        "epoch_steps": _one_of([{"type": "integer", "minimum": 1}, LOOKED_UP]),
        "start": {"type": ["string", "null"]},
        "part": {"type": ["string", "null"]},
        "batches": NODE,
        "data": NODE,
    }
    assert own.keys() == set(OF_THE_STAGE)
    recipes = [(name, target) for name, target in _targets() if isinstance(target, type) and issubclass(target, Recipe)]
    return {
        "type": ["object", "null"],
        "properties": {TARGET: CLASS, **own},
        "additionalProperties": NODE,
        "allOf": [_when(name, _arguments(target, own)) for name, target in recipes],
    }


def _steps(name: str) -> Schema:
    number = {"type": "integer", "minimum": 0}
    by_scale = {"type": "object", "additionalProperties": number}
    return _one_of([number, LOOKED_UP, *([by_scale] if name == "hr_patch" else [])])


def _recipe() -> Schema:
    stages = {"type": "object", "additionalProperties": {"$ref": "#/definitions/stage"}}
    return {
        "type": "object",
        "properties": {"stages": stages, "defaults": DEFAULTS},
        "additionalProperties": NODE,
    }


def _when(name: str, then: Schema) -> Schema:
    return {"if": {"properties": {TARGET: {"const": name}}, "required": [TARGET]}, "then": then}


def _arguments(target: Callable[..., Any], beside: Iterable[str] = ()) -> Schema:
    """Of a class or function; `beside`: further keys of its node."""
    names = parameters_of(target)
    found: Schema = {"properties": _argument_values(target)}
    if names is not None:
        found["propertyNames"] = {"enum": [TARGET, PARTIAL, "defaults", *beside, *names]}
    return found


def _argument_values(target: Callable[..., Any]) -> dict[str, Schema]:
    """Of those arguments that are numbers, flags, words or one of some."""
    hints = get_type_hints(getattr(target, "__init__") if isinstance(target, type) else target)  # noqa: B009
    defaults = {one.name: one.default for one in signature(target).parameters.values()}
    found = {}
    for name, hint in hints.items():
        schemas = list(_of_hint(hint))
        if name in defaults and all(schemas):
            default = defaults[name]
            plain = default is not Parameter.empty and type(default) in JSON_TYPES
            found[name] = _one_of([*schemas, LOOKED_UP]) | ({"default": default} if plain else {})
    return found


def _of_hint(hint: Any) -> Iterator[Schema]:
    """Of each of its alternatives; {} for what may be anything."""
    if get_origin(hint) in (Union, UnionType):
        for one in get_args(hint):
            yield from _of_hint(one)
    elif get_origin(hint) is Literal:
        yield {"enum": list(get_args(hint))}
    else:
        yield {"type": JSON_TYPES[hint]} if hint in JSON_TYPES else {}


# Sweeps and ablations


def _ablation() -> Schema:
    classes = {target.__name__: target for name, target in _targets() if name.startswith(f"{PACKAGE}models.")}
    applies = {
        "type": "object",
        "properties": {name: _applies(_argument_values(target)) for name, target in sorted(classes.items())},
        "additionalProperties": _applies(),
    }
    known = _texts(("title", "question", "source")) | {"applies_to": applies, "claims": _claims()}
    assert known.keys() == set(ABLATION_KEYS)
    return _object(known, ["applies_to"])


def _applies(arguments: Mapping[str, Schema] = MappingProxyType({})) -> Schema:
    factors = {"allOf": [OVERRIDES, {"properties": {f"model.{name}": value for name, value in arguments.items()}}]}
    known = {"baseline": ANY_NAME, "variants": {"type": "object", "additionalProperties": factors}}
    assert known.keys() == set(APPLIES_KEYS)
    return _object(known, APPLIES_KEYS)


def _sweep() -> Schema:
    known = {
        **_texts(("title", "question", "source")),
        "overrides": {"$ref": "#/definitions/swept_overrides"},
        "runs": {"type": "object", "additionalProperties": OVERRIDES},
        "baseline": {"anyOf": [ANY_NAME, {"type": "null"}]},
        "at_hand": {"type": "boolean"},
        "claims": _claims(),
        "published": _published(),
    }
    assert known.keys() == set(SWEEP_KEYS)
    return _object(known)


def _texts(names: Iterable[str]) -> dict[str, Schema]:
    return {name: {"type": "string"} for name in names}


def _overrides() -> Schema:
    """Keys of a run, each with a value."""
    groups = "|".join((*GROUPS, "hydra"))
    return _object(_override_values()) | {"patternProperties": {rf"^[+~]*({groups})[./@].+$": {}}}


def _override_values() -> dict[str, Schema]:
    typed = {key: _value(key, entry) for key, entry in key_fields(Keys) if key not in (ZIP, "labels")}
    return typed | {"report.crops": _crops()} | {group: _choice(group) for group in (*GROUPS, "budget")}


def _choice(group: str) -> Schema:
    """Of one of the group's options; users have others besides, in ./conf."""
    shipped = sorted(file.stem for file in (conf_folder() / group).glob("*.yaml"))
    return {"anyOf": [{"enum": shipped}, {"type": "string"}]}


def _swept_overrides() -> Schema:
    """The same where a list is one of values, and where keys are that only a grid has."""
    lists = {key: {"anyOf": [value, {"type": "array", "items": value}]} for key, value in _override_values().items()}
    keys = {"type": "array", "items": {"type": "string"}, "minItems": 2}
    zipped = {"anyOf": [{"type": "null"}, keys, {"type": "array", "items": keys}]}
    ablations = {"type": ["string", "array"], "items": {"type": "string"}}
    return _overrides() | {"properties": {**lists, ZIP: zipped, "ablation": ablations}}


def _claims() -> Schema:
    comparison = _of_class(StatedComparison)
    decides = {"type": "array", "items": comparison, "minItems": 1}
    claim = _of_class(StatedClaim)
    properties = {name: claim["properties"][name] for name in OF_CLAIM} | {"decides": decides}
    return {"type": "object", "additionalProperties": _object(properties, OF_CLAIM)}


def _of_class(kind: type) -> Schema:
    """What a file says of a frozen dataclass that has no others in it."""
    properties = json_schema(kind)["$defs"][kind.__name__]["properties"]
    needed = [one.name for one in fields(kind) if one.default is MISSING]
    return _object({name: ANY_NAMES if name == "rows" else schema for name, schema in properties.items()}, needed)


def _published() -> Schema:
    run = {
        "type": "object",
        "properties": {"note": {"type": "string"}},
        "additionalProperties": {"anyOf": [{"type": "number"}, {"const": "inf"}]},
    }
    known = _texts(("source", "curves")) | {"runs": {"type": "object", "additionalProperties": run}}
    assert known.keys() == set(PUBLISHED_KEYS)
    return _object(known, ["source"])


_DEFINITIONS: dict[str, Callable[[], Schema]] = {
    "node": _node,
    "stage": _stage,
    "recipe": _recipe,
    "overrides": _overrides,
    "swept_overrides": _swept_overrides,
}
