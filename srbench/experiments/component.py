"""What a node of the config describes: a class with its arguments, or a function, made when it is needed."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from dis import get_instructions
from functools import cache, partial
from importlib import import_module
from inspect import Parameter, signature
from types import FunctionType, NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from srbench.core.errors import UserError, first_line, first_line_with_type
from srbench.core.garbage import later_collections
from srbench.core.suggest import did_you_mean

TARGET, PARTIAL = "_target_", "_partial_"
SCALARS: dict[type, str] = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}

# By which a constructor says that its arguments do not fit; a RuntimeError is torch's, of sizes say.
REFUSALS = (
    TypeError,
    ValueError,
    ArithmeticError,
    AssertionError,
    MemoryError,
    RuntimeError,
    ImportError,
    AttributeError,
    UserError,
)


@dataclass(frozen=True)
class Component:
    """`target`: where the class lies; `arguments`: of JSON's types, in which further nodes stand for what they make."""

    target: str
    arguments: dict[str, Any] = field(hash=False)

    @property
    def class_name(self) -> str:
        """Without its module."""
        return self.target.rpartition(".")[2]

    @property
    def identity(self) -> dict[str, Any]:
        """As JSON, the same wherever the classes lie."""
        named: dict[str, Any] = _named({TARGET: self.target, **self.arguments})
        return named

    def without(self, *keys: str) -> "Component":
        """The same without some arguments."""
        return Component(self.target, {key: value for key, value in self.arguments.items() if key not in keys})

    def build(self, key: str, *places: Any, **more: Any) -> Any:
        """What the node describes, given `places` and `more` arguments besides. A node with `_partial_: true` in it
        stands for a function that waits for the rest of its arguments.

        Raises UserError, naming `key`, for a target that cannot be imported and for arguments that its constructor
        refuses, with one of REFUSALS.
        """
        try:
            _check_names({TARGET: self.target, **self.arguments}, key)
            return _made({TARGET: self.target, **self.arguments}, *places, **more)
        except RefusedError as error:
            if isinstance(error.__cause__, UserError):
                raise error.__cause__ from None
            raise UserError(f"{key}: {error}") from error

    def check(self, key: str) -> None:
        """Raises UserError, as `build`, for a target that cannot be imported and for an argument that it does not
        take, without building anything."""
        try:
            _check_names({TARGET: self.target, **self.arguments}, key)
        except RefusedError as error:
            raise UserError(f"{key}: {error}") from error

    def doubtful(self, key: str) -> list[str]:
        """The places of the arguments that disappear in a class or function that takes any (`**kwargs`), so that only
        its code knows whether it reads them. UserError as `check`."""
        self.check(key)
        return list(_doubtful({TARGET: self.target, **self.arguments}, key))


def component(node: Any, key: str) -> Component:
    """The component that a node of a resolved config describes. Raises UserError, naming `key`, for what is none."""
    target = node.get(TARGET) if isinstance(node, Mapping) else None
    if not isinstance(target, str) or not target:
        told = f"={target}" if isinstance(node, Mapping) and TARGET in node else ""
        raise UserError(f"{key}.{TARGET}{told}: a class is needed, as in my_package.MyClass")
    return Component(target, {str(name): value for name, value in node.items() if name != TARGET})


class RefusedError(Exception):
    """Why a node cannot be made."""


def _check_names(node: Any, key: str) -> None:
    """Raises UserError, naming its place, for an argument that the class or function of a node does not take, or not of
    that type."""
    if isinstance(node, list):
        for number, entry in enumerate(node):
            _check_names(entry, f"{key}[{number}]")
    if not isinstance(node, dict):
        return
    given = [name for name in node if name not in (TARGET, PARTIAL)]
    if TARGET in node:
        target = imported(node[TARGET])
        known, types = parameters_of(target), _types(target)
        for name in given:
            place, what = f"{key.partition('=')[0]}.{name}", getattr(target, "__name__", node[TARGET])
            if name in types and not _may_be(node[name], types[name]):
                wanted = " or ".join(SCALARS[kind] for kind in types[name] if kind in SCALARS)
                raise UserError(f"{place}={node[name]}: {what} takes {wanted}")
            if known is not None and name not in known:
                preset = f"; ~{place} leaves out what a preset says" if place.startswith("model.") else ""
                raise UserError(f"{place}: {what} takes no {name}{did_you_mean(name, known)}{preset}")
    for name in given:
        _check_names(node[name], f"{key.partition('=')[0]}.{name}")


def _doubtful(node: Any, key: str) -> Iterator[str]:
    if isinstance(node, list):
        for number, entry in enumerate(node):
            yield from _doubtful(entry, f"{key}[{number}]")
    if not isinstance(node, dict):
        return
    target = imported(node[TARGET]) if TARGET in node else None
    for name in (name for name in node if name not in (TARGET, PARTIAL)):
        if target and parameters_of(target) is None and name not in named_parameters(target):
            yield f"{key}.{name}"
        yield from _doubtful(node[name], f"{key}.{name}")


@cache
def parameters_of(target: Callable[..., Any]) -> list[str] | None:
    """The names that a class or function takes; None: any, or it does not say. One that takes any and reads none, as
    its code shows, takes those that it names."""
    try:
        found = signature(target).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(one.kind is Parameter.VAR_KEYWORD and _reads(target, one.name) for one in found):
        return None
    return _names(found)


def _reads(target: Callable[..., Any], name: str) -> bool:
    """Whether a class's constructor, or a function, may read its argument `name`."""
    own: Any = vars(type)["__call__"], vars(object)["__new__"]
    plain = isinstance(target, type) and (type(target).__call__, target.__new__) == own
    function: Any = getattr(target, "__init__") if plain else target  # noqa: B009
    if not isinstance(function, FunctionType) or hasattr(function, "__wrapped__"):
        return True
    code = function.__code__
    if name in code.co_cellvars or {"locals", "vars", "eval", "exec"} & set(code.co_names):
        return True
    loads = (one.argval for one in get_instructions(code) if "LOAD_FAST" in one.opname)
    return any(name == loaded or (isinstance(loaded, tuple) and name in loaded) for loaded in loads)


def named_parameters(target: Callable[..., Any]) -> set[str]:
    """Those of a class and of all that it inherits from, to which it may hand them on."""
    found = set[str]()
    for one in target.__mro__ if isinstance(target, type) else [target]:
        with suppress(TypeError, ValueError):
            found |= set(_names(signature(one).parameters.values()))
    return found


def _names(parameters: Iterable[Parameter]) -> list[str]:
    return [one.name for one in parameters if one.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)]


@cache
def _types(target: Callable[..., Any]) -> dict[str, tuple[type, ...]]:
    """Of the arguments that are numbers, flags or words, and nothing else, by its annotations."""
    try:
        hints = get_type_hints(getattr(target, "__init__") if isinstance(target, type) else target)  # noqa: B009
    except Exception:  # annotations of a user's that do not stand for anything
        return {}
    kinds = {
        name: get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,) for name, hint in hints.items()
    }
    return {name: found for name, found in kinds.items() if all(kind in (*SCALARS, NoneType) for kind in found)}


def _may_be(value: Any, kinds: tuple[type, ...]) -> bool:
    """Whether a value may be meant for one of these types: only what can be no such number or flag is not."""
    if isinstance(value, str):
        return str in kinds
    if isinstance(value, float) and not value.is_integer():
        return float in kinds or str in kinds
    return True


def _made(node: Any, *places: Any, **more: Any) -> Any:
    if isinstance(node, list):
        return [_made(entry) for entry in node]
    if not isinstance(node, dict):
        return node
    arguments = {name: _made(value) for name, value in node.items() if name not in (TARGET, PARTIAL)}
    if TARGET not in node:
        return arguments
    target = imported(node[TARGET])
    if node.get(PARTIAL):
        return partial(target, *places, **arguments, **more)
    try:
        return target(*places, **arguments, **more)
    except REFUSALS as error:
        raise RefusedError(first_line(error)) from error


def imported(path: Any) -> Callable[..., Any]:
    """The class or function that `path` names. It may stand inside a class: my_package.module.Class.Inner. Raises
    RefusedError for what is not there, or cannot be called."""
    parts = str(path).split(".")
    if len(parts) < 2 or not all(parts):
        raise RefusedError(f"{TARGET}={path}: a class is needed, as in my_package.MyClass")
    for end in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:end])
        try:
            with later_collections():
                found: Any = import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise RefusedError(f"{path}: {name} cannot be imported: {error}") from error
            continue
        except Exception as error:  # whatever a module of the user's does when it is imported
            raise RefusedError(f"{path}: {name} cannot be imported: {first_line_with_type(error)}") from error
        for part in parts[end:]:
            if not hasattr(found, part):
                raise RefusedError(f"{path}: {name} has no {part}")
            found = getattr(found, part)
        if not callable(found):
            raise RefusedError(f"{path}: is no class")
        made: Callable[..., Any] = found
        return made
    raise RefusedError(f"{path}: no module {parts[0]} (it is looked for in the current folder, too)")


def _named(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            str(key): entry.rpartition(".")[2] if key == TARGET and isinstance(entry, str) else _named(entry)
            for key, entry in value.items()
        }
    return [_named(entry) for entry in value] if isinstance(value, list) else value
