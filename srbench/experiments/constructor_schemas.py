"""JSON Schemas of the parts of a config that name a class: by what the constructors take that conf/ names."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from functools import cache
from inspect import Parameter, signature
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import yaml

from srbench.core.paths import conf_folder
from srbench.core.pixel_format import PixelFormat
from srbench.experiments.component import PARTIAL, TARGET, imported, parameters_of
from srbench.experiments.configured_run import OF_THE_DATA, OF_THE_STAGE
from srbench.experiments.schema_parts import DEFAULTS, JSON_TYPES, LOOKED_UP, NODE, Schema, object_of, one_of
from srbench.recipes.length import Length
from srbench.recipes.recipe import Recipe

PACKAGE = "srbench."  # what other packages' constructors take is theirs, and changes with their versions
CLASS: Schema = {"type": ["string", "null"], "pattern": r"^\w+(\.\w+)+$|^\$\{|^\?\?\?$", "description": "a class"}


@cache
def shipped_targets() -> tuple[tuple[str, Callable[..., Any]], ...]:
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


def node_schema() -> Schema:
    """A part of a config that names a class, or holds such parts."""
    data = set(_named_in(sorted((conf_folder() / "data").glob("*.yaml"))))
    targets = [
        _when(name, _of_data(target) if name in data else _arguments(target)) for name, target in shipped_targets()
    ]
    return {
        "properties": {TARGET: CLASS, PARTIAL: {"type": "boolean"}, "defaults": DEFAULTS},
        "additionalProperties": NODE,
        "items": NODE,
        "allOf": targets,
    }


def stage_schema() -> Schema:
    """A stage of a recipe."""
    length = object_of({one.name: _steps(one.name) for one in fields(Length)})
    own = {
        "quick": length,
        "full": length,
        "epoch_steps": one_of([{"type": "integer", "minimum": 1}, LOOKED_UP]),
        "start": {"type": ["string", "null"]},
        "part": {"type": ["string", "null"]},
        "batches": NODE,
        "data": NODE,
    }
    assert own.keys() == set(OF_THE_STAGE)
    recipes = [
        (name, target) for name, target in shipped_targets() if isinstance(target, type) and issubclass(target, Recipe)
    ]
    return {
        "type": ["object", "null"],
        "properties": {TARGET: CLASS, **own},
        "additionalProperties": NODE,
        "allOf": [_when(name, _arguments(target, own)) for name, target in recipes],
    }


def _steps(name: str) -> Schema:
    number = {"type": "integer", "minimum": 0}
    by_scale = {"type": "object", "additionalProperties": number}
    return one_of([number, LOOKED_UP, *([by_scale] if name == "hr_patch" else [])])


def recipe_schema() -> Schema:
    """A recipe: what its stages share, and these by name."""
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
    found: Schema = {"properties": argument_values(target)}
    if names is not None:
        found["propertyNames"] = {"enum": [TARGET, PARTIAL, "defaults", *beside, *names]}
    return found


def _of_data(target: Callable[..., Any]) -> Schema:
    found = _arguments(target, OF_THE_DATA)
    return found | {"properties": found["properties"] | argument_values(PixelFormat)}


def argument_values(target: Callable[..., Any]) -> dict[str, Schema]:
    """Of those arguments that are numbers, flags, words or one of some."""
    hints = get_type_hints(getattr(target, "__init__") if isinstance(target, type) else target)  # noqa: B009
    defaults = {one.name: one.default for one in signature(target).parameters.values()}
    found = {}
    for name, hint in hints.items():
        schemas = list(_of_hint(hint))
        if name in defaults and all(schemas):
            default = defaults[name]
            plain = default is not Parameter.empty and type(default) in JSON_TYPES
            found[name] = one_of([*schemas, LOOKED_UP]) | ({"default": default} if plain else {})
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
