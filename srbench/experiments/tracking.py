"""What a logger is told of a run: who it is, and its final numbers."""

from srbench.experiments.component import TARGET
from srbench.experiments.spec import RunSpec
from srbench.experiments.store.record import Record
from srbench.experiments.trackers.subject import Subject

LONGEST_TAG = 64  # W&B takes no longer one


def logged_subject(run: RunSpec) -> Subject:
    """Who a run is, before it begins."""
    tags = dict.fromkeys(f"{place.ablation}={place.variant}"[:LONGEST_TAG] for place in run.memberships)
    baseline = ["baseline"] if any(place.baseline for place in run.memberships) else []
    folder = run.folder.absolute()
    logger = {TARGET: run.logger.target, **run.logger.arguments} if run.logger else {TARGET: None}
    return Subject(folder.name, run.places.study, folder, "run", [*tags, *baseline], run.config, logger)


def final_numbers(record: Record) -> dict[str, float]:
    """The record's final numbers, named as by their place in it."""
    found: dict[str, float | None] = {
        f"scores/{dataset}/{metric}": value
        for dataset, means in record.scores.items()
        for metric, value in means.items()
    }
    if record.cost:
        found |= {f"cost/{name}": value for name, value in record.cost.numbers.items()}
    if record.train.steps:
        for name in ("steps", "steps_per_second", "data_wait", "final_loss"):
            found[f"train/{name}"] = getattr(record.train, name)
    for one in record.latency:
        size = f"{one.batch}x{one.height}x{one.width}"
        found |= {f"latency/{size}/{name}": getattr(one, name) for name in ("median_ms", "q10_ms", "q90_ms")}
    return {name: float(value) for name, value in found.items() if value is not None}
