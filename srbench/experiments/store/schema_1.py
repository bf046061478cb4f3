"""Records of schema 1, before 2026-11-26: protocol, resizer and degradation were text, fingerprints did not exist."""

from typing import Any

from srbench.experiments.store.codec import FormatError

TRAINED = ("steps", "steps_per_second", "data_wait", "final_loss")
WITHOUT_TILES = {"tile": "auto", "overlap": 64, "self_ensemble": False, "memory_gb": 2.0}


def of_schema_1(content: Any) -> dict[str, Any]:
    """The same as JSON of the present schema. FormatError for what is no such record.

    What was not recorded is null. LR degraded by `data.degradation` was text, and is not carried over.
    """
    if not isinstance(content, dict):
        raise FormatError("an object is needed")
    try:
        return {**content, **_changed(content)}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise FormatError(f"no record of schema 1: {type(error).__name__} {error}") from error


def _changed(old: dict[str, Any]) -> dict[str, Any]:
    sets = list(old.get("scores") or {})
    train = {key: old["train"][key] for key in TRAINED if key in (old.get("train") or {})}
    return {
        "schema": 2,
        "class": old.get("class", ""),
        "train": train | {"steps": int(train.get("steps", 0))},
        "cost": old.get("cost") or None,
        "latency": [{"memory_format": "channels_last", **entry} for entry in old.get("latency") or []],
        "scores": old.get("scores") or {},
        "certificates": {name: _certificate(old, name) for name in sets},
        "missing": [{"what": k, "kind": "unknown", "reason": v} for k, v in (old.get("missing") or {}).items()],
        "fingerprints": {},
    }


def _certificate(old: dict[str, Any], dataset: str) -> dict[str, Any]:
    sums, maker = (old.get(key, {}).get(dataset) for key in ("checksums", "lr_made_by"))
    inference = dict(old.get("inference") or WITHOUT_TILES)
    tiled = dataset in inference.pop("tiled", [])
    files = maker is not None or "lr" in (sums or {})
    names = [name for name in str(maker or "").removesuffix(" and others").split(" or ") if name not in ("", "unknown")]
    return {
        "protocol": old["protocol"],
        "lr": {"files": files, "recognised": names if maker else None, "mixed": str(maker).endswith(" and others")},
        "images": 0,
        "hr_sha256": (sums or {}).get("hr"),
        "lr_sha256": (sums or {}).get("lr"),
        "weights_sha256": None,
        "inference": inference,
        "tiled": tiled,
    }
