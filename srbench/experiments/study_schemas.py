"""JSON Schemas of the files of ablations and sweeps."""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from types import MappingProxyType

from srbench.core.paths import conf_folder
from srbench.experiments.ablations import ABLATION_KEYS, APPLIES_KEYS, SWEEP_KEYS
from srbench.experiments.claim_files import OF_CLAIM
from srbench.experiments.constructor_schemas import PACKAGE, argument_values, shipped_targets
from srbench.experiments.key_schemas import crops_value, key_value
from srbench.experiments.published_files import KEYS as PUBLISHED_KEYS
from srbench.experiments.schema import GROUPS, Keys, key_fields
from srbench.experiments.schema_parts import Schema, object_of
from srbench.experiments.store.codec import json_schema
from srbench.experiments.store.stated_claims import StatedClaim, StatedComparison
from srbench.experiments.zipped_keys import ZIP

ANY_NAME: Schema = {"type": ["string", "number", "boolean"]}  # YAML reads off as false, and 1e3 as a number
ANY_NAMES: Schema = {"type": "array", "items": ANY_NAME, "minItems": 2}
OVERRIDES: Schema = {"$ref": "#/definitions/overrides"}


def ablation_schema() -> Schema:
    """A file of conf/ablation."""
    classes = {target.__name__: target for name, target in shipped_targets() if name.startswith(f"{PACKAGE}models.")}
    applies = {
        "type": "object",
        "properties": {name: _applies(argument_values(target)) for name, target in sorted(classes.items())},
        "additionalProperties": _applies(),
    }
    known = _texts(("title", "question", "source")) | {"applies_to": applies, "claims": _claims()}
    assert known.keys() == set(ABLATION_KEYS)
    return object_of(known, ["applies_to"])


def _applies(arguments: Mapping[str, Schema] = MappingProxyType({})) -> Schema:
    factors = {"allOf": [OVERRIDES, {"properties": {f"model.{name}": value for name, value in arguments.items()}}]}
    known = {"baseline": ANY_NAME, "variants": {"type": "object", "additionalProperties": factors}}
    assert known.keys() == set(APPLIES_KEYS)
    return object_of(known, APPLIES_KEYS)


def sweep_schema() -> Schema:
    """A file of sweeps."""
    known = {
        **_texts(("title", "question", "source")),
        "overrides": {"$ref": "#/definitions/swept_overrides"},
        "runs": {"type": "object", "additionalProperties": OVERRIDES},
        "baseline": {"anyOf": [ANY_NAME, {"type": "null"}]},
        "at_hand": {"type": "boolean"},
        "claims": _claims(),
        "published": _published(),
    }
    assert known.keys() == set(SWEEP_KEYS)
    return object_of(known)


def _texts(names: Iterable[str]) -> dict[str, Schema]:
    return {name: {"type": "string"} for name in names}


def overrides_schema() -> Schema:
    """Keys of a run, each with a value."""
    groups = "|".join((*GROUPS, "hydra"))
    return object_of(_override_values()) | {"patternProperties": {rf"^[+~]*({groups})[./@].+$": {}}}


def _override_values() -> dict[str, Schema]:
    typed = {key: key_value(key, entry) for key, entry in key_fields(Keys) if key not in (ZIP, "labels")}
    return typed | {"report.crops": crops_value()} | {group: _choice(group) for group in (*GROUPS, "budget")}


def _choice(group: str) -> Schema:
    """Of one of the group's options; users have others besides, in ./conf."""
    shipped = sorted(file.stem for file in (conf_folder() / group).glob("*.yaml"))
    return {"anyOf": [{"enum": shipped}, {"type": "string"}]}


def swept_overrides_schema() -> Schema:
    """The same where a list is one of values, and where keys are that only a grid has."""
    lists = {key: {"anyOf": [value, {"type": "array", "items": value}]} for key, value in _override_values().items()}
    keys = {"type": "array", "items": {"type": "string"}, "minItems": 2}
    zipped = {"anyOf": [{"type": "null"}, keys, {"type": "array", "items": keys}]}
    ablations = {"type": ["string", "array"], "items": {"type": "string"}}
    return overrides_schema() | {"properties": {**lists, ZIP: zipped, "ablation": ablations}}


def _claims() -> Schema:
    comparison = _of_class(StatedComparison)
    decides = {"type": "array", "items": comparison, "minItems": 1}
    claim = _of_class(StatedClaim)
    properties = {name: claim["properties"][name] for name in OF_CLAIM} | {"decides": decides}
    return {"type": "object", "additionalProperties": object_of(properties, OF_CLAIM)}


def _of_class(kind: type) -> Schema:
    """What a file says of a frozen dataclass that has no others in it."""
    properties = json_schema(kind)["$defs"][kind.__name__]["properties"]
    needed = [one.name for one in fields(kind) if one.default is MISSING]
    return object_of({name: ANY_NAMES if name == "rows" else schema for name, schema in properties.items()}, needed)


def _published() -> Schema:
    run = {
        "type": "object",
        "properties": {"note": {"type": "string"}},
        "additionalProperties": {"anyOf": [{"type": "number"}, {"const": "inf"}]},
    }
    known = _texts(("source", "curves")) | {"runs": {"type": "object", "additionalProperties": run}}
    assert known.keys() == set(PUBLISHED_KEYS)
    return object_of(known, ["source"])
