"""The difference between two rows in a cost: exact of a count; of a latency as wide as its quantiles; and over the
seeds of what depends on how a trained network routes."""

from collections.abc import Iterable, Sequence
from statistics import mean

from srbench.experiments.store.record import Record
from srbench.metrics.figures import Latency, routed_costs
from srbench.metrics.table import ROUTED_COSTS
from srbench.reports.comparison import TableRow
from srbench.reports.differences import Difference, NotComparedError, over_seeds, seed_pairs
from srbench.reports.row_costs import LATENCY, standard_latency

OF_TIME = "time_routed_share"  # of ROUTED_COSTS


def of_costs(name: str, first: TableRow, second: TableRow) -> Difference:
    """NotComparedError where one of them lacks the cost, and for times under different conditions."""
    ours, theirs = _cost(name, first), _cost(name, second)
    if name == LATENCY:
        return _of_latencies(_latencies(first), _latencies(second))
    if name in ROUTED_COSTS:
        return _of_routed(name, first, second)
    return Difference(ours, theirs)


def _cost(name: str, row: TableRow) -> float:
    figure = row.costs[name]
    if figure.value is None:
        raise NotComparedError(f"{name} of {row.label}: {figure.reason or 'it has none'}")
    return figure.value


def _latencies(row: TableRow) -> list[Latency]:
    return [found for one in row.members if one.record and (found := standard_latency(one.record))]


def _of_latencies(ours: Sequence[Latency], theirs: Sequence[Latency]) -> Difference:
    """From the fastest passes of one beside the slowest of the other to the reverse."""
    _check_alike(
        LATENCY, (f"{_machine(one.device, one.threads)}, {one.height}×{one.width}" for one in (*ours, *theirs))
    )
    low = min(one.q10_ms for one in ours) - max(one.q90_ms for one in theirs)
    high = max(one.q90_ms for one in ours) - min(one.q10_ms for one in theirs)
    medians = [mean(one.median_ms for one in side) for side in (ours, theirs)]
    return Difference(medians[0], medians[1], low, high, ("between the 10 % and 90 % quantiles of the passes",))


def _of_routed(name: str, first: TableRow, second: TableRow) -> Difference:
    pairs = [pair for pair in seed_pairs(first, second) if all(record.routing for record in pair)]
    if not pairs:
        raise NotComparedError(f"{name}: {first.label} and {second.label} have it of no seed in common")
    records = [record for pair in pairs for record in pair]
    _check_alike(name, (", ".join(sorted(record.routing)) for record in records))
    if name == OF_TIME:
        _check_alike(name, (_machine(one.device, one.threads) for record in records for one in record.routing.values()))
    return over_seeds(pairs, [(_routed(name, one), _routed(name, other)) for one, other in pairs])


def _routed(name: str, record: Record) -> float:
    return routed_costs(record.routing.values())[name]


def _machine(device: str, threads: int) -> str:
    return f"{device} with {threads} thread{'s' * (threads != 1)}"


def _check_alike(name: str, conditions: Iterable[str]) -> None:
    """NotComparedError where there are several."""
    found = dict.fromkeys(conditions)
    if len(found) > 1:
        raise NotComparedError(f"{name}: measured on {' and on '.join(found)}")
