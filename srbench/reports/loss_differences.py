"""The difference between two rows in their final losses: of one loss, as far as both were trained."""

from collections.abc import Sequence

from pandas import DataFrame

from srbench.experiments.store.loss_table import parts_of
from srbench.experiments.store.overrides import Override, parse_override
from srbench.experiments.store.record import Record
from srbench.reports.differences import ByRun, Difference, NotComparedError, Pair, over_seeds

# Keys of a recipe, or of a stage of it, that leave the loss the same.
OF_UPDATES = ("optimizer", "schedule", "discriminator_optimizer", "discriminator_schedule", "gradient_clip", "ema")
OF_BATCHES = ("accumulate", "multi_scale", "epoch_steps", "batches", "patches", "quick", "full", "part", "start")


def of_losses(pairs: Sequence[Pair], losses: ByRun) -> Difference:
    """As far as both of a pair were trained, so that a longer training is no advantage. NotComparedError for losses
    that are not the same: of another last stage, with other parts, or that overrides may have made different."""
    records = [record for pair in pairs for record in pair]
    steps = {record.train.steps for record in records}
    if 0 in steps:
        raise NotComparedError("final_loss: fixed weights have none")
    check_same_losses(pairs, losses)
    found = [(_loss(one, min(steps), losses), _loss(other, min(steps), losses)) for one, other in pairs]
    told = (f"after {min(steps):,} steps, where the shorter ends",) if len(steps) > 1 else ()
    return over_seeds(pairs, found, *told)


def check_same_losses(pairs: Sequence[Pair], losses: ByRun) -> None:
    """Raises NotComparedError where runs of these pairs have minimised other losses."""
    _check_stages(pairs)
    records = [record for pair in pairs for record in pair]
    logged = [lines for record in records if (lines := _of_last_stage(record, losses)) is not None]
    parts = {", ".join(parts_of(lines.dropna(axis="columns", how="all"))) or "none": None for lines in logged}
    if len(parts) > 1:
        raise NotComparedError(f"final_loss: of losses with other parts, {' and '.join(parts)}")
    _check_words(pairs)


def check_same_objective(pairs: Sequence[Pair]) -> None:
    """The same by what the records tell, without a look at what was logged."""
    _check_stages(pairs)
    _check_words(pairs)


def _check_stages(pairs: Sequence[Pair]) -> None:
    records = [record for pair in pairs for record in pair]
    stages = {record.train.stages[-1].name: None for record in records if record.train.stages}
    if len(stages) > 1:
        raise NotComparedError(f"final_loss: of other stages, {' and '.join(stages)}")


def _check_words(pairs: Sequence[Pair]) -> None:
    for one, other in pairs:
        ours, theirs = _words_of_loss(one), _words_of_loss(other)
        if differing := [word for word in (*ours, *theirs) if (word in ours) != (word in theirs)]:
            told = ", ".join(f"{word.key}={word.value}" for word in dict.fromkeys(differing))
            raise NotComparedError(f"final_loss: the losses themselves may differ by {told}")


def _of_last_stage(record: Record, losses: ByRun) -> DataFrame | None:
    """None where nothing is logged of it."""
    lines, stages = losses.get(record.run), record.train.stages
    if lines is None or not stages:
        return None
    own = lines[lines.stage == stages[-1].name]
    return None if own.empty else own


def _words_of_loss(record: Record) -> list[Override]:
    """The overrides that may change what the last stage minimises."""
    last = record.train.stages[-1].name if record.train.stages else ""
    return [word for word in map(parse_override, record.overrides) if _may_change_loss(word.key, last)]


def _may_change_loss(key: str, last: str) -> bool:
    root, *rest = key.replace("/", ".").split(".")
    if root != "recipe":
        return False
    if rest[:1] == ["stages"]:
        stage, rest = rest[1:2], rest[2:]
        if stage and stage != [last]:
            return False
    return not rest or rest[0] not in OF_UPDATES + OF_BATCHES


def chooses_batches(key: str) -> bool:
    """Whether an override changes which patches a step sees."""
    return key.startswith("recipe") and bool(
        {*key.replace("/", ".").split(".")} & {*OF_BATCHES} - {"quick", "full", "part", "start"}
    )


def _loss(record: Record, steps: int, losses: ByRun) -> float:
    """At the end, or after so many steps: the mean of the last fiftieth of the logged ones up to there."""
    if record.train.steps == steps and record.train.final_loss is not None:
        return record.train.final_loss
    lines = _of_last_stage(record, losses)
    if lines is None:
        raise NotComparedError(f"the losses of {record.run}")
    before = sum(stage.steps for stage in record.train.stages[:-1])
    own = lines[lines.step <= steps - before].loss
    if own.empty:
        raise NotComparedError(f"the losses of {record.run} within its first {steps:,} steps")
    return float(own.iloc[-max(1, len(own) // 50) :].mean())
