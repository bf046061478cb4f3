"""JSON Schemas of the keys that have one meaning for every run: by their types and what they hold."""

from types import NoneType
from typing import Any

from srbench.experiments.bounds import Above, AtLeast, OneOf
from srbench.experiments.schema import NAMES, key_fields, value_kinds
from srbench.experiments.schema_parts import JSON_TYPES, LOOKED_UP, Schema, object_of, one_of


def keys_of_group(kind: type, before: str) -> Schema:
    """Of a class of keys; `before`: what stands before each, `eval.`."""
    return object_of({key: key_value(before + key, entry) for key, entry in key_fields(kind)})


def key_value(key: str, entry: Any) -> Schema:
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
    entries = one_of([*one, LOOKED_UP])
    listed = one_of([{"type": "array", "items": entries}, *one, LOOKED_UP])
    return {"description": entry.metadata["must"], **(listed if is_list else entries)}


def crops_value() -> Schema:
    """Of `report.crops`."""
    box = {"type": "array", "items": {"type": "integer"}, "minItems": 4, "maxItems": 4}
    return {"anyOf": [{"type": "null"}, {"type": "object", "additionalProperties": box}]}
