"""The command `python -m srbench data list | get | check | prepare`."""

from pathlib import Path

from srbench.data.usage import CHECK, GET, LIST, PREPARE, usage
from srbench.errors import UserError
from srbench.locations import default_places
from srbench.suggest import did_you_mean
from srbench.words import parsed


def data(words: list[str]) -> None:
    """Runs the verb that comes first. UserError for another one, or none."""
    if not words or words[0] in ("--help", "-h"):
        print(usage(LIST, GET, CHECK, PREPARE))
        return
    verbs = {"list": _list, "get": _get, "check": _check, "prepare": _prepare}
    if words[0] not in verbs:
        raise UserError(f"data {words[0]}: no such command{did_you_mean(words[0], verbs)}")
    verbs[words[0]](words[1:])


def _list(words: list[str]) -> None:
    from srbench.data.listing import markdown, table

    if words == ["--markdown"]:
        print(markdown(), end="")
        return
    _, options = parsed(LIST, words, 0, default_places())
    print(table(Path(options["data_root"]).expanduser(), options["weights_dir"]))


def _get(words: list[str]) -> None:
    from srbench.data.fetching import get

    (name,), options = parsed(GET, words, 1, default_places())
    get(name, Path(options["data_root"]).expanduser(), options["weights_dir"])


def _check(words: list[str]) -> None:
    from srbench.data.check import check

    check(words)


def _prepare(words: list[str]) -> None:
    from srbench.data.prepare import prepare

    prepare(words)
