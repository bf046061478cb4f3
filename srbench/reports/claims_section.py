"""The claims of a study with their verdicts as a table for people."""

from collections.abc import Iterator, Sequence

from srbench.experiments.store.stated_claims import Direction, StatedComparison
from srbench.metrics.table import ALL_COSTS
from srbench.reports.cells import Cell, figure_text
from srbench.reports.claims import JudgedClaim, JudgedComparison
from srbench.reports.columns import Column
from srbench.reports.sections import Cells, Section
from srbench.reports.significance import LEVEL

COLUMNS = (
    Column("claim", "Claim", words=True),
    Column("verdict", "Verdict", words=True),
    Column("decided_by", "Decided by", words=True),
    Column("measured", "Measured", words=True),
)
RELATIONS: dict[Direction, str] = {"lower": "<", "higher": ">", "equal": "≈"}
REMARKS = (
    f"In brackets: the {100 - 100 * LEVEL:g} % confidence interval of the difference, first minus second: of scores "
    "paired per image, and per seed where there are several; of losses, and costs as routed, over the seeds. "
    "Of latencies it spans the quantiles instead. Counts of parameters, FLOPs and activations are exact.",
    "Reproduced: the intervals of all comparisons lie within what is claimed. Contradicted: one lies outside. "
    "Undecided at this budget: neither. Without an interval, a difference beyond a margin decides. One seed whose "
    "training was shorter than the recipe's decides nothing.",
)


def section_of_claims(claims: Sequence[JudgedClaim]) -> Section | None:
    """A group a claim, a row a comparison; None without claims."""
    if not claims:
        return None
    return Section("Claims", (), COLUMNS, tuple(tuple(_rows(claim)) for claim in claims), REMARKS)


def _rows(claim: JudgedClaim) -> Iterator[Cells]:
    told = Cell(claim.text, "", (claim.source,) if claim.source else ())
    if not claim.comparisons:
        yield (told, Cell(""), Cell("stated without a comparison"), Cell(""))
    for place, one in enumerate(claim.comparisons):
        about = (Cell(""), Cell("")) if place else (told, Cell(claim.verdict or ""))
        own = f" ({one.verdict})" if one.verdict != claim.verdict else ""
        yield (*about, Cell(_claimed(one) + own), Cell(_measured(one)))


def _claimed(one: JudgedComparison) -> str:
    """ "final_loss: se < none by 0.0005"."""
    what = one.comparison
    return f"{what.metric}: {one.first} {RELATIONS[what.direction]} {one.second}{_margin(what)}"


def _margin(comparison: StatedComparison) -> str:
    if not (comparison.margin or comparison.relative):
        return ""
    least = f"{comparison.margin:g}" if comparison.margin else f"{100 * (comparison.relative or 0):g} %"
    return f" {'within' if comparison.direction == 'equal' else 'by'} {least}"


def _measured(one: JudgedComparison) -> str:
    """ "0.00812 against 0.00908: −0.00096 [−0.0012, −0.0007]; at 200 of 12,000 steps"; or what is missing."""
    if one.found is None:
        return f"missing: {one.reason}"
    found, metric = one.found, one.comparison.metric
    text = f"{figure_text(metric, found.first)} against {figure_text(metric, found.second)}"
    size = ALL_COSTS[metric].size if metric in ALL_COSTS else 1
    if not one.comparison.is_exact:
        text += f": {_signed(found.value / size)}"
    elif found.second:
        text += f": ×{found.first / found.second:.3g}"
    if found.low is not None and found.high is not None:
        text += f" [{_signed(found.low / size)}, {_signed(found.high / size)}]"
    return "; ".join(filter(None, (text, one.shortened, *found.remarks)))


def _signed(value: float) -> str:
    return f"{value:+.3g}".replace("-", "−")
