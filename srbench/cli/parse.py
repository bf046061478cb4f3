"""The words of a command line as what a verb is told, in typed values, or as one line on what is wrong with them."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from srbench.cli.arguments import Verb, config_keys_of, options_of, places_of
from srbench.cli.values import Kind
from srbench.core.errors import UserError
from srbench.core.suggest import did_you_mean

_V = TypeVar("_V", bound=Verb)


def parse(verb: type[_V], words: Iterable[str]) -> _V:
    """What the words after the verb ask for. Raises UserError for a word that the verb does not take, with the nearest
    that it does, for a value that is none, and for what is missing."""
    options, config_keys = options_of(verb), config_keys_of(verb)
    given: dict[str, str] = {}
    for_config: list[tuple[str, str]] = []
    positional: list[str] = []
    for word in words:
        key, equals, text = word.partition("=")
        handed_on = next((known for known in config_keys.values() if known.takes(word)), None)
        if key in options and bool(equals) == bool(options[key].kind):
            given[key] = text
        elif handed_on:
            for_config.append((handed_on.name, f"{handed_on.group}{word}"))
        elif _is_place(word):
            positional.append(word)
        else:
            names = [*options, *config_keys]
            raise mistake(verb, f"{key}{equals}: no such option{did_you_mean(key, names)}")
    placed = _placed(verb, positional)
    given = {key: text for key, text in given.items() if text or not options[key].kind}
    _check_keys(verb, [*given, *(name for name, _ in for_config)])
    values = {key.lstrip("-"): _read(verb, key, options[key].kind, text) for key, text in given.items()}
    if config_keys:
        values["config"] = tuple(word for _, word in for_config)
    return verb(**values, **placed)


def mistake(verb: type[Verb], what: str) -> UserError:
    """One line: the verb, what is wrong, and how to see the usage."""
    return UserError(f"{verb.about.name}: {what}; see: python -m srbench {verb.about.name} --help")


def _check_keys(verb: type[Verb], keys: Sequence[str]) -> None:
    """Raises UserError for options that do not go together, and where one is missing."""
    form = _form(verb, keys)
    with_it = f" with {form}=" if form else ""
    needed = [key for key, one in (options_of(verb) | config_keys_of(verb)).items() if one.required]
    for key in (*needed, *(verb.about.forms[form].needs if verb.about.forms else ())):
        if key not in keys:
            raise mistake(verb, f"{key}=: must be given{with_it}")


def _form(verb: type[Verb], keys: Sequence[str]) -> str:
    """The form of the verb that the options choose. UserError for two of them, and for options of another."""
    forms = verb.about.forms
    chosen = [key for key in forms if key in keys]
    if len(chosen) > 1:
        raise mistake(verb, f"{chosen[0]}= and {chosen[1]}= are made one at a time")
    form = chosen[0] if chosen else ""
    for key in keys:
        homes = [home for home, one in forms.items() if key in (*one.needs, *one.takes)]
        if homes and form not in homes:
            others = " or ".join(f"{home}=" for home in homes)
            raise mistake(verb, f"{key}= does not go with {form}=" if form else f"{key}= goes with {others} only")
    return form


def _placed(verb: type[Verb], words: Sequence[str]) -> dict[str, object]:
    """The positional words by field. UserError for too few and too many."""
    declared = places_of(verb)
    several = any(one.several for one in declared.values())
    needed_ones = [one.name for one in declared.values() if one.default is None]
    if len(words) < len(needed_ones) or (len(words) > len(declared) and not several):
        named = " and ".join(needed_ones) or "no place"
        shown = f" ({', '.join(words)})" if words else ""
        needed = f"{named} {'are' if len(needed_ones) > 1 else 'is'} needed"
        raise mistake(verb, f"{needed}, not {len(words)} place{'s' if len(words) != 1 else ''}{shown}")
    values: dict[str, object] = {}
    for at, (name, one) in enumerate(declared.items()):
        read = [_read(verb, one.name, one.kind, word) for word in (words[at:] if one.several else words[at : at + 1])]
        if read:
            values[name] = tuple(read) if one.several else read[0]
    return values


def _read(verb: type[Verb], key: str, kind: Kind[object] | None, text: str) -> object:
    try:
        return kind.read(text) if kind else True
    except ValueError as error:
        raise mistake(verb, f"{key}={text}: {error}") from None


def _is_place(word: str) -> bool:
    """`runs/x=1` is one, and `a=1.png` where there is such a file."""
    key, equals, _ = word.partition("=")
    is_option = word.startswith("-") or (equals and key.isidentifier())
    return not is_option or os.access(Path(word).expanduser(), os.F_OK)
