"""Which scores share a column: at each scale and degradation of LR, those of the same pixels under the same protocol,
made by one major.minor of srbench.

Those of most networks hold the column, of equal numbers the first; the bicubic row decides only where it is alone. Runs
of other degradations stand in groups of their own, in which they are ranked. Tiles are part of how a network runs, as
their number follows from its memory, and only marked.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from srbench.evaluation.certificate import Certificate
from srbench.experiments.store.record import release_line
from srbench.reports.rows import BICUBIC, Member


@dataclass(frozen=True)
class Refusal:
    """The scores on a data set that are left out of a row, and why."""

    row: int
    dataset: str
    reason: str


@dataclass(frozen=True)
class Certified:
    """A member's certificate on a data set, and the major.minor of srbench that it was made by."""

    member: Member
    certificate: Certificate
    line: str

    @cached_property
    def holds(self) -> Hashable:
        """Equal for scores that may share a column."""
        return self.certificate.pixels, self.line

    def told(self, lines: bool) -> str:
        """In words; `lines`: with the version."""
        return f"{self.certificate}, srbench {self.line or 'not recorded'}" if lines else str(self.certificate)


def refusals(members: Sequence[Member], datasets: Iterable[str]) -> tuple[Refusal, ...]:
    """By data set, then by row."""
    return tuple(refusal for dataset in datasets for refusal in _of_dataset(members, dataset))


def _of_dataset(members: Sequence[Member], dataset: str) -> list[Refusal]:
    groups: dict[Hashable, list[Certified]] = {}
    for member in members:
        if member.record and member.record.scores.get(dataset) and dataset in member.record.certificates:
            of_set = certified(member, dataset)
            groups.setdefault((member.scale, member.degradations), []).append(of_set)
    found = [refusal for group in groups.values() for refusal in refusals_within(group, dataset)]
    return sorted(found, key=lambda refusal: refusal.row)


def certified(member: Member, dataset: str) -> Certified:
    """Of a member that is done and was scored on the data set."""
    assert member.record
    return Certified(member, member.record.certificates[dataset], release_line(member.record))


def refusals_within(group: Sequence[Certified], dataset: str) -> Iterator[Refusal]:
    """Of those that one column would hold, the rows that do not fit to most."""
    held = _held(group)
    odd = {one.member.row for one in group if one.holds != held}
    if not odd:
        return
    lines = len({one.line for one in group}) > 1
    texts = Counter(one.told(lines) for one in group if one.holds == held)
    for row in odd:
        own = " and ".join(dict.fromkeys(one.told(lines) for one in group if one.member.row == row))
        yield Refusal(row, dataset, f"scored by {own}; this column holds {texts.most_common(1)[0][0]}")


def _held(group: Sequence[Certified]) -> Hashable:
    """What most runs hold, each counted once, whatever the number of its ablations."""
    held = {one.member.run.name: one.holds for one in group if one.member.model != BICUBIC}
    held = held or {one.member.run.name: one.holds for one in group}
    return Counter(held.values()).most_common(1)[0][0]
