"""The runs of a study as flat rows, the columns of `Study.runs`, each from its plan and its files."""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

IDENTITY = [
    "run",
    "model",
    "class",
    "variant",
    "scale",
    "seed",
    "config_hash",
    "overrides",
    "memberships",
    "status",
    "error",
]
COST = ["params", "params_frozen", "params_dead", "flops_720p", "flops_256", "activations_720p", "activations_256"]
COST += ["peak_memory_mb"]
LATENCY = ["latency_ms", "latency_height", "latency_width", "latency_threads", "latency_device"]
TRAIN = ["train_steps", "train_steps_per_second", "train_data_wait", "train_final_loss"]
SETTING = ["protocol", "resizer", "checksums", "device", "threads", "precision", "srbench", "git", "versions"]
SETTING += ["seconds", "missing", "lr_made_by", "tiled"]

WITHOUT_STEPS = ("file", "matlab-symmetric")  # what LR is where `data.degradation` says nothing


def study_rows(study_dir: Path, planned: dict[str, dict]) -> Iterator[dict]:
    """One of each planned run (folder: entry of study.json), in that order, then of each that lies there unplanned."""
    found = sorted(path.parent.name for path in study_dir.glob("*/result.json"))
    for name in [*planned, *(name for name in found if name not in planned)]:
        plan = planned.get(name, {})
        outcome = _outcome(study_dir / name)
        fixed = {key: plan[key] for key in IDENTITY if key in plan}
        row = {"params": plan.get("params"), **_from_name(name), **outcome, **fixed, "run": name}
        yield row | {"variant": row.get("variant") or "default", "degradation": _degradation(row)}


def _from_name(folder: str) -> dict:
    """What the folder's name tells about a run that neither the plan nor a readable record tells more about."""
    parts = re.fullmatch(r"(.+)-x(\d+)-s(\d+)-[0-9a-f]+", folder)
    known = {"model": parts[1], "scale": int(parts[2]), "seed": int(parts[3])} if parts else {"model": folder}
    by_set: dict[str, dict] = {key: {} for key in ("missing", "evaluated_on", "lr", "lr_made_by", "checksums")}
    return {"overrides": [], "memberships": [], "tiled": []} | by_set | known


def _outcome(folder: Path) -> dict:
    """The run's record as flat columns. Not written yet: `missing`; not readable: `failed`; each with the reason."""
    try:
        flat = _flat(json.loads((folder / "result.json").read_bytes()))
        return flat | _evaluated_on(folder / "scores.csv", flat["lr_made_by"])
    except FileNotFoundError:
        return {"status": "missing", "error": "begun, not finished" if folder.is_dir() else "not run yet"}
    except (OSError, AttributeError, KeyError, TypeError, ValueError, csv.Error) as error:
        return {"status": "failed", "error": f"result.json cannot be read ({type(error).__name__}: {error})"}


def _flat(record: dict) -> dict:
    if record["status"] not in ("done", "failed"):
        raise ValueError(f"status {record['status']!r}")
    cost, train = record.get("cost") or {}, record.get("train") or {}
    train = {f"train_{key}": value for key, value in train.items()}
    scores = {
        f"{dataset}.{metric}": value
        for dataset, metrics in (record.get("scores") or {}).items()
        for metric, value in metrics.items()
    }
    numbers = {key: cost.get(key) for key in COST} | {key: train.get(key) for key in TRAIN} | scores
    known = {key: float(value) for key, value in numbers.items() if value is not None}
    return _identity(record) | _setting(record) | _latency(record.get("latency") or []) | known


def _identity(record: dict) -> dict:
    named = {key: record[key] for key in ("model", "variant", "config_hash", "overrides") if key in record}
    whole = {key: int(record[key]) for key in ("scale", "seed") if key in record}
    memberships = [
        {key: entry[key] for key in ("ablation", "variant", "baseline")} for entry in record.get("memberships", [])
    ]
    outcome = {"status": record["status"], "error": str(record.get("error") or "")}
    return named | whole | {"memberships": memberships} | outcome


def _setting(record: dict) -> dict:
    setting = {key: record[key] for key in SETTING if key in record}
    inference = record.get("inference") or {}
    if protocol := record.get("protocol"):
        ensemble = ", self-ensemble ×8" if inference.get("self_ensemble") else ""
        setting["protocol"] = f"{protocol['name']} ({protocol['channels']}, border {protocol['border']}){ensemble}"
    versions = dict(record.get("versions") or {})
    setting["srbench"] = versions.pop("srbench", None)
    setting["versions"] = ", ".join(f"{name} {version}" for name, version in versions.items()) or None
    setting["tiled"] = list(inference.get("tiled") or [])
    return setting | {key: dict(record.get(key) or {}) for key in ("checksums", "missing", "lr_made_by")}


def _evaluated_on(scores: Path, made_by: dict[str, str]) -> dict:
    """What a run was scored on: `resizer`, `evaluated_on` and `lr`, as in Study; nothing without scores."""
    if not scores.is_file():
        return {}
    with scores.open(newline="", encoding="utf-8", errors="replace") as file:
        lines = csv.reader(file)
        header = next(lines, [])
        if not {"dataset", "resizer"} <= set(header):
            return {}
        dataset, resizer = header.index("dataset"), header.index("resizer")
        counts = Counter((line[dataset], line[resizer]) for line in lines if len(line) == len(header))
    on: dict[str, list[str]] = {}
    lr: dict[str, list[str]] = {}
    for (name, maker), count in counts.items():
        on.setdefault(name, []).append(f"{count} images (LR: {maker})")
        recognised = f" by {made_by[name]}" if name in made_by and maker.startswith("file") else ""
        lr.setdefault(name, []).append(f"file{recognised}{maker[4:]}" if recognised else maker)
    resizers = ", ".join(dict.fromkeys(maker for _, maker in counts))
    told = {"evaluated_on": on, "lr": lr}
    joined = {key: {name: " and ".join(parts) for name, parts in sets.items()} for key, sets in told.items()}
    return {"resizer": resizers or None, **joined}


def _degradation(row: dict) -> str:
    """What was done to LR beyond the plain shrinking, "" for nothing: "noise σ=0.1", "pil-bicubic + jpeg q=40".

    Of a run without scores it is what the overrides say: "noise".
    """
    words = (override.lstrip("+").partition("=")[::2] for override in row["overrides"])
    given = dict(words).get("data.degradation", "")
    asked = "" if given in ("null", "[]") else given
    makers = str(row.get("resizer") or asked).split(", ") if row["status"] == "done" else [asked]
    plain = () if asked else WITHOUT_STEPS  # whoever asks for a resizer means it, be it the usual one
    steps = (maker for maker in makers if maker not in (*plain, "file"))
    found = (re.sub(rf"^({'|'.join(WITHOUT_STEPS)}) \+ ", "", maker) for maker in steps)
    return " and ".join(dict.fromkeys(found))


def _latency(entries: list[dict]) -> dict:
    single = [entry for entry in entries if entry["batch"] == 1]
    if not single:
        return {}
    largest = max(single, key=lambda entry: entry["height"])
    where = {f"latency_{key}": largest.get(key) for key in ("height", "width", "threads", "device")}
    return {"latency_ms": float(largest["median_ms"]), **where}
