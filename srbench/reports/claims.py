"""The verdict on each claim of a study, from the rows of its table.

A claim is that a difference lies in a region: at least the margin in the stated direction, or within the margin of
zero. An interval inside of the region reproduces it, one outside contradicts it, and one across its edge leaves it
undecided at this budget. Counts are exact. Where there is no interval, a difference beyond a margin decides. One pair
of trainings that are shorter than their recipe says decides nothing, as what leads early may not lead in the end, and
an interval over images does not hold the noise of training.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from srbench.experiments.store.stated_claims import Direction, StatedClaim, StatedComparison
from srbench.reports.claimed_rows import rows_beside
from srbench.reports.comparison import TableRow
from srbench.reports.differences import ByRun, Difference, NotComparedError
from srbench.reports.row_differences import difference
from srbench.reports.trained_on import shortened

Verdict = Literal["reproduced", "contradicted", "undecided at this budget", "not compared"]


@dataclass(frozen=True)
class JudgedComparison:
    """Of two rows, called `first` and `second`. `found` is None where they could not be compared; `reason`: what is
    missing then; `shortened`: how much shorter than by the recipe the two were trained, "" where they were not."""

    comparison: StatedComparison
    first: str
    second: str
    found: Difference | None
    verdict: Verdict
    reason: str = ""
    shortened: str = ""


@dataclass(frozen=True)
class JudgedClaim:
    """`comparisons`: of every two rows that the claim is about; none, and no `verdict`, where an older srbench has left
    only its `text`."""

    name: str
    text: str
    source: str
    comparisons: tuple[JudgedComparison, ...]

    @property
    def verdict(self) -> Verdict | None:
        """Reproduced where all comparisons are, contradicted where one is."""
        found = [one.verdict for one in self.comparisons]
        if not found or all(one == "reproduced" for one in found):
            return "reproduced" if found else None
        order: tuple[Verdict, ...] = ("contradicted", "not compared", "undecided at this budget")
        return next(one for one in order if one in found)


def judge_claims(
    claims: Sequence[StatedClaim | Any], rows: Sequence[TableRow], losses: ByRun, images: ByRun
) -> tuple[JudgedClaim, ...]:
    """In their order. `losses` and `images`: by run what `loss_frame` and `score_frame` hold of the rows' runs."""
    return tuple(
        JudgedClaim(claim.name, claim.text, claim.source, tuple(_judged(claim, rows, losses, images)))
        if isinstance(claim, StatedClaim)
        else JudgedClaim("", str(claim), "", ())
        for claim in claims
    )


def _judged(claim: StatedClaim, rows: Sequence[TableRow], losses: ByRun, images: ByRun) -> Iterator[JudgedComparison]:
    for comparison in claim.decides:
        for first, second in pairwise(comparison.rows):
            try:
                beside = rows_beside(claim, first, second, rows)
            except NotComparedError as missing:
                yield JudgedComparison(comparison, first, second, None, "not compared", str(missing))
                continue
            for one, other in beside:
                names = (first, second) if len(beside) == 1 else (_named(one), _named(other))
                yield _compared(comparison, names, one, other, losses, images)


def _named(row: TableRow) -> str:
    return f"{row.model} ×{row.scale} {row.label}"


def _compared(
    comparison: StatedComparison,
    names: tuple[str, str],
    first: TableRow,
    second: TableRow,
    losses: ByRun,
    images: ByRun,
) -> JudgedComparison:
    try:
        found = difference(comparison.metric, first, second, losses, images)
    except NotComparedError as missing:
        return JudgedComparison(comparison, *names, None, "not compared", str(missing))
    told = shortened(record for pair in found.pairs for record in pair)
    return JudgedComparison(comparison, *names, found, _verdict(comparison, found, bool(told)), "", told)


def _verdict(comparison: StatedComparison, found: Difference, shortened: bool) -> Verdict:
    margin = comparison.margin_at(found.second)
    if shortened and len(found.pairs) == 1:
        return "undecided at this budget"
    if found.low is not None and found.high is not None:
        return _of_interval(comparison.direction, found.low, found.high, margin)
    unsettled = not margin or (comparison.direction != "equal" and abs(found.value) < margin)
    if unsettled and not comparison.is_exact:
        return "undecided at this budget"
    return _of_interval(comparison.direction, found.value, found.value, margin)


def _of_interval(direction: Direction, low: float, high: float, margin: float) -> Verdict:
    if direction == "equal":
        inside, outside = -margin <= low and high <= margin, low > margin or high < -margin
    else:
        worst, best = (low, high) if direction == "higher" else (-high, -low)
        # Without a margin, no difference at all is neither lower nor higher.
        inside, outside = worst >= margin and worst > 0, best < margin or best <= 0
    return "reproduced" if inside else "contradicted" if outside else "undecided at this budget"
