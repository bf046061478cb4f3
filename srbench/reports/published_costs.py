"""What others have published of what networks cost, beside what is counted here; the facts are in published_costs.yaml.

A network is known by its class and its trainable parameters, so that a variant of another size is not compared.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from srbench.experiments.store.record import Record
from srbench.metrics.figures import Cost
from srbench.metrics.table import COSTS, MORE_COSTS, CostColumn
from srbench.reports.cells import ABSENT, Cell
from srbench.reports.columns import Column
from srbench.reports.sections import Cells, Section

COLUMNS = (
    Column("network", "Network", words=True),
    Column("scale", "Scale"),
    Column("figure", "Figure", words=True),
    Column("published", "Published"),
    Column("fvcore", "Counted"),
    Column("ntire", "By NTIRE's rules"),
)
FACTS = (("Source", "srbench/reports/published_costs.yaml; counted as fvcore counts, and by the rules of NTIRE"),)
OF_NTIRE = {
    "flops_720p": "ntire_flops_720p",
    "flops_256": "ntire_flops_256",
    "activations_720p": "conv_activations_720p",
    "activations_256": "conv_activations_256",
}


@dataclass(frozen=True)
class Otherwise:
    """What gives a published number where the network as it runs does not: its count in plain units, and `why`."""

    count: int
    why: str


@dataclass(frozen=True)
class PublishedCost:
    """A number in the unit of the column; `by`: the rules that it follows."""

    column: CostColumn
    number: float
    by: Literal["fvcore", "ntire"]
    otherwise: Otherwise | None

    def printed(self, count: float | None) -> str:
        """A count in the unit and with the decimals of the published number."""
        return ABSENT if count is None else f"{count / self.column.size:,.{self._decimals}f} {self.column.unit}"

    @property
    def _decimals(self) -> int:
        return max(0, -int(Decimal(str(self.number)).as_tuple().exponent))


@dataclass(frozen=True)
class PublishedNetwork:
    """What is published of a network at a scale; `params`: its trainable ones here."""

    network: str
    class_name: str
    scale: int
    params: int
    source: str
    published: tuple[PublishedCost, ...]


@cache
def published_networks() -> tuple[PublishedNetwork, ...]:
    """Those of published_costs.yaml."""
    entries = yaml.safe_load(Path(__file__).with_name("published_costs.yaml").read_text(encoding="utf-8"))
    return tuple(
        PublishedNetwork(
            network=entry["network"],
            class_name=entry["class"],
            scale=entry["scale"],
            params=entry["params"],
            source=entry["source"],
            published=tuple(_cost(name, told) for name, told in entry["published"].items()),
        )
        for entry in entries
    )


def _cost(name: str, told: Mapping[str, Any]) -> PublishedCost:
    otherwise = Otherwise(**told["otherwise"]) if "otherwise" in told else None
    return PublishedCost((COSTS | MORE_COSTS)[name], told["number"], told.get("by", "fvcore"), otherwise)


def section_of_published_costs(done: Iterable[Record]) -> Section | None:
    """A group a network, where the counts of several runs of it are the same; None without one."""
    groups: dict[tuple[object, ...], tuple[Cells, ...]] = {}
    for record in done:
        for known in published_networks():
            if record.cost and _is(record, known):
                rows = tuple(_rows(known, record.cost))
                groups[(known.network, known.scale, *(cell.text for row in rows for cell in row))] = rows
    return Section("Published costs against counted", FACTS, COLUMNS, tuple(groups.values())) if groups else None


def _is(record: Record, known: PublishedNetwork) -> bool:
    params = record.cost.params if record.cost else None
    return (record.class_name, record.scale, params) == (known.class_name, known.scale, known.params)


def _rows(known: PublishedNetwork, counted: Cost) -> Iterator[Cells]:
    for one in known.published:
        name = one.column.name
        fvcore = counted.numbers.get(name)
        ntire = counted.numbers.get(OF_NTIRE[name]) if name in OF_NTIRE else None
        yield (
            Cell(known.network, "", (known.source,)),
            Cell(f"×{known.scale}"),
            Cell(one.column.title),
            Cell(
                one.printed(one.number * one.column.size),
                "",
                tuple(_notes(one, ntire if one.by == "ntire" else fvcore)),
            ),
            Cell(one.printed(fvcore)),
            Cell(one.printed(ntire) if name in OF_NTIRE else ""),
        )


def _notes(one: PublishedCost, counted: float | None) -> Sequence[str]:
    """What the number follows, and where another count gives it than that of the network as it runs."""
    rules = ["by NTIRE's rules"] if one.by == "ntire" else []
    if one.otherwise is None or counted is None or one.printed(counted) == one.printed(one.number * one.column.size):
        return rules
    size, unit = one.column.size, one.column.unit
    exact = f"{one.otherwise.count / size:,.4f}".rstrip("0").rstrip(".")
    return [*rules, f"{exact} {unit} {one.otherwise.why}; as it runs {counted / size:,.4g} {unit}"]
