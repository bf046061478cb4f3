"""The help of the verbs, made from their table."""

from collections.abc import Iterable, Iterator
from textwrap import wrap

from srbench.cli.arguments import ConfigKey, Option, Positional, Verb, config_keys_of, options_of, places_of

COMMAND = "python -m srbench"
WIDTH = 110
COLUMN = 26  # where meanings begin


def help_of(verb: type[Verb]) -> str:
    """Its usage, what it does, what each place and option means, and an example."""
    sections = [f"usage: {_usages(verb)}", "\n".join(wrap(verb.about.does, WIDTH))]
    sections.append("\n".join(_line(one.name, _told_place(one)) for one in places_of(verb).values()))
    sections.append(
        "\n".join(_line(_word(key, one), _meaning(verb, key, one)) for key, one in options_of(verb).items())
    )
    keys = [_line(_word(key, one), _meaning(verb, key, one)) for key, one in config_keys_of(verb).items()]
    sections.append("\n".join(["keys of the config, as in a run:", *keys] if keys else []))
    sections.append(f"example: {COMMAND} {verb.about.example}")
    return "\n\n".join(filter(None, sections))


def overview(verbs: Iterable[type[Verb]]) -> str:
    """What each of the verbs does that begin with the same word, and how to see more."""
    names = {verb.about.name: verb for verb in verbs}
    first = next(iter(names)).partition(" ")[0]
    lines = [_line(name.removeprefix(f"{first} "), verb.about.does) for name, verb in names.items()]
    return "\n".join(
        [f"usage: {COMMAND} {first} VERB ...", "", *lines, "", f"what a verb takes: {COMMAND} {first} VERB --help"]
    )


def _usages(verb: type[Verb]) -> str:
    """A paragraph for each form of the verb; all but the first line are indented."""
    indent = " " * 11
    told = [f"{COMMAND} {verb.about.name} {' '.join(_words(verb, form))}" for form in verb.about.forms or [""]]
    return "\n       ".join(
        "\n".join(wrap(one, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False))
        for one in told
    )


def _words(verb: type[Verb], form: str) -> Iterator[str]:
    """Of one form of the verb; what may be left out in brackets."""
    for place in places_of(verb).values():
        name = f"{place.name} ..." if place.several else place.name
        yield name if place.default is None else f"[{name}]"
    forms = verb.about.forms
    elsewhere = {*forms, *(key for one in forms.values() for key in (*one.needs, *one.takes))}
    needs, takes = (forms[form].needs, forms[form].takes) if forms else ((), ())
    for key, one in (options_of(verb) | config_keys_of(verb)).items():
        if one.required or key in (form, *needs):
            yield _word(key, one)
        elif key in takes or key not in elsewhere:
            yield f"[{_word(key, one)}]"


def _told_place(one: Positional) -> str:
    return one.means if one.default is None else f"{one.means} (default: {one.default})"


def _word(key: str, one: Option | ConfigKey) -> str:
    if isinstance(one, ConfigKey):
        return f"{key}={one.shown}"
    return f"{key}={one.kind.shown}" if one.kind else key


def _meaning(verb: type[Verb], key: str, one: Option | ConfigKey) -> str:
    needing = [f"{form}=" for form, told in verb.about.forms.items() if key in told.needs]
    needed = f" (must be given{' with ' if needing else ''}{' and '.join(needing)})" if needing or one.required else ""
    return one.means + (needed or (f" (default: {one.default})" if one.default else ""))


def _line(word: str, means: str) -> str:
    if len(word) > COLUMN - 4:
        return f"  {word}\n{' ' * COLUMN}{means}"
    return f"  {word:<{COLUMN - 2}}{means}"
