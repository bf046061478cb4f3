"""The words of a command line as they were meant: a name stays a name, whatever Hydra's grammar would read in it."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from shlex import quote as for_the_shell

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Quote, QuotedString
from hydra.errors import OverrideParseException

from srbench.core.errors import UserError
from srbench.core.paths import conf_folder
from srbench.experiments.messages import hydras_reason
from srbench.experiments.schema import NAMES
from srbench.experiments.store.overrides import parse_override

OWN_CLASS = "model._target_"
WORDS_OF_THE_GRAMMAR = ("true", "false", "null", "inf", "nan")
MARKS = "[]{}'\""  # begin or end what is more than a bare word


def spelled(words: Sequence[str], swept: bool = False) -> list[str]:
    """The words such that Hydra reads in them what was typed: `study=2024_11_26` is no number, `data_root=bilder_für`
    and `checkpoint=epoch=9.ckpt` are values. With `swept`, commas separate values, as in a grid.

    A class of one's own comes with the preset that has no arguments of another class. Words that are spelled already
    stay as they are. Raises UserError for a word that cannot be meant, with how it is quoted.
    """
    parser = OverridesParser.create()
    return with_own_class([_spelled(word, swept, parser) for word in words])


def with_own_class(words: Iterable[str]) -> list[str]:
    """The words, with `model=custom` before them where they name a class but no preset: the arguments of the default
    preset are not those of the user's own class."""
    words = list(words)
    keys = {parse_override(word).key for word in words}
    return ["model=custom", *words] if OWN_CLASS in keys and "model" not in keys else words


def spelled_name(text: str) -> str:
    """`text` as a value in Hydra's grammar that is read as that very text."""
    bare = re.fullmatch(r"[A-Za-z_]\w*", text, re.ASCII) and text.lower() not in WORDS_OF_THE_GRAMMAR
    return text if bare else QuotedString(text, Quote.single).with_quotes()


def _spelled(word: str, swept: bool, parser: OverridesParser) -> str:
    key, equals, text = word.partition("=")
    if not equals:
        if word.startswith("~"):
            return word
        raise UserError(f"{word}: not of the form key=value, as in model=fsrcnn")
    is_name = _is_name(parse_override(word).key)
    try:
        (parsed,) = parser.parse_overrides([word])
    except OverrideParseException as error:
        if _is_key(key, parser) and _is_text(text, is_name, swept):
            return f"{key}={_names(text, swept)}"
        raise UserError(_hint(word, key, text, error)) from error
    value = parsed.value()
    if isinstance(value, ChoiceSweep) and not swept and value.simple_form:
        raise UserError(
            f"{word}: commas separate the values of a grid; add -m, or quote it as one value: {_quoted(key, text)}"
        )
    swept_lists = isinstance(value, ChoiceSweep) and any(isinstance(one, list) for one in value.list)
    several = value.list if isinstance(value, ChoiceSweep) else value if isinstance(value, list) else [value]
    is_read = swept_lists or not any(isinstance(one, bool | int | float) for one in several)
    return word if not is_name or is_read else f"{key}={_names(text, swept)}"


def _is_text(text: str, is_name: bool, swept: bool) -> bool:
    """Whether what the grammar cannot read can only have been meant as it stands."""
    if not is_name or (swept and "," in text):
        return bool(text) and not any(mark in text for mark in MARKS)
    return text[:1] not in ("", "'", '"', "{") and (text[0] != "[" or text[-1] == "]")


def _names(text: str, swept: bool) -> str:
    """One name or several, each spelled; what is quoted already stays."""
    if text.startswith("[") and text.endswith("]"):
        return f"[{_names(text[1:-1], swept=True)}]"
    names = text.split(",") if swept else [text]
    return ",".join(one if one[:1] in ("'", '"') else spelled_name(one) for one in names)


def _is_name(key: str) -> bool:
    """Whether what the key takes is a name or a place: a group of the config chooses by name, too."""
    folders = (conf_folder(), Path("conf"))
    return key in NAMES or "/" in key or (key != "hydra" and any((folder / key).is_dir() for folder in folders))


def _is_key(key: str, parser: OverridesParser) -> bool:
    try:
        parser.parse_overrides([f"{key}=1"])
    except OverrideParseException:
        return False
    return True


def _hint(word: str, key: str, text: str, error: Exception) -> str:
    reason = hydras_reason(error)
    if not text or text[0] in ("'", '"') or not re.fullmatch(r"[~+]*[\w.@/$-]+", key, re.ASCII):
        return f"{word}: not of the form key=value: {reason}"
    return f"{word}: Hydra cannot read it: {reason}; if it is a name or a path, quote it: {_quoted(key, text)}"


def _quoted(key: str, text: str) -> str:
    """For a shell."""
    return for_the_shell(f"{key}={QuotedString(text, Quote.double).with_quotes()}")
