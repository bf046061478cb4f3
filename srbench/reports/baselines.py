"""Which run is compared with which: with the baseline of its ablation, model, scale, seed and overrides beside it."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from srbench.reports.rows import Member


@dataclass(frozen=True)
class BaselinePair:
    """A finished run and its baseline, by their places among the members; a baseline stands beside itself."""

    member: int
    against: int


def baseline_pairs(members: Sequence[Member]) -> tuple[BaselinePair, ...]:
    """Of every finished run that has a baseline; of two baselines none is taken.

    Seeds are those of trained runs. Fixed weights score the same whatever the seed: of the seeds of a row with fixed
    weights, and a baseline with fixed weights, there is one pair.
    """
    compared = [place for place, member in enumerate(members) if member.record and member.ablation]
    baselines: dict[Hashable, int | None] = {}
    for place in compared:
        if members[place].baseline:
            # Two are left by an ablation file whose baseline was changed between two commands of a study.
            baselines[_key(members[place])] = None if _key(members[place]) in baselines else place
    found, fixed = list[BaselinePair](), set[int]()
    for place in compared:
        against = baselines.get(_key(members[place]))
        if against is None:
            continue
        if not (members[place].trained or members[against].trained):
            if members[place].row in fixed:
                continue
            fixed.add(members[place].row)
        found.append(BaselinePair(place, against))
    return tuple(found)


def degraded_alike(members: Sequence[Member], pair: BaselinePair) -> bool:
    """Whether a run and its baseline saw LR of the same degradation."""
    return members[pair.member].degradations == members[pair.against].degradations


def _key(member: Member) -> Hashable:
    return member.ablation, member.model, member.scale, member.seed, member.context
