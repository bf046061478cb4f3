"""How sure each difference to a baseline is, as a table for people."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from pandas import DataFrame

from srbench.metrics.table import METRICS
from srbench.reports.cells import ABSENT, Cell, difference_text
from srbench.reports.columns import Column
from srbench.reports.comparison import TableRow
from srbench.reports.sections import Cells, Section

COLUMNS = (
    Column("ablation", "Ablation", words=True),
    Column("model", "Model", words=True),
    Column("variant", "Variant", words=True),
    Column("score", "Score", words=True),
    Column("difference", "Difference"),
    Column("interval", "95 % interval"),
    Column("p", "p"),
    Column("improved", "Better on"),
    Column("images", "Images"),
    Column("seeds", "Seeds"),
)
REMARKS = (
    "p: of no difference, after Holm's correction for the comparisons of an ablation in one metric.",
    "Better on: the share of images and seeds on which the variant is better than its baseline, a tie counts half; "
    "the probability that it improves an image of such a set.",
)


def section_of_certainty(certain: DataFrame, rows: Sequence[TableRow]) -> Section | None:
    """Of the lines of `certainty`, a group an ablation, model and score; None without any."""
    by_number = {row.number: row for row in rows}
    groups: dict[tuple[str, ...], list[Cells]] = {}
    for line in certain.to_dict("records"):
        row = by_number[line["row"]]
        groups.setdefault((row.ablation, row.model, line["dataset"], line["metric"]), []).append(_cells(row, line))
    if not groups:
        return None
    return Section("How sure the differences are", (), COLUMNS, tuple(map(tuple, groups.values())), REMARKS)


def _cells(row: TableRow, line: Mapping[Any, Any]) -> Cells:
    metric = str(line["metric"])
    heading = METRICS[metric].heading if metric in METRICS else metric.upper()
    places = max(3, METRICS[metric].decimals) if metric in METRICS else 4
    known = not line["reason"]
    ends = (line["low"], line["high"]) if known else None
    absent = Cell(ABSENT, "", (str(line["reason"]),))
    return (
        *(Cell(row.ablation), Cell(row.model), Cell(row.label), Cell(f"{line['dataset']} {heading}")),
        Cell(difference_text(line["mean"], places), value=line["mean"], ends=ends)
        if isfinite(line["mean"])
        else absent,
        Cell(f"[{difference_text(ends[0], places)}, {difference_text(ends[1], places)}]") if ends else absent,
        Cell(f"{line['p']:.2g}", value=line["p"]) if known else absent,
        Cell(f"{100 * line['improved']:.0f} %", value=line["improved"]) if isfinite(line["improved"]) else absent,
        Cell(str(int(line["images"])), value=line["images"]),
        Cell(str(int(line["seeds"])), value=line["seeds"]),
    )
