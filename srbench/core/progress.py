"""How far work is: shown as bars at a terminal, or told to whoever waits for it in another process."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from srbench.core.harmless import visible


class PlainConsole(Console):
    """Shows text as it is: rich's markup is none, and what cannot be seen is spelled."""

    def print(self, *objects: Any, **options: Any) -> None:
        """As rich's."""
        super().print(*(visible(one) if isinstance(one, str) else one for one in objects), **options)


class Description(ProgressColumn):
    """A bar's text, as it is."""

    def render(self, task: Task) -> Text:
        """As rich's."""
        return Text(visible(task.description))


console = PlainConsole(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)


class Listener(Protocol):
    """Hears of one piece of work."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """`stage`: what is done, with its latest number; `done` of `total` steps, images or bytes (0: unknown)."""


class RunListener(Protocol):
    """Hears of a run: as Listener, with the name of the run's step that is at work first."""

    def __call__(self, part: str, stage: str, done: int, total: int) -> None:
        """`part`: train, score, cost or latency."""


class News(NamedTuple):
    """What a RunListener hears, sent to another process."""

    part: str
    stage: str
    done: int
    total: int


@dataclass(frozen=True)
class Pipe:
    """A RunListener that sends News; ends the run when nobody listens any more."""

    connection: Connection

    def __call__(self, part: str, stage: str, done: int, total: int) -> None:
        """Raises KeyboardInterrupt where the other end is gone."""
        try:
            self.connection.send(News(part, stage, done, total))
        except (BrokenPipeError, ConnectionResetError):
            raise KeyboardInterrupt from None


def silent(stage: str, done: int, total: int) -> None:
    """A Listener that tells nobody."""


def bars() -> Progress:
    """Bars on stderr with done/total and the time left; nothing where stderr is not a terminal."""
    return Progress(
        Description(),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


@contextmanager
def bar(name: str) -> Iterator[Listener]:
    """A bar of one piece of work."""
    with bars() as progress:
        task = progress.add_task(name, total=None)

        def tell(stage: str, done: int, total: int) -> None:
            progress.update(task, description=f"{name}  {stage}", completed=done, total=total)

        yield tell


@contextmanager
def run_bar(name: str) -> Iterator[RunListener]:
    """A bar of one run, that shows the step that is at work."""
    with bar(name) as tell:
        yield lambda part, stage, done, total: tell(stage, done, total)
