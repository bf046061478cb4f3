"""The keys at the top of a recipe: each is there for a stage to read, or nobody reads it."""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import yaml

from srbench.core.errors import UserError
from srbench.core.paths import conf_folder
from srbench.core.suggest import did_you_mean
from srbench.experiments.store.overrides import parse_override


def refuse_unread(recipe: Any, words: Sequence[str]) -> None:
    """Raises UserError for a key of the recipe, set by one of `words` or by a file of the user's, that nothing reads:
    neither a stage, which takes what it leaves out from there, nor an interpolation. `recipe`: not resolved."""
    if not isinstance(recipe, dict):
        return
    stages = recipe.get("stages")
    read = {"stages", *re.findall(r"\$\{recipe\.(\w+)", str(recipe))}
    read |= {str(key) for node in (stages.values() if isinstance(stages, dict) else ()) for key in _keys(node)}
    for word in words:
        group, key, *_ = [*parse_override(word).key.replace("/", ".").split("."), ""]
        if group == "recipe" and key and key not in read and not word.startswith("~"):
            raise UserError(f"recipe.{key}: no such key that a stage reads{did_you_mean(key, read)}")
    for key in recipe:
        if key not in read | _of_shipped():
            raise UserError(f"recipe.{key}: no such key that a stage reads{did_you_mean(str(key), read)}")


def _keys(node: Any) -> list[Any]:
    return list(node) if isinstance(node, dict) else []


@cache
def _of_shipped() -> set[str]:
    """Those of srbench's own recipes: one that builds on them need not read all."""
    folder = conf_folder() / "recipe"
    groups = {path.name for path in folder.iterdir() if path.is_dir()}
    return groups | {key for file in folder.glob("*.yaml") for key in yaml.safe_load(file.read_text(encoding="utf-8"))}
