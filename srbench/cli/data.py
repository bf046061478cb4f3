"""The command `python -m srbench data list | get | check | prepare`."""

import re
from pathlib import Path

from srbench.cli.arguments import parsed
from srbench.cli.usage import CHECK, GET, LIST, PREPARE, usage
from srbench.core.errors import UserError
from srbench.core.paths import default_places, weights_folders
from srbench.core.suggest import did_you_mean


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
    from srbench.cli.listing import markdown, table

    if words == ["--markdown"]:
        print(markdown(), end="")
        return
    _, options = parsed(LIST, words, 0, default_places())
    print(table(Path(options["data_root"]).expanduser(), options["weights_dir"]))


def _get(words: list[str]) -> None:
    (name,), options = parsed(GET, words, 1, default_places())
    get(name, Path(options["data_root"]).expanduser(), options["weights_dir"])


def get(name: str, data_root: Path, weights_dir: str) -> None:
    """Gets the data set or the backbone of that name, without regard to case. UserError where there is none."""
    from srbench.data.catalog.catalog import catalogue
    from srbench.data.catalog.fetch import get as get_set
    from srbench.models.backbones import backbones, get_backbone

    sets, networks, key = catalogue(), backbones(), name.lower()
    if key in sets:
        get_set(sets[key], data_root)
    elif key in networks:
        get_backbone(networks[key], weights_folders(weights_dir))
    else:
        raise UserError(f"data: {name}: no such data set{did_you_mean(key, [*sets, *networks])}")


def _check(words: list[str]) -> None:
    from srbench.data.check.check import check

    if not check(*_sets(words)):
        raise SystemExit(1)


def _sets(words: list[str]) -> tuple[list[str], Path]:
    if "--help" in words or "-h" in words:
        print(usage(CHECK))
        raise SystemExit(0)
    options = [word for word in words if re.match("[a-z_]+=", word) and not Path(word).exists()]
    names = [word for word in words if word not in options]
    unknown = [word for word in options if not word.startswith("data_root=")]
    if unknown or not names:
        wrong = f"{unknown[0]}: no such option" if unknown else "which set?"
        raise UserError(f"data check: {wrong}; {usage(CHECK)}")
    data_root = options[-1].partition("=")[2] if options else default_places()["data_root"]
    return names, Path(data_root).expanduser()


def _prepare(words: list[str]) -> None:
    from srbench.cli.prepare import prepare

    prepare(words)
