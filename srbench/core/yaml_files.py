"""YAML that somebody else may have written: plain values only, and no more of them than the file shows."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from srbench.core.errors import UserError, first_line
from srbench.core.regular_files import read_regular

MOST_VALUES = 100_000  # that aliases (*name) may stand for; the whole of conf/ has some thousands
PLAIN = (str, int, float, bool, type(None))


def read_yaml(path: Path, loader: type[yaml.SafeLoader] = yaml.SafeLoader) -> Any:
    """What the file says to the loader, as JSON could hold it. UserError, naming the file, for one that cannot be read,
    that holds other values (a date, bytes), or whose aliases stand for more than MOST_VALUES."""
    with told_of(path):
        return _plain(_loaded(read_regular(path).decode(), loader))


@contextmanager
def told_of(path: Path) -> Iterator[None]:
    """Raises UserError, naming the file, for what cannot be read of it there."""
    try:
        yield
    except RecursionError:
        raise UserError(f"{path}: cannot be read: it is nested too deeply, or holds itself") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else first_line(error)
        raise UserError(f"{path}: cannot be read: {reason}") from error


def check_aliases(path: Path) -> None:
    """Raises UserError, naming the file, where its aliases stand for more than MOST_VALUES, which whoever resolves them
    would take for ever to do. What else is wrong with the file is told when it is read."""
    try:
        _loaded(read_regular(path).decode(), yaml.SafeLoader)
    except TooManyError as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        pass


class TooManyError(ValueError):
    """Aliases stand for more than MOST_VALUES."""


def _loaded(text: str, kind: type[yaml.SafeLoader]) -> Any:
    loader = kind(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if _size(node, {}) > MOST_VALUES:
            raise TooManyError(f"its aliases (*name) stand for more than {MOST_VALUES:,} values")
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _size(node: yaml.Node, known: dict[yaml.Node, int]) -> int:
    """The number of values below a node, those of aliases each time."""
    if node in known:
        return known[node]
    known[node] = MOST_VALUES + 1  # while it is looked at: what holds itself has no end
    parts = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
    known[node] = 1 + (0 if isinstance(node, yaml.ScalarNode) else sum(_size(part, known) for part in parts))
    return known[node]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        for key in value:
            _plain(key)
            _plain(value[key])
    elif isinstance(value, list):
        for entry in value:
            _plain(entry)
    elif not isinstance(value, PLAIN):
        raise ValueError(f"{value} is a {type(value).__name__}; put quotation marks around it")
    elif isinstance(value, str):
        value.encode()  # UnicodeEncodeError, a ValueError, for half a character
    return value
