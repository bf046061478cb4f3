"""What the JSON Schemas for editors are made of."""

from collections.abc import Iterable
from types import NoneType
from typing import Any

Schema = dict[str, Any]

JSON_TYPES = {int: "integer", float: "number", str: "string", bool: "boolean", NoneType: "null"}
LOOKED_UP: Schema = {"type": "string", "pattern": r"^\$\{|^\?\?\?$"}  # an interpolation, or Hydra's "must be given"
DEFAULTS: Schema = {"type": "array", "description": "Hydra's defaults list"}
NODE: Schema = {"$ref": "#/definitions/node"}
RECIPE: Schema = {"$ref": "#/definitions/recipe"}


def object_of(properties: Schema, required: Iterable[str] = ()) -> Schema:
    """One of these keys alone."""
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "required": list(required),
    }


def one_of(schemas: list[Schema]) -> Schema:
    """Any of them; a text that may be anything stands for those that must be something."""
    free = {"type": "string"} in schemas
    kept = [schema for schema in schemas if not (free and schema is LOOKED_UP)]
    return kept[0] if len(kept) == 1 else {"anyOf": kept}
