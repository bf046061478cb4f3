"""The rows of a report: of each its runs, costs and scores, or the reasons why they are missing."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from srbench.data.catalog.catalog import missing_part
from srbench.experiments.store.record import DEFAULT, Record
from srbench.reports.certified import Degradations, lr_of, protocols_of, told_degradations
from srbench.reports.columns import ScoreColumn
from srbench.reports.means import means_by_row
from srbench.reports.reasons import absent_seeds
from srbench.reports.row_costs import Figure, costs_of, latencies_by_row, latency_layouts
from srbench.reports.row_scores import Numbers, ScoreFigures, scores_of
from srbench.reports.rows import STUDY, Member, differing
from srbench.reports.trained_on import TrainedOn, scored_by_others, started_from, trainings


@dataclass(frozen=True)
class TableRow:
    """One ablation ("" for none), model, variant, scale and context.

    `label`: what tells it from the others of its ablation and model; `settings`: overrides in which rows differ, by
    key, "" where it has none, and its studies where there are several; `seeds`: the number of finished ones, 1 for
    fixed weights; `absent`: the seeds that are missing, and why; `trained`: what its runs were trained on; `remarks`:
    on that, and on its latency, for people; `protocol` and `resizer`: what its scores rest on; `tiled`: by data set in
    which tiles images ran; `partial`: what to know of sets that are not whole; `ntire`: NTIRE's score, where it was
    asked for; `below_floor`: whether a score is below a floor of the challenge that was asked for, None
    where nothing tells.
    """

    number: int
    members: tuple[Member, ...]
    label: str
    settings: dict[str, str]
    seeds: int
    absent: tuple[str, ...]
    trained: tuple[TrainedOn, ...]
    remarks: tuple[str, ...]
    costs: dict[str, Figure]
    scores: dict[ScoreColumn, ScoreFigures]
    protocol: str | None
    resizer: str | None
    final_loss: float | None
    tiled: dict[str, tuple[str, ...]]
    partial: dict[str, str]
    ntire: Figure | None = None
    below_floor: bool | None = None

    @property
    def ablation(self) -> str:
        """Its name; "" for none."""
        return self.members[0].ablation

    @property
    def model(self) -> str:
        """The preset's name, or the class's."""
        return self.members[0].model

    @property
    def variant(self) -> str:
        """`default` for none."""
        return self.members[0].variant

    @property
    def baseline(self) -> bool:
        """Whether the others of its ablation and model are compared with it."""
        return self.members[0].baseline

    @property
    def scale(self) -> int | None:
        """None where nothing tells it."""
        return self.members[0].scale

    @property
    def degradations(self) -> Degradations:
        """Of LR."""
        return self.members[0].degradations

    @property
    def conditions(self) -> str:
        """Scale and degradation of LR, for people: "×2", "×2, noise σ=0.1"."""
        return ", ".join(filter(None, (f"×{self.scale}", told_degradations(self.degradations))))


def table_rows(members: Sequence[Member], columns: Sequence[ScoreColumn], numbers: Numbers) -> tuple[TableRow, ...]:
    """In the table's order."""
    keys, several = differing(members), len({one.scale for one in members}) > 1
    latencies, losses = latencies_by_row(members), means_by_row(_final_losses(members))
    by_row: dict[int, list[Member]] = {}
    for member in members:
        by_row.setdefault(member.row, []).append(member)
    alike = len(trainings(_records(members))) == 1
    one_layout = len({*latency_layouts(_records(members))}) < 2
    return tuple(
        TableRow(
            number=number,
            members=tuple(group),
            label=_label(group, keys, several),
            settings=dict.fromkeys(keys, "") | _settings(group, keys),
            # Fixed weights score the same with every seed.
            seeds=len({one.seed if one.trained else None for one in group if one.record}),
            absent=absent_seeds(group),
            trained=trainings(_records(group)),
            remarks=(
                *_of_training(_records(group), alike),
                *dict.fromkeys(line for one in _records(group) for line in scored_by_others(one)),
                *_of_latency(_records(group), one_layout),
            ),
            costs=costs_of(group, latencies.get(number)),
            scores=scores_of(group, columns, numbers),
            protocol=_all_of(_records(group), protocols_of),
            resizer=_all_of(_records(group), lr_of),
            final_loss=losses.get(number),
            tiled=_tiled(_records(group)),
            partial=_partial(_records(group)),
        )
        for number, group in by_row.items()
    )


def _of_training(records: Sequence[Record], alike: bool) -> Iterator[str]:
    """What the runs were trained on, where not all rows are `alike`; and that weights are no longer the published."""
    if not alike:
        yield from (f"trained on {one.text}" for one in trainings(records))
    for start in dict.fromkeys(filter(None, map(started_from, records))):
        yield f"trained further from {start}: no measurement of those weights"


def _of_latency(records: Sequence[Record], one_layout: bool) -> Iterator[str]:
    """The memory layout of a row's latency, unless all rows have one."""
    if not one_layout and (own := sorted({*latency_layouts(records)})):
        yield f"latency with weights in memory layout {' and '.join(own)}"


def _final_losses(members: Iterable[Member]) -> Iterator[tuple[int, float]]:
    for one in members:
        if one.record and one.record.train.final_loss is not None:
            yield one.row, one.record.train.final_loss


def _records(members: Iterable[Member]) -> list[Record]:
    return [one.record for one in members if one.record]


def _tiled(records: Iterable[Record]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for record in records:
        for name, certificate in record.certificates.items():
            if certificate.tiled:
                found.setdefault(name, {})[certificate.told_tiles] = None
    return {name: tuple(told) for name, told in found.items()}


def _partial(records: Iterable[Record]) -> dict[str, str]:
    found = {
        name: missing_part(name, certificate.images)
        for record in records
        for name, certificate in record.certificates.items()
    }
    return {name: f"{name} is not whole: {part}" for name, part in found.items() if part}


def _settings(group: Sequence[Member], keys: Sequence[str]) -> dict[str, str]:
    studies = {STUDY: ", ".join(dict.fromkeys(name for one in group for name in one.run.studies))}
    return {key: value for key, value in (studies | dict(group[0].shown)).items() if key in keys}


def _label(group: Sequence[Member], keys: Sequence[str], several_scales: bool) -> str:
    member = group[0]
    names = [] if member.ablation else [member.model]
    names += [member.variant] if member.ablation or member.variant != DEFAULT else []
    settings = [f"{key}={value}" for key, value in _settings(group, keys).items()]
    return " ".join([*names, *[f"×{member.scale}"] * several_scales, *settings])


def _all_of(records: Iterable[Record], told: Callable[[Record], str | None]) -> str | None:
    texts = dict.fromkeys(map(told, records))
    return " and ".join(text for text in texts if text) or None
