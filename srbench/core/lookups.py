"""What a config looks up in the environment, `${oc.env:NAME}`: it is used, and neither stored nor shown. In its place
stands the lookup itself."""

import os
import re
from collections.abc import Container, Iterator
from typing import Any

from srbench.core.errors import UserError

LOOKUP = re.compile(r"\$\{oc\.env:\s*(\w+)\s*(?:,\s*([^{}$]*?)\s*)?\}")
NAME = re.compile(r"oc\.env\s*:\s*([^\s,{}]+)")
FOLDERS = ("SRBENCH_DATA", "SRBENCH_WEIGHTS")  # srbench's own variables, of data_root and weights_dir, may be seen
SHORTEST = 4  # letters of what is hidden: a shorter one would stand in many a number and word

_noted: set[str] = set()


def note_lookups(config: Any) -> None:
    """From now on `hidden` hides what the texts of the config look up, in this process."""
    _noted.update(name for text in _texts(config) for name in NAME.findall(text) if name not in FOLDERS)


def hidden(text: str) -> str:
    """The text without what was looked up: `${oc.env:NAME}` in its place."""
    for name in sorted(_noted):
        value = os.environ.get(name, "")
        if len(value) >= SHORTEST:
            text = text.replace(value, f"${{oc.env:{name}}}")
    return text


def as_stored(written: Any, resolved: Any) -> Any:
    """A resolved config in which what it looks up, and all that refers to that, stands as it was written."""
    values = dict(_looked_up(written, resolved))
    return _as_stored(written, resolved, values) if values else resolved


def looked_up(key: str, text: str, allow: Container[str]) -> str:
    """The text of a stored config with its lookups done of the variables in `allow`. Raises UserError for others."""
    if "${" in LOOKUP.sub(lambda match: "" if match[1] in allow else match[0], text):
        raise UserError(
            f"{key}={text}: is not looked up for a stored run; allow=NAME (of the variable) if you trust it"
        )
    return LOOKUP.sub(lambda match: _value(key, match[1], match[2]), text)


def _value(key: str, name: str, default: str | None) -> str:
    value = os.environ.get(name, None if default is None else default.strip("'\""))
    if value is None:
        raise UserError(f"{key}: ${name} is not set")
    return value


def _texts(config: Any) -> Iterator[str]:
    if isinstance(config, dict | list):
        for entry in config.values() if isinstance(config, dict) else config:
            yield from _texts(entry)
    elif isinstance(config, str):
        yield config


def _looked_up(written: Any, resolved: Any) -> Iterator[tuple[str, str]]:
    """What has become of the texts that look something up, and these."""
    if isinstance(written, str):
        if set(NAME.findall(written)) - set(FOLDERS):
            yield str(resolved), written
    elif isinstance(written, dict) and isinstance(resolved, dict):
        for key in written.keys() & resolved.keys():
            yield from _looked_up(written[key], resolved[key])
    elif isinstance(written, list) and isinstance(resolved, list):
        for one, other in zip(written, resolved, strict=False):
            yield from _looked_up(one, other)


def _as_stored(written: Any, resolved: Any, values: dict[str, str]) -> Any:
    if isinstance(written, str) and "${" in written:
        return _replaced(resolved, values)
    if isinstance(written, dict) and isinstance(resolved, dict):
        return {key: _as_stored(written.get(key), value, values) for key, value in resolved.items()}
    if isinstance(written, list) and isinstance(resolved, list) and len(written) == len(resolved):
        return [_as_stored(one, other, values) for one, other in zip(written, resolved, strict=True)]
    return resolved


def _replaced(value: Any, values: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(entry, values) for key, entry in value.items()}
    if isinstance(value, list):
        return [_replaced(entry, values) for entry in value]
    if not isinstance(value, str) or str(value) in values:
        return values.get(str(value), value)
    for found, text in values.items():
        value = value.replace(found, text) if len(found) >= SHORTEST else value
    return value
