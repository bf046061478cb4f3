"""Which rows of a table a claim is about, by what it calls them."""

from collections.abc import Sequence

from srbench.experiments.store.stated_claims import StatedClaim
from srbench.reports.comparison import TableRow
from srbench.reports.differences import NotComparedError

ALIKE = ("ablation", "model", "degradations", "settings")  # of rows that are rather compared than others


def rows_beside(
    claim: StatedClaim, first: str, second: str, rows: Sequence[TableRow]
) -> list[tuple[TableRow, TableRow]]:
    """Every row that is called `first` with its row `second`: one of the same scale, and where there are several, the
    one that is ALIKE. NotComparedError where there is none, or no telling which."""
    ours, theirs = _called(claim, first, rows), _called(claim, second, rows)
    scales = {row.scale for row in theirs}
    found = [(one, _nearest(second, one, theirs)) for one in ours if one.scale in scales]
    if not found:
        raise NotComparedError(f"{first} and {second} have no scale in common")
    return found


def _called(claim: StatedClaim, name: str, rows: Sequence[TableRow]) -> list[TableRow]:
    """Variants of the claim's own ablation before its models, and these before what stands elsewhere in a sweep."""
    own = [row for row in rows if row.ablation == claim.ablation]
    for place in (own, rows if claim.of_sweep else []):
        for form in ("{0.variant}", "{0.model}:{0.variant}", "{0.model}"):
            if found := [row for row in place if form.format(row) == name]:
                return found
    raise NotComparedError(f"there is no row {name}")


def _nearest(name: str, row: TableRow, others: Sequence[TableRow]) -> TableRow:
    left = [other for other in others if other.scale == row.scale and other.number != row.number]
    for name_of in ALIKE:
        left = [other for other in left if getattr(other, name_of) == getattr(row, name_of)] or left
    if len(left) != 1:
        raise NotComparedError(f"{len(left) or 'no'} rows are called {name}, as MODEL:variant would tell them apart")
    return left[0]
