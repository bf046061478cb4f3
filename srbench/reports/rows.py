"""Which run stands in which row of the table, and the order of the rows.

A row holds the runs of one ablation, model, variant, scale, context and degradation of LR: they differ in their seeds.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import TypeVar

from srbench.experiments.store.overrides import given, parse_override
from srbench.experiments.store.plans import factors_of
from srbench.experiments.store.record import Membership, Record
from srbench.experiments.store.study import Study, StudyRun
from srbench.reports.certified import Degradations, degradations_of
from srbench.reports.trained_on import in_turn, trained_by

BICUBIC = "bicubic"  # the model of the reference row
DEGRADATION = "data.degradation"
STUDY, CODE = "study", "code"  # which no override is called that fixes weights
ROOT = "data.root"
OWN_COLUMNS = {"model", "scale", "seed"}  # keys of overrides

ShownContext = tuple[tuple[str, str], ...]
Placed = TypeVar("Placed")


@dataclass(frozen=True)
class Member:
    """A run in one of its ablations, or with `ablation` "" in none. `context`: a digest of what it has in common with
    the runs that it is compared with; `shown`: keys and values of its overrides outside the ablations. `degradations`:
    what was done to its LR beyond the plain shrinking. `row`: of the table, from 0."""

    run: StudyRun
    ablation: str
    variant: str
    baseline: bool
    context: str
    shown: ShownContext
    degradations: Degradations
    row: int

    @cached_property
    def record(self) -> Record | None:
        """None where the run is not done: a failed one may have left scores of an earlier state."""
        return self.run.record if self.run.status == "done" else None

    @property
    def model(self) -> str:
        """The preset's name, or the class's."""
        return self.run.model

    @property
    def scale(self) -> int | None:
        """None where neither a plan nor a record tells it."""
        return self.run.known.scale if self.run.known else None

    @property
    def seed(self) -> int | None:
        """None where neither a plan nor a record tells it."""
        return self.run.known.seed if self.run.known else None

    @property
    def trained(self) -> bool:
        """Whether its seed counts: fixed weights score the same with every seed."""
        return self.run.record is not None and self.run.record.train.steps > 0


def members_of(study: Study) -> tuple[Member, ...]:
    """The study's runs, once for each ablation that they are in, in the table's order."""
    ablations = study.ablations

    @cache
    def factors(ablation: str, class_name: str) -> frozenset[str]:
        return factors_of(ablations.get(ablation, {}), class_name)

    members = [member for run in study.runs for member in _entries(run, factors)]
    ordered = _in_order(_by_root(_told_apart(_by_code(members))), ablations)
    rows = _places(map(_of_row, ordered))
    return tuple(replace(one, row=rows[_of_row(one)]) for one in ordered)


def _compared(member: Member) -> Hashable:
    return member.ablation, member.model, member.scale, member.context, member.degradations


def _of_row(member: Member) -> Hashable:
    return _compared(member), member.variant


def _entries(run: StudyRun, factors: Callable[[str, str], Set[str]]) -> Iterator[Member]:
    class_name = run.known.class_name if run.known else ""
    # A baseline that two ablations share carries the factors of either or both; none may part it from its variants.
    varied = {key for one in run.memberships for key in factors(one.ablation, class_name)}
    shown, degradations = _shown(run.overrides, varied), _degradations(run)
    contexts = run.planned.contexts if run.planned else {}
    for one in run.memberships or [Membership("", run.variant, False)]:
        context = contexts.get(one.ablation) or repr(shown)  # a run that nobody planned has its words alone
        yield Member(run, one.ablation, one.variant, one.baseline, context, shown, degradations, 0)


def _degradations(run: StudyRun) -> Degradations:
    """As scored, else as planned."""
    scored = degradations_of(run.record) if run.record and run.status == "done" else None
    if scored is not None:
        return scored
    return (run.planned.degradation,) if run.planned and run.planned.degradation else ()


def _shown(words: Iterable[str], factors: Set[str]) -> ShownContext:
    overrides = map(parse_override, words)
    skipped = OWN_COLUMNS | {ROOT} | factors
    return tuple(sorted((one.key, one.value) for one in overrides if one.fixes_weights and one.key not in skipped))


def _by_code(members: Sequence[Member]) -> list[Member]:
    """With the code of the user's own classes in the context of trainings where it was edited in between: what was
    trained before is no other seed, and no baseline, of what was trained since."""
    codes = [trained_by(one.record) if one.record and one.trained else {} for one in members]
    forms: dict[Hashable, set[str]] = {}
    for one, code in zip(members, codes, strict=True):
        for place, digests in code.items():
            forms.setdefault((_compared(one), place), set()).add(in_turn(digests))
    edited = [
        [in_turn(digests) for place, digests in code.items() if len(forms[_compared(one), place]) > 1]
        for one, code in zip(members, codes, strict=True)
    ]
    return [
        _with(one, CODE, ", ".join(dict.fromkeys(code))) if code else one
        for one, code in zip(members, edited, strict=True)
    ]


def _by_root(members: Sequence[Member]) -> list[Member]:
    """With the folder of the training images shown of rows that would else look alike; elsewhere it is a matter of the
    machine."""
    contexts: dict[Hashable, set[str]] = {}
    looks = [(one.ablation, one.model, one.scale, one.variant, one.degradations, one.shown) for one in members]
    for one, look in zip(members, looks, strict=True):
        contexts.setdefault(look, set()).add(one.context)
    roots = [given(one.run.overrides, ROOT) for one in members]
    return [
        replace(one, shown=(*one.shown, (ROOT, root))) if root and len(contexts[look]) > 1 else one
        for one, look, root in zip(members, looks, roots, strict=True)
    ]


def _told_apart(members: Sequence[Member]) -> list[Member]:
    """With the config's hash in the context of runs that nothing else tells apart.

    Such twins come from an edited config file; which of them a baseline belongs to is unknown.
    """
    keys = [(_of_row(one), one.seed) for one in members]
    counts = Counter(keys)
    return [one if counts[key] == 1 else _marked(one) for one, key in zip(members, keys, strict=True)]


def _marked(member: Member) -> Member:
    return _with(member, "config_hash", member.run.known.config_hash[:8] if member.run.known else "")


def _with(member: Member, key: str, value: str) -> Member:
    return replace(member, context=f"{member.context} {value}", shown=(*member.shown, (key, value)))


# The order


def _in_order(members: Sequence[Member], ablations: Iterable[str]) -> list[Member]:
    """Runs in no ablation first, by degradation and scale, bicubic on top; then ablation by ablation, by degradation,
    model, scale and context, the baseline on top."""
    ablation = _places([*ablations, *(one.ablation for one in members)])
    degradation = _places(one.degradations for one in members)
    model, context = _places(one.model for one in members), _places(one.context for one in members)

    def scale(one: Member) -> float:
        return float("inf") if one.scale is None else one.scale

    def alone(one: Member) -> tuple[float, ...]:
        return degradation[one.degradations], scale(one), one.model != BICUBIC

    def compared(one: Member) -> tuple[float, ...]:
        place = ablation[one.ablation], degradation[one.degradations], model[one.model]
        return *place, scale(one), context[one.context], not one.baseline

    outside = sorted((one for one in members if not one.ablation), key=alone)
    return outside + sorted((one for one in members if one.ablation), key=compared)


def _places(values: Iterable[Placed]) -> dict[Placed, int]:
    """Of each value the number of others before it."""
    return {value: place for place, value in enumerate(dict.fromkeys(values))}


# What tells rows apart


def differing(members: Sequence[Member]) -> tuple[str, ...]:
    """Override keys that tell rows apart, and `study` where the runs are of several. The bicubic row's own do not
    count: it is never trained."""
    contexts = [dict(shown) for shown in {one.context: one.shown for one in members if one.model != BICUBIC}.values()]
    keys = sorted({key for context in contexts for key in context})
    study = [STUDY] if any(one.run.studies for one in members) else []
    return (*study, *(key for key in keys if len({context.get(key) for context in contexts}) > 1))
