"""What the network of a row costs: the figures of the costs' columns, or the reasons why they are missing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from srbench.experiments.store.record import Record
from srbench.metrics.figures import Latency, beyond_fvcore, routed_costs
from srbench.metrics.table import COSTS, MORE_COSTS, ROUTED_COSTS, CostColumn
from srbench.reports.means import means_by_row
from srbench.reports.reasons import why_missing
from srbench.reports.rows import BICUBIC, Member

NOT_MEASURED = "not measured"
LATENCY = "latency_ms"  # of COSTS; the others are fields of a record's cost
OF_FVCORE = ("flops_720p", "flops_256", "activations_720p", "activations_256")


@dataclass(frozen=True)
class Figure:
    """A number, with a note on what it holds; None with the reason why there is none, or without one where none is to
    be expected."""

    value: float | None = None
    reason: str = ""
    note: str = ""


def standard_latency(record: Record) -> Latency | None:
    """That of batch 1 and the largest height, which a table shows."""
    single = [one for one in record.latency if one.batch == 1]
    return max(single, key=lambda one: one.height) if single else None


def latency_layouts(records: Iterable[Record]) -> list[str]:
    """How the weights of each that has any lay in memory while it was timed."""
    timed = [standard_latency(record) for record in records if not record.cost or record.cost.params]
    return [one.memory_format for one in timed if one]


def latencies_by_row(members: Iterable[Member]) -> dict[int, float]:
    """The mean over the finished runs of each row, in milliseconds."""
    records = [(one.row, one.record) for one in members if one.record]
    measured = [(row, standard_latency(record)) for row, record in records]
    return means_by_row((row, latency.median_ms) for row, latency in measured if latency)


def costs_of(members: Sequence[Member], latency_ms: float | None) -> dict[str, Figure]:
    """By name of COSTS, MORE_COSTS and ROUTED_COSTS, of the members of a row and the mean of their latencies."""
    done = any(one.record for one in members)
    # The bicubic row has no network.
    blank = members[0].model == BICUBIC and done
    counted = [one.run.record.cost for one in members if one.run.record and one.run.record.cost]
    beyond = beyond_fvcore(next((one.beyond_fvcore for one in counted if one.beyond_fvcore), ()))
    found = {}
    for name, column in (COSTS | MORE_COSTS).items():
        value = latency_ms if name == LATENCY else _first(members, name)
        reason = "" if value is not None or blank else _reason(members, column)
        found[name] = Figure(value, reason, beyond if name in OF_FVCORE and value is not None else "")
    return found | _routed(members)


def _routed(members: Sequence[Member]) -> dict[str, Figure]:
    """The means over the finished runs; empty for networks that do not route."""
    costs = [found for one in members if one.record and (found := routed_costs(one.record.routing.values()))]
    return {name: Figure(sum(one[name] for one in costs) / len(costs) if costs else None) for name in ROUTED_COSTS}


def _first(members: Sequence[Member], name: str) -> int | None:
    """Of the first run that knows it, be it a failed one or, for its parameters, one that is only planned."""
    for one in members:
        cost = one.run.record.cost if one.run.record else None
        value: int | None = getattr(cost, name) if cost else None
        if value is None and name == "params" and one.run.planned:
            value = one.run.planned.params
        if value is not None:
            return value
    return None


def _reason(members: Sequence[Member], column: CostColumn) -> str:
    return why_missing(members, (column.name, *column.told_by), NOT_MEASURED)
