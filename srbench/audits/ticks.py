"""What a check has found: a line for each thing that it has looked at."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from srbench.core.errors import UserError, first_line, first_line_with_type

State = Literal["ok", "red", "left out"]
SIGNS: dict[State, str] = {"ok": "✓", "red": "✗", "left out": "–"}


@dataclass(frozen=True)
class Tick:
    """`must`: whether nothing works without it. `told`: what was found; `cure`: what to do, where it is red."""

    name: str
    must: bool
    state: State
    told: str
    cure: str = ""

    def __str__(self) -> str:
        kind = "" if self.state != "red" else " (must)" if self.must else " (should)"
        cure = f". {self.cure}" if self.cure else ""
        return f"{SIGNS[self.state]} {self.name}{kind}: {self.told.removesuffix('.') if cure else self.told}{cure}"


@dataclass(frozen=True)
class Fitness:
    """The ticks of a network, or of a metric, in the order in which they were looked at."""

    subject: str
    ticks: tuple[Tick, ...]

    @property
    def fit(self) -> bool:
        """Whether all that must be is."""
        return not any(tick.must and tick.state == "red" for tick in self.ticks)

    def __str__(self) -> str:
        red = [tick for tick in self.ticks if tick.state == "red"]
        musts = sum(tick.must for tick in red)
        ok = sum(tick.state == "ok" for tick in self.ticks)
        verdict = f"{ok} of {len(self.ticks)} are well, {len(red)} red, of which {musts} must not be"
        return "\n".join([f"{self.subject}: {verdict}", *map(str, self.ticks)])


class RedError(Exception):
    """What is wrong, and what to do about it."""

    def __init__(self, told: str, cure: str) -> None:
        super().__init__(told)
        self.cure = cure


class LeftOutError(Exception):
    """Why something could not be looked at here."""


@dataclass(frozen=True)
class Inspection:
    """One thing to look at: `found` says in words what is there, or raises RedError, LeftOutError or whatever else a
    stranger's code does; `cure`: for the latter."""

    name: str
    must: bool
    found: Callable[[], str]
    cure: str

    def left_out(self, reason: str) -> Tick:
        """Not looked at."""
        return Tick(self.name, self.must, "left out", reason)

    def tick(self) -> Tick:
        """What is found."""
        try:
            with _in_one_line():
                return Tick(self.name, self.must, "ok", self.found())
        except LeftOutError as reason:
            return self.left_out(str(reason))
        except RedError as reason:
            return Tick(self.name, self.must, "red", str(reason), reason.cure or self.cure)


@contextmanager
def _in_one_line() -> Iterator[None]:
    try:
        yield
    except (LeftOutError, RedError):
        raise
    except UserError as error:
        raise RedError(first_line(error), "") from error
    except Exception as error:  # whatever somebody else's network does
        raise RedError(first_line_with_type(error), "") from error
