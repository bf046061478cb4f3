"""A study as it stands on disk: the union of its plans, with the records of its runs. No torch, no Hydra."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from srbench.core.errors import UserError
from srbench.experiments.store.plans import FOLDER, Plan, PlannedRun, read_plans, united
from srbench.experiments.store.record import FILE, Membership, Record, read_record

BEGUN = "config.yaml"  # what a run writes first


@dataclass(frozen=True)
class StudyRun:
    """A run that is planned, or lies there unplanned. `problem`: why it has no record that can be read."""

    folder: Path
    planned: PlannedRun | None
    record: Record | None
    problem: str = ""

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
        return (self.known.variant if self.known else None) or "default"

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
    """`runs`: those of the plans, in their order, then those that lie there unplanned."""

    folder: Path
    plans: tuple[Plan, ...]
    runs: tuple[StudyRun, ...]

    @property
    def name(self) -> str:
        """As its last command has it."""
        return self.plans[-1].study

    @property
    def commands(self) -> tuple[str, ...]:
        """Each once, the oldest first."""
        return tuple(dict.fromkeys(plan.command for plan in self.plans))

    @property
    def ablations(self) -> dict[str, Any]:
        """The YAML files of all commands, by name."""
        return {name: content for plan in self.plans for name, content in plan.ablations.items()}

    @property
    def claims(self) -> tuple[Any, ...]:
        """Of all commands, each once."""
        claims = [claim for plan in self.plans for claim in plan.claims]
        return tuple(claim for number, claim in enumerate(claims) if claim not in claims[:number])

    @property
    def published(self) -> dict[str, Any]:
        """What others have published, by checkpoint."""
        return {name: entries for plan in self.plans for name, entries in plan.published.items()}

    @cached_property
    def done(self) -> tuple[Record, ...]:
        """The records of the runs that are done."""
        return tuple(run.record for run in self.runs if run.record and run.status == "done")


def read_study(folder: Path) -> Study:
    """The study in `folder`; a record that cannot be read makes its run a failed one. UserError without a plan."""
    plans = read_plans(folder)
    if not plans:
        raise UserError(_no_study(folder))
    there = {path.parent.name for path in folder.glob(f"*/{BEGUN}")}
    return Study(folder, plans, tuple(_runs(folder, united(plans, there))))


def _runs(folder: Path, planned: dict[str, PlannedRun]) -> Iterator[StudyRun]:
    found = sorted(path.parent.name for path in folder.glob(f"*/{FILE}"))
    for name in [*planned, *(name for name in found if name not in planned)]:
        try:
            yield StudyRun(folder / name, planned.get(name), read_record(folder / name))
        except UserError as reason:
            yield StudyRun(folder / name, planned.get(name), None, str(reason).removeprefix(f"{folder / name}/"))


def _no_study(folder: Path) -> str:
    if not folder.is_dir():
        reason = f"{folder}: no such study"
    else:
        reason = f"{folder}: no study there: no {FOLDER}/ (it holds: {_listed(path.name for path in folder.iterdir())})"
    parent = folder.absolute().parent
    names = (path.parent.name for path in parent.glob(f"*/{FOLDER}")) if parent.is_dir() else ()
    return f"{reason}; studies in {folder.parent}: {_listed(names)}"


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(names)
    return ", ".join(ordered[:10] + ["…"] * (len(ordered) > 10)) or "none"
