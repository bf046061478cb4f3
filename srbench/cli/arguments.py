"""How a verb of the command line declares what it takes: by the fields of a class, each with its type."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, ClassVar, TypeVar, dataclass_transform

from srbench.cli.values import Kind

_T = TypeVar("_T")


@dataclass(frozen=True)
class Positional:
    """A positional word, or with `several` all of them from here on. `default`: as the help tells it, of one that may
    be left out; None of one that must be there."""

    name: str
    kind: Kind[object]
    means: str
    several: bool
    default: str | None = None


@dataclass(frozen=True)
class Option:
    """`key=value`, or where there is no `kind` the key alone. `default`: as the help tells it."""

    kind: Kind[object] | None
    means: str
    default: str
    required: bool


@dataclass(frozen=True)
class ConfigKey:
    """A key of the config: Hydra reads its words, with `group` before them. `model.KEY` is any key below `model`, one
    that is added (+) or removed (~) too."""

    name: str
    shown: str
    means: str
    default: str = ""
    required: bool = False
    group: str = ""

    def takes(self, word: str) -> bool:
        """Whether `word` sets this key; a group is chosen by the class of one's own, too."""
        if self.name.endswith(".KEY"):
            return word.lstrip("+~").startswith(self.name.removesuffix("KEY"))
        return word.startswith((f"{self.name}=", f"{self.name}._target_="))


@dataclass(frozen=True)
class Form:
    """Of a verb that makes several things: the options that one of them needs, and those that it takes besides."""

    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()


@dataclass(frozen=True)
class About:
    """`does`: in one sentence. `example`: begins with the verb. `forms`: by the option that chooses one, "" where none
    of these is given; an option that stands in no form goes with all."""

    name: str
    does: str
    example: str
    forms: Mapping[str, Form]


def place(name: str, kind: Kind[_T], means: str) -> _T:
    """Declares a field: the next positional word."""
    declared: _T = _field(Positional(name, kind, means, several=False))
    return declared


def last_place(name: str, kind: Kind[_T], means: str, *, default: _T, told: str) -> _T:
    """Declares a field: the last positional word, which may be left out. `told`: what the help says of the default."""
    declared: _T = _field(Positional(name, kind, means, several=False, default=told), default=default)
    return declared


def places(name: str, kind: Kind[_T], means: str) -> tuple[_T, ...]:
    """Declares a field: the positional words from here on, one or more."""
    declared: tuple[_T, ...] = _field(Positional(name, kind, means, several=True))
    return declared


def option(
    kind: Kind[_T],
    means: str,
    *,
    default: _T = MISSING,  # type: ignore[assignment]
    default_factory: Callable[[], _T] = MISSING,  # type: ignore[assignment]
    told: str = "",
) -> _T:
    """Declares a field: an option of its name, which must be given where it has no default. `told`: what the help says
    of the default, where its own text would not do."""
    given: tuple[object, object] = (default, default_factory)
    about = Option(kind, means, told or _text(default), required=given == (MISSING, MISSING))
    declared: _T = _field(about, default=default, default_factory=default_factory)
    return declared


def switch(means: str, *, default: bool = False) -> bool:
    """Declares a field: the word `--name`, which is there or not."""
    declared: bool = _field(Option(None, means, "", required=False), default=default)
    return declared


def handed(*keys: ConfigKey) -> tuple[str, ...]:
    """Declares the field `config`: the words for these keys, as they are."""
    declared: tuple[str, ...] = _field(keys)
    return declared


@dataclass_transform(
    kw_only_default=True, frozen_default=True, field_specifiers=(place, last_place, places, option, switch, handed)
)
class Verb(ABC):
    """A verb is a class below this one, whose instances are frozen dataclasses: what the command asks for."""

    about: ClassVar[About]

    def __init_subclass__(cls, name: str, does: str, example: str, forms: Mapping[str, Form] | None = None) -> None:
        cls.__doc__ = does
        dataclass(frozen=True, kw_only=True)(cls)
        cls.about = About(name, does, example, forms or {})

    @abstractmethod
    def do(self) -> bool:
        """Does it, and returns whether all is well. UserError for what cannot be done as it is asked for."""


def options_of(verb: type[Verb]) -> dict[str, Option]:
    """By key, in the order of the table."""
    return {name if one.kind else f"--{name}": one for name, one in _declared(verb, Option)}


def places_of(verb: type[Verb]) -> dict[str, Positional]:
    """By field."""
    return dict(_declared(verb, Positional))


def config_keys_of(verb: type[Verb]) -> dict[str, ConfigKey]:
    """By name."""
    return {key.name: key for _, keys in _declared(verb, tuple) for key in keys}


def _field(declared: object, **default: Any) -> Any:
    return field(metadata={"declared": declared}, **default)


def _declared(verb: type[Verb], kind: type[_T]) -> list[tuple[str, _T]]:
    """The fields of that kind, in the order of the class."""
    found = [(one.name, one.metadata["declared"]) for one in fields(verb)]  # type: ignore[arg-type]
    return [(name, declared) for name, declared in found if isinstance(declared, kind)]


def _text(default: object) -> str:
    """As it would be typed."""
    if isinstance(default, tuple):
        return ",".join(map(_text, default))
    return str(default).lower() if isinstance(default, bool) else "" if default in (None, MISSING) else str(default)
