"""What the numbers of a report rest on: commands, protocol, data, machine, versions and conventions."""

from pandas import DataFrame, Series

from srbench.experiments.store.results import Study
from srbench.reports.ranking import FORMULA
from srbench.reports.significance import trained

SETTINGS = ("device", "threads", "srbench", "git", "versions")


def header(table: DataFrame, study: Study) -> list[tuple[str, str]]:
    """What all tables share, as name and value; "not recorded" for what the runs do not tell."""
    done = study.runs[study.runs.status == "done"]
    facts = [("command", command) for command in study.plan.get("commands", [])]
    facts += [(name, _values(done[name])) for name in ("protocol", "resizer")]
    facts += [("data (SHA-256 of the pixels)", _data(done)), *((name, _values(done[name])) for name in SETTINGS)]
    if (by_training := trained(done)).any():
        facts.append(("training precision", _values(done.precision[by_training])))
    facts.append(("evaluation", "float32"))
    facts.append(
        ("params, FLOPs, activations", "trainable; one multiply-add as one; input for a 1280×720 output, or 256×256")
    )
    if done.latency_ms.notna().any():
        seen = done[done.latency_ms.notna()]
        inputs = seen[["latency_height", "latency_width"]].astype("Int64").astype(str).agg("×".join, axis=1)
        where = f"{_values(seen.latency_device)}, threads {_values(seen.latency_threads)}"
        facts.append(("latency", f"median, batch 1, input {_values(inputs)} (height × width), {where}"))
    if "ntire_baseline" in table and len(table):
        facts.append(("NTIRE score", FORMULA.format(table.ntire_baseline.iloc[0])))
    return facts


def _values(column: Series) -> str:
    """The one value; several, each with the number of runs that have it; or that none is recorded."""
    counts = column.dropna().map(lambda value: f"{value:g}" if isinstance(value, float) else str(value)).value_counts()
    if len(counts) < 2:
        return next(iter(counts.index), "not recorded")
    return ", ".join(f"{value} ({count} runs)" for value, count in sorted(counts.items()))


def _data(runs: DataFrame) -> str:
    """By data set the first digits of its checksums: HR's, and those of LR files for each scale with the resizer that
    was recognised in them; two where runs had other images."""
    found: dict[str, dict[str, None]] = {}
    for scale, checksums, makers in zip(runs.scale, runs.checksums, runs.lr_made_by, strict=True):
        for dataset, digests in checksums.items():
            maker = f" by {makers[dataset]}" if dataset in makers else ""
            names = {"hr": "HR {}", "lr": f"LR ×{scale} {{}}{maker}"}
            texts = (names[part].format(digest[:12]) for part, digest in digests.items())
            found.setdefault(dataset, {}).update(dict.fromkeys(texts))
    return "; ".join(f"{dataset} {', '.join(texts)}" for dataset, texts in found.items()) or "not recorded"
