"""Code of the user's that a run is made of: edited, it gives other results by the same config."""

import hashlib
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from srbench.core.paths import PACKAGE
from srbench.experiments.component import TARGET, RefusedError, imported
from srbench.experiments.spec import RunSpec
from srbench.experiments.store.record import Record

PYTHONS = tuple(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib"))


def own_code(run: RunSpec) -> dict[str, str]:
    """By the place of each class of the run that neither srbench nor an installed package brings, the SHA-256, its
    first 12 digits in hex, of its module's file and of those of the user's that it takes names from."""
    return _codes(run.config)


def code_of_network(run: RunSpec) -> dict[str, str]:
    """As `own_code`, of the classes that the network is made of."""
    return _codes(run.config["model"])


def _codes(config: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for target in dict.fromkeys(_targets(config)):
        with suppress(RefusedError):  # the run says it in its own words
            files = _files(sys.modules.get(imported(target).__module__), {})
            if files:
                content = b"".join(hashlib.sha256(file.read_bytes()).digest() for file in sorted(files.values()))
                found[target] = hashlib.sha256(content).hexdigest()[:12]
    return found


def changed_since(codes: Mapping[str, str], record: Record) -> list[str]:
    """The places of those classes, of a run's own, whose code is another than the one that the run was trained with."""
    return [name for name, code in codes.items() if record.own_code.get(name, code) != code]


def _targets(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get(TARGET), str):
            yield node[TARGET]
        for value in node.values():
            yield from _targets(value)
    elif isinstance(node, list):
        for value in node:
            yield from _targets(value)


def _files(module: ModuleType | None, known: dict[str, Path]) -> dict[str, Path]:
    """Added to those that are `known`, by the names of their modules: the file of a module of the user's, and of those
    that its names come from."""
    name = getattr(module, "__name__", "")
    file = getattr(module, "__file__", None)
    if module is None or name in known or not file or not file.endswith(".py") or _is_installed(name, Path(file)):
        return known
    known[name] = Path(file)
    for value in list(vars(module).values()):
        with suppress(Exception):  # whatever an object of somebody's does when it is asked for an attribute
            whence = value if isinstance(value, ModuleType) else sys.modules.get(str(value.__module__))
            _files(whence, known)
    return known


def _is_installed(name: str, file: Path) -> bool:
    """Whether a module is Python's, srbench's, or lies in a folder that packages are installed into; or nowhere."""
    whole = file.resolve()
    if not whole.is_file() or any(whole.is_relative_to(folder) for folder in (PACKAGE.resolve(), *PYTHONS)):
        return True
    depth = name.count(".") + (whole.name == "__init__.py")
    return _holds_packages(whole.parents[min(depth, len(whole.parents) - 1)])


@cache
def _holds_packages(folder: Path) -> bool:
    """Whether it is a folder that pip installs into: site-packages, or whatever --target was."""
    return next(folder.glob("*.dist-info"), None) is not None
