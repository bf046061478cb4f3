"""A study as it stands on disk: the union of its plans, with the records of its runs. No torch, no Hydra."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from srbench.core.errors import UserError
from srbench.experiments.store.plans import FOLDER, Plan, PlannedRun, plan_files, read_plan, united
from srbench.experiments.store.published_figures import PublishedRuns
from srbench.experiments.store.record import DEFAULT, FILE, Membership, Record, read_record
from srbench.experiments.store.stated_claims import StatedClaim

BEGUN = "config.yaml"  # what a run writes first


@dataclass(frozen=True)
class StudyRun:
    """A run that is planned, or lies there unplanned. `problem`: why it has no record that can be read. `studies`: the
    names of those in which it lies, where several are read together; `scored_in`: of these the run's other folders, by
    the data sets that its record has from there."""

    folder: Path
    planned: PlannedRun | None
    record: Record | None
    problem: str = ""
    studies: tuple[str, ...] = ()
    scored_in: Mapping[str, Path] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The folder's."""
        return self.folder.name

    @property
    def status(self) -> Literal["done", "failed", "missing"]:
        """`failed` also for a record that cannot be read, `missing` for a run that has not ended yet."""
        if self.record and not self.record.is_open:
            return self.record.status
        return "failed" if self.problem else "missing"

    @property
    def error(self) -> str:
        """Why the run is not done; empty for one that is."""
        if self.record and not self.record.is_open:
            return self.record.error or ""
        return self.problem or ("begun, not finished" if (self.folder / BEGUN).is_file() else "not run yet")

    @property
    def known(self) -> PlannedRun | Record | None:
        """What tells who the run is: its plan, else its record."""
        return self.planned or self.record

    @property
    def model(self) -> str:
        """The preset's name, or the class's; the folder's name where nothing tells it."""
        return self.known.model if self.known else self.name

    @property
    def variant(self) -> str:
        """`default` for none."""
        return (self.known.variant if self.known else None) or DEFAULT

    @property
    def memberships(self) -> tuple[Membership, ...]:
        """In the ablations of every command that planned it."""
        return self.known.memberships if self.known else ()

    @property
    def overrides(self) -> tuple[str, ...]:
        """The words of the command line that fix the weights."""
        return self.known.overrides if self.known else ()


@dataclass(frozen=True)
class Study:
    """`name`: the folder's, as what plans say may be of another study, of which this is a copy. `folders`: that one; of
    several studies read together each, and of one that was read from a pack its file. `runs`: those of the plans, in
    their order, then those that lie there unplanned. `strange`: a line on each plan that cannot be read, and each
    record of a run that lies elsewhere, which do not count; and where it is a copy."""

    name: str
    folders: tuple[Path, ...]
    plans: tuple[Plan, ...]
    runs: tuple[StudyRun, ...]
    strange: tuple[str, ...] = ()

    @property
    def commands(self) -> tuple[str, ...]:
        """Each once, the oldest first."""
        return tuple(dict.fromkeys(plan.command for plan in self.plans))

    @property
    def ablations(self) -> dict[str, Any]:
        """The YAML files of all commands, by name."""
        return {name: content for plan in self.plans for name, content in plan.ablations.items()}

    @property
    def claims(self) -> tuple[StatedClaim | Any, ...]:
        """Of all commands, each once, as the last one states it; the texts of an older srbench are none."""
        found: dict[Any, StatedClaim | Any] = {}
        for claim in (claim for plan in self.plans for claim in plan.claims):
            found[(claim.of_sweep, claim.ablation, claim.name) if isinstance(claim, StatedClaim) else repr(claim)] = (
                claim
            )
        return tuple(found.values())

    @property
    def published(self) -> dict[str, Any]:
        """What others have published, by checkpoint."""
        return {name: entries for plan in self.plans for name, entries in plan.published.items()}

    @property
    def published_runs(self) -> dict[str, PublishedRuns]:
        """What others have published of the runs of a sweep, by its name."""
        return {name: runs for plan in self.plans for name, runs in plan.published_runs.items()}

    @cached_property
    def done(self) -> tuple[Record, ...]:
        """The records of the runs that are done."""
        return tuple(run.record for run in self.runs if run.record and run.status == "done")


def open_study(folder: Path) -> Study:
    """The study in `folder`; a record that cannot be read makes its run a failed one. UserError where there is no plan,
    or none that can be read."""
    plans, strange = list[Plan](), list[str]()
    for path in plan_files(folder):
        try:
            plans.append(read_plan(path))
        except UserError as reason:
            strange.append(str(reason))
    if not plans:
        raise UserError(strange[0] if strange else _no_study(folder))
    planned = united(plans, {path.parent.name for path in folder.glob(f"*/{BEGUN}")})
    runs = [_run(folder, name, planned.get(name)) for name in _names(folder, planned)]
    copies = {run.name: told for place, run in enumerate(runs) if (told := _of_another(run, runs[:place]))}
    strange += [f"{name}: {told}; it is not counted" for name, told in copies.items()]
    strange += _claimed_twice(plans)
    strange += _of_other_studies(folder, plans)
    counted = tuple(run for run in runs if run.name not in copies)
    return Study(folder.resolve().name, (folder,), tuple(plans), counted, tuple(strange))


def _names(folder: Path, planned: Iterable[str]) -> list[str]:
    """The folders of the runs: the planned ones, then the others."""
    found = sorted(path.parent.name for path in folder.glob(f"*/{FILE}"))
    return list(dict.fromkeys([*planned, *found]))


def _run(folder: Path, name: str, planned: PlannedRun | None) -> StudyRun:
    try:
        record = read_record(folder / name)
    except UserError as reason:
        return StudyRun(folder / name, planned, None, str(reason).removeprefix(f"{folder / name}/"))
    if record and planned and (record.run != name or record.config_hash != planned.config_hash):
        return StudyRun(folder / name, planned, None, f"{FILE} is of another run: {record.run}")
    return StudyRun(folder / name, planned, record)


def _claimed_twice(plans: Iterable[Plan]) -> Iterator[str]:
    """A line on each folder that plans know as different runs."""
    told = dict.fromkeys((name, run.config_hash) for plan in plans for name, run in plan.runs.items())
    for name, count in Counter(name for name, _ in told).items():
        if count > 1:
            yield f"{name}: plans know {count} runs by this name; the last one counts"


def _of_other_studies(folder: Path, plans: Iterable[Plan]) -> Iterator[str]:
    """A line where the folder has another name than the study of a plan."""
    for study in dict.fromkeys(plan.study for plan in plans):
        if study != folder.resolve().name:
            yield f"{folder.name} is a copy of the study {study}, or another name for it"


def _of_another(run: StudyRun, before: Iterable[StudyRun]) -> str:
    """What to say of a run that nobody planned where its record is of another, a copy say; empty for none."""
    if run.planned or not run.record:
        return ""
    if run.record.run != run.name:
        return f"is a copy of {run.record.run}, or another name for it"
    same = (one.name for one in before if one.known and run_identity(one.known) == run_identity(run.record))
    return next((f"is the same run as {name}" for name in same), "")


def run_identity(run: PlannedRun | Record) -> tuple[str, str, int, int]:
    """Equal for the same run, wherever it lies."""
    return run.config_hash, run.model, run.scale, run.seed


def _no_study(folder: Path) -> str:
    if not folder.is_dir():
        reason = f"{folder}: no such study"
    elif inside := [str(path.parent) for path in folder.glob(f"*/{FOLDER}")]:
        return f"{folder}: is a folder of studies; name one: {_listed(inside)}"
    else:
        reason = f"{folder}: no study there: no {FOLDER}/ (it holds: {_listed(path.name for path in folder.iterdir())})"
    parent = folder.absolute().parent
    names = (path.parent.name for path in parent.glob(f"*/{FOLDER}")) if parent.is_dir() else ()
    return f"{reason}; studies in {folder.parent}: {_listed(names)}"


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(names)
    return ", ".join(ordered[:10] + ["…"] * (len(ordered) > 10)) or "none"
