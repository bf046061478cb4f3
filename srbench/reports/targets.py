"""Time to target: after how many steps, and hours, a training first reaches the PSNR that its baseline ends with."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from srbench.experiments.store.record import Record
from srbench.experiments.store.validation_table import Validated, read_validations
from srbench.reports.cells import ABSENT, Cell
from srbench.reports.columns import Column
from srbench.reports.comparison import TableRow
from srbench.reports.sections import Cells, Section

COLUMNS = (
    Column("model", "Model", words=True),
    Column("variant", "Variant", words=True),
    Column("scale", "Scale"),
    Column("target", "Target (dB)"),
    Column("steps", "Steps"),
    Column("time", "Time"),
    Column("last", "Last (dB)"),
)
REMARK = (
    "The target of a seed is the PSNR of the baseline's last validation with that seed, outside ablations the lowest "
    "last one of all; steps and time are those of training until a validation first reaches it, as means over the "
    "seeds. Validations are made at steps set beforehand, so that a figure is late by up to the distance of two."
)


Seeds = list[tuple[Record, list[tuple[int, float]]]]  # of each the steps from the start of the training, and PSNR


@dataclass(frozen=True)
class Reached:
    """By one row, as means over its seeds: `steps` and `seconds` until the `target`, None where a seed has not reached
    its own; `last`: the PSNR of the last validation."""

    row: TableRow
    target: float
    steps: float | None
    seconds: float | None
    last: float


def reached_targets(rows: Sequence[TableRow]) -> tuple[Reached, ...]:
    """Of the rows whose trainings were validated several times, in their order."""
    found = {row.number: seeds for row in rows if (seeds := _seeds(row))}
    groups: dict[tuple[object, ...], list[TableRow]] = {}
    for row in rows:
        if row.number in found:
            groups.setdefault(_group(row), []).append(row)
    return tuple(one for group in groups.values() for one in _of_group(group, found))


def _group(row: TableRow) -> tuple[object, ...]:
    """Equal for rows that share a target."""
    compared = (row.model, *row.settings.items()) if row.ablation else ()
    validated = tuple(one.data for one in row.trained)  # each `data` validates on images of its own
    return row.ablation, row.scale, row.degradations, validated, *compared


def _seeds(row: TableRow) -> Seeds:
    """None where one of its runs was validated once or never."""
    trained = [(one.record, read_validations(one.run.folder)) for one in row.members if one.record and one.trained]
    seeds = [(record, _from_the_start(record, validations)) for record, validations in trained]
    return seeds if all(len(points) > 1 for _, points in seeds) else []


def _from_the_start(record: Record, validations: Sequence[Validated]) -> list[tuple[int, float]]:
    before: dict[str, int] = {}
    total = 0
    for stage in record.train.stages:
        before[stage.name] = total
        total += stage.steps
    return sorted((before[one.stage] + one.step, one.psnr) for one in validations if one.stage in before)


def _of_group(group: Sequence[TableRow], found: Mapping[int, Seeds]) -> Iterator[Reached]:
    baseline = next((row for row in group if row.baseline), None)
    if len(group) < 2 or (group[0].ablation and not baseline):
        return
    lowest = min(points[-1][1] for row in group for _, points in found[row.number])
    aims = {record.seed: points[-1][1] for record, points in found[baseline.number]} if baseline else {}
    for row in group:
        own = [(record, points, aims.get(record.seed, lowest)) for record, points in found[row.number]]
        if baseline and not all(record.seed in aims for record, _, _ in own):
            continue
        reached = [(record, _first(points, aim)) for record, points, aim in own]
        steps = [step for _, step in reached if step is not None]
        times = [
            step / record.train.steps_per_second for record, step in reached if step and record.train.steps_per_second
        ]
        yield Reached(
            row=row,
            target=mean(aim for _, _, aim in own),
            steps=mean(steps) if len(steps) == len(own) else None,
            seconds=mean(times) if len(times) == len(own) else None,
            last=mean(points[-1][1] for _, points, _ in own),
        )


def _first(points: Sequence[tuple[int, float]], target: float) -> int | None:
    return next((step for step, psnr in points if psnr >= target), None)


def section_of_targets(found: Sequence[Reached]) -> Section | None:
    """A group an ablation and model; None where no training was validated several times."""
    if not found:
        return None
    groups: dict[tuple[object, ...], list[Cells]] = {}
    for one in found:
        groups.setdefault(_group(one.row), []).append(_cells(one))
    return Section("Time to target", (), COLUMNS, tuple(map(tuple, groups.values())), (REMARK,))


def _cells(one: Reached) -> Cells:
    missed = Cell(ABSENT, "", ("a seed has not reached it",))
    return (
        Cell(one.row.model),
        Cell(f"{one.row.label if one.row.ablation else one.row.variant}{' (baseline)' if one.row.baseline else ''}"),
        Cell(f"×{one.row.scale}", value=one.row.scale),
        Cell(f"{one.target:.2f}", value=one.target),
        missed if one.steps is None else Cell(f"{one.steps:,.0f}", value=one.steps),
        missed if one.steps is None else Cell(_time(one.seconds), value=one.seconds),
        Cell(f"{one.last:.2f}", value=one.last),
    )


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ABSENT
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
