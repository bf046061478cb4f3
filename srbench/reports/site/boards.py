"""The leaderboards: of each data set, scale, protocol and degradation of LR the rows of all studies that compare."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import mean, stdev

from srbench.core.json_digest import json_digest
from srbench.experiments.store.record import DEFAULT, Record
from srbench.experiments.store.study import Study
from srbench.metrics.table import METRICS
from srbench.reports.certified import told_degradations
from srbench.reports.refusals import Certified, certified, refusals_within
from srbench.reports.rows import STUDY, Member, members_of
from srbench.reports.site.origins import TRAINED, Origin, Origins

COSTS_SHOWN = ("params", "flops_720p")


@dataclass(frozen=True)
class BoardScore:
    """`mean` over seeds; `std`: None with one."""

    mean: float
    std: float | None


@dataclass(frozen=True)
class BoardRow:
    """`about`: what tells it from others of its model; `rank`: None where it is not ranked; `seen`: why it is no test;
    `refused`: why it is not compared; `costs`: by name."""

    model: str
    class_name: str
    about: str
    studies: tuple[str, ...]
    seeds: int
    origin: Origin
    scores: dict[str, BoardScore]
    costs: dict[str, int | None]
    seen: str = ""
    refused: str = ""
    rank: int | None = None


@dataclass(frozen=True)
class Board:
    """`name`: of its page; `rows`: ranked by the first of the `metrics`, then those that are not compared."""

    name: str
    dataset: str
    scale: int
    protocol: str
    degradation: str
    images: str
    metrics: tuple[str, ...]
    rows: tuple[BoardRow, ...]

    @property
    def title(self) -> str:
        """`set5 ×2, y (luma, border scale)`."""
        degraded = f", LR: {self.degradation}" if self.degradation else ""
        return f"{self.dataset} ×{self.scale}, {self.protocol}{degraded}"


@dataclass(frozen=True)
class _Entry:
    """A run on a data set."""

    dataset: str
    of_set: Certified

    @property
    def record(self) -> Record:
        record = self.of_set.member.record
        assert record is not None
        return record

    @property
    def page(self) -> tuple[str, int, str, str]:
        certificate = self.of_set.certificate
        degraded = told_degradations((certificate.lr.steps,)) if certificate.lr.steps else ""
        return self.dataset, self.record.scale, certificate.told_protocol, degraded


def boards_of(study: Study) -> tuple[Board, ...]:
    """Of the runs that are done, by data set, scale and protocol; `study` may be several that are read together."""
    origins = Origins(study.done)
    pages: dict[tuple[str, int, str, str], list[_Entry]] = {}
    for entry in _entries(members_of(study)):
        pages.setdefault(entry.page, []).append(entry)
    names = _names(list(pages))
    return tuple(_board(names[page], page, pages[page], origins, study.name) for page in sorted(pages))


def _entries(members: Sequence[Member]) -> Iterator[_Entry]:
    """Each run once, in the first of its ablations."""
    seen = set[str]()
    for member in members:
        if member.record and member.run.name not in seen:
            seen.add(member.run.name)
            for dataset in member.record.certificates:
                if member.record.scores.get(dataset):
                    yield _Entry(dataset, certified(member, dataset))


def _names(pages: Sequence[tuple[str, int, str, str]]) -> dict[tuple[str, int, str, str], str]:
    """Of the files: short, of plain letters, and no two alike."""
    found: dict[tuple[str, int, str, str], str] = {}
    for page in pages:
        dataset, scale, protocol, degraded = page
        words = [dataset, f"x{scale}", protocol.partition(" ")[0], degraded]
        name = plain_name("-".join(filter(None, words)), page)
        found[page] = f"{name}-{json_digest(page)[:8]}" if name in found.values() else name
    return found


def plain_name(text: str, of: object) -> str:
    """A file's name that says what `text` says: with a digest of what it is `of` where letters were left out."""
    plain = "".join(sign if (sign.isascii() and sign.isalnum()) or sign in "-_" else "-" for sign in text.lower())[:80]
    return plain if plain == text and plain.strip("-") else f"{plain.strip('-')}-{json_digest(of)[:8]}".strip("-")


def _board(
    name: str, page: tuple[str, int, str, str], entries: Sequence[_Entry], origins: Origins, study: str
) -> Board:
    dataset, scale, protocol, degraded = page
    refused = {one.row: one.reason for one in refusals_within([entry.of_set for entry in entries], dataset)}
    by_row: dict[int, list[_Entry]] = {}
    for entry in entries:
        by_row.setdefault(entry.of_set.member.row, []).append(entry)
    rows = [_row(dataset, group, origins, study, refused.get(row, "")) for row, group in by_row.items()]
    metrics = tuple(metric for metric in METRICS if any(metric in row.scores for row in rows))
    kept = next((entry for entry in entries if entry.of_set.member.row not in refused), entries[0])
    return Board(
        name, dataset, scale, protocol, degraded, str(kept.of_set.certificate), metrics, tuple(_ranked(rows, metrics))
    )


def _row(dataset: str, group: Sequence[_Entry], origins: Origins, study: str, refused: str) -> BoardRow:
    member, record = group[0].of_set.member, group[0].record
    found = [origins.of(one.record) for one in group]
    seen = [origin.seen(dataset, one.of_set.certificate.hr_sha256) for origin, one in zip(found, group, strict=True)]
    values: dict[str, list[float]] = {}
    for one in group:
        for metric, value in one.record.scores[dataset].items():
            values.setdefault(metric, []).append(value)
    trained = found[0].status in TRAINED
    scores = {
        metric: BoardScore(mean(each), stdev(each) if trained and len(each) > 1 and max(each) < float("inf") else None)
        for metric, each in values.items()
    }
    counted = [one.record.cost for one in group if one.record.cost]
    return BoardRow(
        model=record.model,
        class_name=record.class_name,
        about=_about(member),
        studies=tuple(dict.fromkeys(name for one in group for name in one.of_set.member.run.studies)) or (study,),
        seeds=len(group) if trained else 1,
        origin=next((one for one in found if one.status == "working"), found[0]),
        scores=scores,
        costs={name: getattr(counted[0], name) if counted else None for name in COSTS_SHOWN},
        seen=next(filter(None, seen), ""),
        refused=refused,
    )


def _about(member: Member) -> str:
    """`atrous: 1-2-1, recipe=carn_paper`; "" for a model as its preset has it."""
    variant = member.variant if member.variant != DEFAULT else ""
    named = f"{member.ablation}: {member.variant}" if member.ablation else variant
    return ", ".join(filter(None, [named, *(f"{key}={value}" for key, value in member.shown if key != STUDY)]))


def _ranked(rows: Sequence[BoardRow], metrics: Sequence[str]) -> Iterator[BoardRow]:
    """By the first metric; rows that are no test stand where their score puts them, without a rank."""
    first = metrics[0] if metrics else ""
    compared = [row for row in rows if not row.refused]
    sign = -1 if first and METRICS[first].higher_is_better else 1

    def place(row: BoardRow) -> tuple[bool, float]:
        score = row.scores.get(first)
        return score is None, sign * score.mean if score else 0.0

    rank = 0
    for row in sorted(compared, key=place):
        ranks = not row.seen and first in row.scores
        rank += ranks
        yield replace(row, rank=rank if ranks else None)
    yield from (row for row in rows if row.refused)
