"""JSON Schemas (draft 7, which editors read) of the YAML that users write: made from the keys, the constructors that
configs name, and the values that sweeps and ablations become.

A schema refuses a key that is none, and a value of a type that its key never has; what depends on other keys is told
when the command is given.
"""

from collections.abc import Callable, Iterator
from typing import Any

from srbench.experiments.constructor_schemas import node_schema, recipe_schema, stage_schema
from srbench.experiments.key_schemas import crops_value, key_value, keys_of_group
from srbench.experiments.schema import GROUPS, BudgetKeys, EvalKeys, Keys, key_fields
from srbench.experiments.schema_parts import DEFAULTS, NODE, RECIPE, Schema, object_of
from srbench.experiments.study_schemas import (
    ablation_schema,
    overrides_schema,
    sweep_schema,
    swept_overrides_schema,
)

DRAFT = "http://json-schema.org/draft-07/schema#"
DEFINITIONS: dict[str, Callable[[], Schema]] = {
    "node": node_schema,
    "stage": stage_schema,
    "recipe": recipe_schema,
    "overrides": overrides_schema,
    "swept_overrides": swept_overrides_schema,
}


def editor_schemas() -> dict[str, Schema]:
    """By what the files are: a `config`, an `option` of its groups, two of which have more to them (`recipe`,
    `budget`), an `ablation`, and a `sweep`."""
    found = {
        "config": ("A config of srbench: conf/config.yaml, or a run's config.yaml", _config()),
        "option": ("An option of srbench's config: conf/model/NAME.yaml and so on", NODE),
        "recipe": ("A recipe of srbench: conf/recipe/NAME.yaml", RECIPE),
        "budget": (
            "A budget of srbench: conf/budget/NAME.yaml",
            keys_of_group(BudgetKeys, "budget.") | {"type": "object"},
        ),
        "ablation": ("An ablation of srbench: conf/ablation/NAME.yaml", ablation_schema()),
        "sweep": ("A saved study of srbench: sweeps/NAME.yaml", sweep_schema()),
    }
    return {name: _whole(title, schema) for name, (title, schema) in found.items()}


def _whole(title: str, root: Schema) -> Schema:
    """With the definitions that it refers to, directly or by another."""
    needed: dict[str, Schema] = {}
    while more := {name for part in (root, *needed.values()) for name in _referred(part)} - needed.keys():
        needed |= {name: DEFINITIONS[name]() for name in more}
    definitions = {"definitions": dict(sorted(needed.items()))} if needed else {}
    return {"$schema": DRAFT, "title": title, "type": "object", "allOf": [root], **definitions}


def _referred(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "$ref":
                yield value.rpartition("/")[2]
            else:
                yield from _referred(value)
    elif isinstance(part, list):
        for entry in part:
            yield from _referred(entry)


def _config() -> Schema:
    groups = dict.fromkeys(GROUPS, NODE)
    rest = {
        "recipe": RECIPE,
        "budget": keys_of_group(BudgetKeys, "budget."),
        "eval": keys_of_group(EvalKeys, "eval."),
        "report": object_of({"crops": crops_value()}),
        "ablation": {},
        "sweep": {},
        "labels": {"type": "array"},
        "defaults": DEFAULTS,
        "hydra": {"type": "object"},
    }
    return object_of({**_values(), **groups, **rest})


def _values() -> dict[str, Schema]:
    """Those at the top, without groups."""
    return {key: key_value(key, entry) for key, entry in key_fields(Keys) if "." not in key and key != "labels"}
