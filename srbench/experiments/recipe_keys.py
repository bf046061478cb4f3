"""The keys of a recipe: what is said there changes a stage, or nobody reads it."""

import copy
import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import yaml

from srbench.core.errors import UserError
from srbench.core.paths import conf_folder
from srbench.core.suggest import did_you_mean
from srbench.experiments.component import TARGET
from srbench.experiments.store.overrides import parse_override

LENGTHS = ("quick", "full")
OTHER = "something else"


def refuse_unread_words(config: Any, words: Sequence[str], changes: Callable[[Any], bool]) -> None:
    """Raises UserError for a key of the recipe, set by one of `words`, that nothing reads. `config`: not resolved;
    `changes`: whether a run of a config has other stages than the run of this one, or cannot be made."""
    for word in words:
        group, *path = parse_override(word).key.replace("/", ".").split(".")
        of_another_length = len(path) > 3 and path[2] in LENGTHS  # which budget= chooses: the word holds for both
        if group != "recipe" or not path or word.startswith("~") or of_another_length:
            continue
        changed = copy.deepcopy(config)
        if _replace(changed[group], path) and not changes(changed):
            raise UserError(_not_read(".".join(path), _read(config[group])))


def refuse_unread_files(recipe: Any) -> None:
    """Raises UserError for a key at the top of the recipe, set by a file of the user's, that nothing reads: neither a
    stage, which takes what it leaves out from there, nor an interpolation. `recipe`: not resolved."""
    if not isinstance(recipe, dict):
        return
    read = _read(recipe)
    for key, value in recipe.items():
        if key not in read and value not in _of_shipped().get(key, []):
            raise UserError(_not_read(str(key), read))


def _replace(node: Any, path: Sequence[str]) -> bool:
    """Puts something else there; False where there is nothing, as where an interpolation stands above."""
    *above, last = path
    for key in above:
        node = node.get(key) if isinstance(node, dict) else None
    if not isinstance(node, dict) or last not in node:
        return False
    node[last] = OTHER
    return True


def _not_read(key: str, read: set[str]) -> str:
    return f"recipe.{key}: no such key that a stage reads{did_you_mean(key, read)}"


def _read(recipe: dict[str, Any]) -> set[str]:
    """The keys at the top of the recipe that somebody reads."""
    stages = recipe.get("stages")
    nodes = [node for node in stages.values() if isinstance(node, dict)] if isinstance(stages, dict) else []
    shared = {key for node in nodes for key, own in node.items() if isinstance(own, dict) and TARGET not in own}
    return {"stages", *re.findall(r"\$\{recipe\.(\w+)", str(recipe)), *(key for key in shared if key in recipe)}


@cache
def _of_shipped() -> dict[str, list[Any]]:
    """The values of the keys of srbench's own recipes: one that builds on them need not read all."""
    found: dict[str, list[Any]] = {}
    for file in (conf_folder() / "recipe").rglob("*.yaml"):
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        group = file.parent.name
        for key, value in (content if group == "recipe" else {group: content}).items():
            found.setdefault(key, []).append(value)
    return found
