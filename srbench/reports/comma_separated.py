"""A report as CSV, for scripts: plain units, all digits, empty where there is no value."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, fields
from io import StringIO

from srbench.core.harmless import as_cell, in_one_line
from srbench.metrics.table import COSTS, MORE_COSTS, ROUTED_COSTS
from srbench.reports.columns import PARTS, Part, ScoreColumn
from srbench.reports.comparison import TableRow
from srbench.reports.ntire_challenges import CHALLENGES
from srbench.reports.published import PublishedScore
from srbench.reports.report import Report
from srbench.reports.trained_on import TrainedOn

CsvValue = str | float | None
Parts = Mapping[ScoreColumn, Sequence[Part]]


def table_csv(report: Report) -> str:
    """A line a row: what it is, its costs, its scores with the parts that any row has, further costs that any row has,
    what it was trained on, what the scores rest on, overrides in which rows differ and, where it was asked for, NTIRE's
    score."""
    parts = {score: _parts(report.rows, score) for score in report.columns}
    names = ["ablation", "model", "variant", "baseline", "scale", "seeds", *COSTS]
    for score, of_score in parts.items():
        names += [score.name, *map(score.part, of_score)]
    more = [name for name in MORE_COSTS | ROUTED_COSTS if any(row.costs[name].value is not None for row in report.rows)]
    trained = [field.name for field in fields(TrainedOn)] if any(row.trained for row in report.rows) else []
    names += [*more, *(f"train_{name}" for name in trained), "protocol", "resizer", "final_loss", *report.settings]
    names += _names_of_ntire(report.options.ntire)
    return _written(
        names, ([*_values(row, parts, more, trained), *_ntire(row, report.options.ntire)] for row in report.rows)
    )


def published_csv(scores: Iterable[PublishedScore]) -> str:
    """A line a score."""
    return _written([field.name for field in fields(PublishedScore)], map(astuple, scores))


def _parts(rows: Iterable[TableRow], score: ScoreColumn) -> list[Part]:
    return [part for part in PARTS if any(getattr(row.scores[score], part) is not None for row in rows)]


def _values(row: TableRow, parts: Parts, more: Sequence[str], trained: Sequence[str]) -> Iterator[CsvValue]:
    yield from (row.ablation, row.model, row.variant, row.baseline, row.scale, row.seeds)
    yield from (row.costs[name].value for name in COSTS)
    for score, of_score in parts.items():
        yield row.scores[score].mean
        yield from (getattr(row.scores[score], part) for part in of_score)
    yield from (row.costs[name].value for name in more)
    yield from (" and ".join(dict.fromkeys(getattr(one, name) for one in row.trained)) for name in trained)
    yield from (row.protocol, row.resizer, row.final_loss, *row.settings.values())


def _names_of_ntire(asked: str | None) -> list[str]:
    if not asked:
        return []
    return ["ntire_score", "ntire_baseline", *(["ntire_year", "ntire_below_floor"] if asked in CHALLENGES else [])]


def _ntire(row: TableRow, asked: str | None) -> Iterator[CsvValue]:
    if asked:
        challenge = CHALLENGES.get(asked)
        yield from (row.ntire.value if row.ntire else None, challenge.network if challenge else asked)
        if challenge:
            yield from (challenge.year, row.below_floor)


def _cell(value: CsvValue) -> CsvValue:
    return as_cell(in_one_line(value)) if isinstance(value, str) else value


def _written(names: Sequence[str], lines: Iterable[Iterable[CsvValue]]) -> str:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([_cell(value) for value in line] for line in (names, *lines))
    return text.getvalue()
