"""How the loss of a variant differs from its baseline's, step by step: both saw the same batches, so that the noise of
these, which is most of a loss curve, is in neither side of the difference."""

from collections.abc import Mapping, Sequence

from pandas import DataFrame

from srbench.experiments.store.overrides import parse_override
from srbench.experiments.store.record import Record
from srbench.reports.baselines import baseline_pairs
from srbench.reports.comparison import TableRow
from srbench.reports.differences import NotComparedError
from srbench.reports.logged_losses import Logged
from srbench.reports.loss_differences import check_same_objective, chooses_batches
from srbench.reports.rows import Member
from srbench.reports.seed_curves import Curve, curve_of_seeds


class DifferenceCurves:
    """Of finished runs and their baselines among `members`; `losses`: of `loss_frame`."""

    def __init__(self, members: Sequence[Member], losses: DataFrame, logged: Mapping[str, Logged]) -> None:
        self.parts, self.logged = _parts(losses), logged
        self.against: dict[int, list[tuple[Member, Member]]] = {}
        for pair in baseline_pairs(members):
            ours, theirs = members[pair.member], members[pair.against]
            if not ours.baseline:
                self.against.setdefault(ours.row, []).append((ours, theirs))

    def of_row(self, row: TableRow) -> Curve | None:
        """Variant minus baseline, over the seeds that both have; None where there is none, or where the two have
        minimised other losses."""
        pairs = [pair for pair in self.against.get(row.number, ()) if self._is_alike(*pair)]
        found = (self.logged[ours.run.name].minus(self.logged[theirs.run.name]) for ours, theirs in pairs)
        seeds = [one for one in found if one]
        return curve_of_seeds(row.label, False, seeds) if seeds else None

    def _is_alike(self, ours: Member, theirs: Member) -> bool:
        """Whether both have logged the same loss, with the same parts in the same stages, on the same batches."""
        if not (ours.record and theirs.record) or not {ours.run.name, theirs.run.name} <= self.logged.keys():
            return False
        if self.parts[ours.run.name] != self.parts[theirs.run.name] or _batches(ours.record) != _batches(theirs.record):
            return False
        if self.logged[ours.run.name].starts != self.logged[theirs.run.name].starts:
            return False
        try:
            check_same_objective([(ours.record, theirs.record)])
        except NotComparedError:
            return False
        return True


def _batches(record: Record) -> list[object]:
    """Equal for trainings that saw the same patches in the same order."""
    words = [word for word in map(parse_override, record.overrides) if chooses_batches(word.key)]
    stages = [(one.name, one.batch_size, one.hr_patch, one.training_data.sha256) for one in record.train.stages]
    return [*stages, *words, *(certificate.lr.steps for certificate in record.certificates.values())]


def _parts(losses: DataFrame) -> dict[str, list[tuple[object, ...]]]:
    """Of each run by stage which columns hold something."""
    told = losses.drop(columns=["run", "stage"]).notna()
    held = told.groupby([losses.run, losses.stage], sort=False, observed=True).any()
    found: dict[str, list[tuple[object, ...]]] = {}
    for (run, stage), columns in zip(held.index, held.to_numpy().tolist(), strict=True):
        found.setdefault(str(run), []).append((stage, *columns))
    return found
