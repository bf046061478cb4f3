"""Frozen dataclasses ⇄ JSON, by their annotations: one rule for every file that a study leaves.

A field is called as in Python, or as its metadata `json` says. An infinite number (a PSNR) is the string "inf". Keys
that a dataclass does not know are left out when it is read.
"""

import json
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from math import inf
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

LARGEST = 2**63 - 1  # of whole numbers, and of others: a sum or a mean of them is a number still
LARGEST_FLOAT = 1e100

Value = TypeVar("Value")
Decoder = Callable[[Any], Any]


class FormatError(ValueError):
    """JSON that is not what it should be; the message says where and what."""


def decode(kind: type[Value], value: Any) -> Value:
    """`value`, of JSON's types, as a `kind`. FormatError, naming the place, for what does not fit."""
    decoder: Decoder = _decoder(kind)  # type: ignore[arg-type]  # every annotation is hashable
    decoded: Value = decoder(value)
    return decoded


def encode(value: Any) -> Any:
    """The same in JSON's types. ValueError for NaN: what is missing is absent, with its reason beside it."""
    if is_dataclass(value) and not isinstance(value, type):
        return {_name(field): encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {encode(str(key)): encode(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [encode(entry) for entry in value]
    if isinstance(value, float) and value == inf:
        return "inf"
    if value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and value == value):
        # Half a character, of a path that is not UTF-8, would make a file that nobody can read.
        return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value
    raise ValueError(f"{value!r} is no value of a record")


def to_json(value: Any) -> bytes:
    """A dataclass as the text of a file."""
    return f"{json.dumps(encode(value), indent=2, allow_nan=False, ensure_ascii=False)}\n".encode()


def json_schema(kind: type) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of what `to_json` writes of a `kind`."""
    definitions: dict[str, Any] = {}
    root = _schema(kind, definitions)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **root, "$defs": definitions}


# Reading


@cache
def _decoder(kind: Any) -> Decoder:
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _of_dataclass(kind)
    if origin in (Union, UnionType):
        return _of_union([_decoder(one) for one in arguments if one is not NoneType], NoneType in arguments)
    if origin is Literal:
        return _of_literal(arguments)
    if origin is tuple:
        return _of_list(_decoder(arguments[0]))
    if origin is dict:
        return _of_mapping(_decoder(arguments[1]))
    if kind is Any:
        return _anything
    return _PLAIN[kind]


def _of_dataclass(kind: Any) -> Decoder:
    hints = get_type_hints(kind)
    known = [(field.name, _name(field), _decoder(hints[field.name]), _required(field)) for field in fields(kind)]

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise FormatError(f"an object is needed, not {_shown(value)}")
        found, key = {}, ""
        try:
            for name, key, decoder, _ in known:
                if key in value:
                    found[name] = decoder(value[key])
        except FormatError as error:
            raise _within(key, error) from None
        if len(found) < len(known):
            for name, key, _, required in known:
                if required and name not in found:
                    raise FormatError(f"{key} is missing")
        try:
            return kind(**found)
        except (ValueError, OverflowError) as error:
            raise FormatError(str(error)) from error

    return read


def _of_union(decoders: list[Decoder], optional: bool) -> Decoder:
    if len(decoders) == 1:
        (only,) = decoders
        return lambda value: None if value is None else only(value)

    def read(value: Any) -> Any:
        if value is None and optional:
            return None
        for decoder in decoders[:-1]:
            try:
                return decoder(value)
            except FormatError:
                continue
        return decoders[-1](value)

    return read


def _of_literal(choices: tuple[Any, ...]) -> Decoder:
    def read(value: Any) -> Any:
        if value not in choices:
            raise FormatError(f"{' or '.join(map(str, choices))} is needed, not {_shown(value)}")
        return value

    return read


def _of_list(decoder: Decoder) -> Decoder:
    def read(value: Any) -> Any:
        if not isinstance(value, list):
            raise FormatError(f"a list is needed, not {_shown(value)}")
        found = list[Any]()
        try:
            for entry in value:
                found.append(decoder(entry))
        except FormatError as error:
            raise _within(str(len(found)), error) from None
        return tuple(found)

    return read


def _of_mapping(decoder: Decoder) -> Decoder:
    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise FormatError(f"an object is needed, not {_shown(value)}")
        found, key = {}, ""
        for key in value:
            _text(key)
        try:
            for key, entry in value.items():
                found[key] = decoder(entry)
        except FormatError as error:
            raise _within(key, error) from None
        return found

    return read


def _within(key: str, error: FormatError) -> FormatError:
    """The error of what stands at `key`, seen from around it."""
    return FormatError(f"{key}: {error}")


def _text(value: Any) -> str:
    if type(value) is not str:
        raise FormatError(f"text is needed, not {_shown(value)}")
    try:
        value.isascii() or value.encode()
    except UnicodeEncodeError:
        raise FormatError(f"text is needed, not half a character: {value!a}") from None
    return value


def _whole(value: Any) -> int:
    if type(value) is not int or abs(value) > LARGEST:
        raise FormatError(f"a whole number is needed, not {_shown(value)}")
    return value


def _flag(value: Any) -> bool:
    if type(value) is not bool:
        raise FormatError(f"true or false is needed, not {_shown(value)}")
    return value


def _number(value: Any) -> float:
    if value == "inf":
        return inf
    if type(value) not in (int, float) or not -LARGEST_FLOAT <= value <= LARGEST_FLOAT:
        raise FormatError(f"a number is needed, not {_shown(value)}")
    return float(value)


def _anything(value: Any) -> Any:
    if isinstance(value, dict):
        return {_text(key): _anything(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_anything(entry) for entry in value]
    return _text(value) if isinstance(value, str) else value


_PLAIN: dict[type, Decoder] = {str: _text, int: _whole, bool: _flag, float: _number}


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str).encode(errors="backslashreplace").decode()
    return text if len(text) <= 40 else f"{text[:37]}…"


def _name(field: "Field[Any]") -> str:
    name: str = field.metadata.get("json", field.name)
    return name


def _required(field: "Field[Any]") -> bool:
    return field.default is MISSING and field.default_factory is MISSING


# The schema


def _schema(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        name = getattr(kind, "__name__", "")
        if name not in definitions:
            definitions[name] = {}  # it may hold itself
            definitions[name] = _object(kind, definitions)
        return {"$ref": f"#/$defs/{name}"}
    if origin in (Union, UnionType):
        return {"anyOf": [_schema(one, definitions) for one in arguments]}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is tuple:
        return {"type": "array", "items": _schema(arguments[0], definitions)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema(arguments[1], definitions)}
    return _SCHEMAS[kind]


def _object(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {
        "description": " ".join(" ".join(one.__doc__ or "" for one in kind.__mro__ if is_dataclass(one)).split()),
        "type": "object",
        "properties": {_name(field): _schema(hints[field.name], definitions) for field in fields(kind)},
        "required": [_name(field) for field in fields(kind)],
    }


_SCHEMAS: dict[Any, dict[str, Any]] = {
    Any: {},
    NoneType: {"type": "null"},
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    float: {"anyOf": [{"type": "number"}, {"const": "inf"}]},
}
