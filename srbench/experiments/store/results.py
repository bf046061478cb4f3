"""What a run leaves on disk, and a whole study read back as one DataFrame. Reads files only: no torch, no Hydra.

`study.json`, written before the first run starts (`add_to_plan`):

    {"study": "carn_atrous",
     "commands": ["python -m srbench -m model=carn ablation=atrous"],
     "ablations": {"atrous": {"title": …, "question": …, "source": …, "applies_to": …}},    # the YAML files, whole
     "claims": [], "published": {},
     "runs": {"carn-1-2-1-x2-s0-0a1b2c3d": {                                                # by folder
         "model": "carn", "class": "CARN", "variant": "1-2-1" or null, "scale": 2, "seed": 0,
         "config_hash": "0a1b2c3d…",
         "overrides": ["model=carn", "model.atrous=[1,2,1]"],
         "memberships": [{"ablation": "atrous", "variant": "1-2-1", "baseline": false}],    # [] in no ablation
         "params": 412000 or null}}}

`result.json` is the run's own record: the keys that design.md lists, and `protocol` {name, channels, border},
`inference` {…, tiled: [data sets run in tiles]}, `checksums` {set: {hr, lr}} and `lr_made_by` {set: resizer}. `missing`
may name a metric of one set: {"set5.niqe": reason}.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas import DataFrame

from srbench.core.errors import UserError
from srbench.core.files import write_file
from srbench.experiments.store.rows import COST, IDENTITY, LATENCY, SETTING, TRAIN, study_rows


def write_record(path: Path, record: dict) -> None:
    """Replaces `path` in one step by `record` as JSON, an infinite number (a PSNR) as the string "inf".

    ValueError for NaN: what is missing is absent, with its reason beside it.
    """
    text = json.dumps(spell_infinity(record), indent=2, allow_nan=False, ensure_ascii=False)
    write_file(path, f"{text}\n".encode())


def read_record(folder: Path) -> dict | None:
    """The run's record, result.json, as it stands; None where there is none or none that can be read."""
    try:
        record = json.loads((folder / "result.json").read_bytes())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and "status" in record else None


def spell_infinity(value: Any) -> Any:
    """The same record with "inf" for every infinite number, which JSON cannot hold; `float` reads it back."""
    if isinstance(value, dict):
        return {key: spell_infinity(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [spell_infinity(entry) for entry in value]
    return "inf" if isinstance(value, float) and value == inf else value


def add_to_plan(study_dir: Path, plan: dict) -> None:
    """Adds `plan` (the form above) to the study's; a run that both have is in the ablations of both.

    Where they differ in more, the new plan holds. Nothing of the old one is dropped.
    """
    study_dir.mkdir(parents=True, exist_ok=True)
    path = study_dir / "study.json"
    write_record(path, _merged(_read_plan(path), plan) if path.exists() else plan)


def _merged(old: dict, new: dict) -> dict:
    runs = dict(old["runs"])
    for folder, run in new["runs"].items():
        runs[folder] = _united(runs[folder], run) if folder in runs else run
    return {
        "study": old.get("study", new["study"]),
        "commands": _without_twins([*old.get("commands", []), *new.get("commands", [])]),
        "ablations": {**old.get("ablations", {}), **new.get("ablations", {})},
        "claims": _without_twins([*old.get("claims", []), *new.get("claims", [])]),
        "published": {**old.get("published", {}), **new.get("published", {})},
        "runs": runs,
    }


def _united(old: dict, new: dict) -> dict:
    both = [*old.get("memberships", []), *new.get("memberships", [])]
    memberships = list({(entry["ablation"], entry["variant"]): entry for entry in both}.values())
    # The folder is named after the first variant; a later ablation may know the same run under another name.
    first = {"variant": old.get("variant") or new.get("variant"), "memberships": memberships}
    return {**old, **{key: value for key, value in new.items() if value is not None}, **first}


def _without_twins(entries: list) -> list:
    return [entry for number, entry in enumerate(entries) if entry not in entries[:number]]


def _read_plan(path: Path) -> dict:
    try:
        plan = json.loads(path.read_bytes())
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error}); move it away and repeat the study's commands") from error
    if not isinstance(plan, dict) or not isinstance(plan.get("runs"), dict):
        raise UserError(f"{path}: not the plan of a study (no runs); move it away and repeat the study's commands")
    return plan


@dataclass(frozen=True)
class Study:
    """A study as it stands on disk.

    `runs` has one row per planned run, in the plan's order, then one per run that lies there unplanned. Its columns:
    `run` (the folder's name), `model`, `variant` ("default" for none), `scale`, `seed`, `config_hash`, `overrides` and
    `memberships` (lists), `status` (done, failed or missing), `error` (why not done, else ""); the record's cost and
    setting under their own names, with `resizer` (those of scores.csv: "file, matlab-symmetric"), `srbench` (the
    version) and `versions` (of the rest: "python 3.12.3, torch 2.8.0"); `degradation` (of LR beyond the shrinking:
    "noise σ=0.1", "" for none); by data set, `evaluated_on` ({"set5": "5 images (LR: file)"}), `lr` ({"set5": "file by
    matlab-replicate"}), `lr_made_by` (the resizer recognised in LR files) and `checksums` ({"set5": {"hr": …, "lr":
    …}}); `tiled` (the sets run in tiles); `train_…`; `latency_ms` (median at batch 1 and the largest height) with
    `latency_height`, `latency_width`, `latency_threads`, `latency_device`; and a set's scores as `<dataset>.<metric>`.
    NaN where absent.
    """

    folder: Path
    plan: dict
    runs: DataFrame

    @cached_property
    def scores(self) -> DataFrame:
        """The scores of single images (of `read_scores`), read when first asked for."""
        return read_scores(self)


def read_study(study_dir: Path) -> Study:
    """The study in `study_dir`; a record that cannot be read makes its run a failed one. UserError without a plan."""
    path = study_dir / "study.json"
    if not path.is_file():
        raise UserError(_no_study(study_dir))
    plan = _read_plan(path)
    columns = [*IDENTITY, *COST, *LATENCY, *TRAIN, *SETTING, "degradation", "evaluated_on", "lr"]
    rows = list(study_rows(study_dir, plan["runs"]))
    scores = dict.fromkeys(name for row in rows for name in row if "." in name)
    runs = DataFrame(rows, columns=[*columns, *scores])
    return Study(study_dir, plan, runs.astype({"scale": "Int64", "seed": "Int64"} | dict.fromkeys(COST + TRAIN, float)))


def _no_study(folder: Path) -> str:
    if not folder.is_dir():
        reason = f"{folder}: no such study"
    else:
        reason = f"{folder}: no study.json there (it holds: {_listed(path.name for path in folder.iterdir())})"
    parent = folder.absolute().parent
    return f"{reason}; studies in {folder.parent}: {_listed(path.parent.name for path in parent.glob('*/study.json'))}"


def _listed(names: Iterator[str]) -> str:
    ordered = sorted(names)
    return ", ".join(ordered[:10] + ["…"] * (len(ordered) > 10)) or "none"


def read_losses(study: Study) -> DataFrame:
    """Every logged training step: `run` (categorical), `step`, `epoch`, `loss`; run by run, as in the files.

    A line that was cut off, or holds no number, is left out. A run without losses has no rows.
    """
    files = {run: _lines(study.folder / run / "losses.csv") for run in study.runs.run}
    names = list(files)
    frames = []
    # One parser call for all files of one header is five times as fast as one call a file.
    for header in dict.fromkeys(header for header, body in files.values() if body):
        bodies = {number: body for number, (first, body) in enumerate(files.values()) if first == header and body}
        counts = [body.count(b"\n") for body in bodies.values()]
        codes = np.repeat(np.array(list(bodies), dtype=np.int64), counts)
        run = pd.Categorical.from_codes(codes, categories=pd.Index(names, dtype=str))
        frames.append(_parsed(header, b"".join(bodies.values())).assign(run=run))
    if not frames:
        return DataFrame({"run": pd.Categorical([], categories=names), "step": [], "epoch": [], "loss": []})
    losses = pd.concat(frames).dropna(subset=["step", "epoch"]).sort_values("run", kind="stable", ignore_index=True)
    return losses.astype({"step": "int64"})[["run", "step", "epoch", "loss"]]


def _lines(path: Path) -> tuple[bytes, bytes]:
    """Header and whole lines of a losses.csv; both empty where there is none, or one that has just begun."""
    if not path.is_file():
        return b"", b""
    header, _, rest = path.read_bytes().replace(b"\r", b"").partition(b"\n")
    body = rest[: rest.rfind(b"\n") + 1]
    if not {b"step", b"epoch", b"loss"} <= set(header.split(b",")):
        return b"", b""
    commas = header.count(b",")
    return header, b"".join(line for line in body.splitlines(keepends=True) if line.count(b",") == commas)


def _parsed(header: bytes, body: bytes) -> DataFrame:
    names = header.decode().split(",")
    # Every line must become a row, as the caller counts lines.
    table = pd.read_csv(
        BytesIO(body), names=names, usecols=["step", "epoch", "loss"], skip_blank_lines=False, quoting=3
    )
    return table.apply(pd.to_numeric, errors="coerce")


def read_scores(study: Study) -> DataFrame:
    """The scores of single images of the finished runs in ablations, run by run.

    `run` (categorical), `dataset`, `image`, and a column a metric; NaN where it was not computed.
    """
    names = list(study.runs.run)
    files: dict[bytes, list[bytes]] = {}
    for number, run in enumerate(study.runs[["run", "status", "memberships"]].itertuples(index=False)):
        path = study.folder / str(run.run) / "scores.csv"
        if run.status == "done" and run.memberships and path.is_file():
            header, _, body = path.read_bytes().replace(b"\r", b"").rstrip(b"\n").partition(b"\n")
            cut_off = body.count(b'"') % 2  # within a name in quotation marks
            if body and not cut_off and {b"dataset", b"image"} <= set(header.split(b",")):
                # As in read_losses one parser call serves all files, so each line tells its run.
                lines = b"%d," % number + body.replace(b"\n", b"\n%d," % number) + b"\n"
                files.setdefault(header, []).append(lines)
    frames = [_image_scores(header.decode().split(","), b"".join(bodies), names) for header, bodies in files.items()]
    return pd.concat(frames, ignore_index=True) if frames else DataFrame(columns=["run", "dataset", "image"])


def _image_scores(header: list[str], body: bytes, runs: list[str]) -> DataFrame:
    text = ["dataset", "image", "protocol", "resizer"]
    metrics = [name for name in header if name not in text]
    table = pd.read_csv(
        BytesIO(body),
        names=["number", *header],
        usecols=["number", "dataset", "image", *metrics],
        dtype={"dataset": "category", "image": "category"},
        keep_default_na=False,  # an image may be called NA
        na_values={name: ["", "nan"] for name in metrics},
        on_bad_lines="skip",
        encoding_errors="replace",
    )
    run = pd.Categorical.from_codes(table.number, categories=pd.Index(runs, dtype=str))
    return table[["dataset", "image"]].assign(run=run, **table[metrics].apply(pd.to_numeric, errors="coerce"))
