"""How far work is: shown as bars at a terminal, or told to whoever waits for it in another process."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import NamedTuple, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

console = Console(stderr=True, highlight=False, soft_wrap=True)


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
        TextColumn("{task.description}"),
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
