"""How far a run is: told to a terminal by the run itself, or to the launcher that started it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

console = Console(stderr=True, highlight=False, soft_wrap=True)

# Set where a launcher listens; None: the run shows its own bar.
listener: "Listener | None" = None


class Listener(Protocol):
    """Hears from a run."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """`stage`: what the run does, with its latest number; `done` of `total` steps or images."""


@dataclass(frozen=True)
class Pipe:
    """Tells the launcher; ends the run when the launcher is gone."""

    connection: Connection

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Sends what it hears. Raises KeyboardInterrupt where nobody listens any more."""
        try:
            self.connection.send((stage, done, total))
        except (BrokenPipeError, ConnectionResetError):
            raise KeyboardInterrupt from None


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
    """A single run's bar."""
    with bars() as progress:
        task = progress.add_task(name, total=None)

        def tell(stage: str, done: int, total: int) -> None:
            progress.update(task, description=f"{name}  {stage}", completed=done, total=total)

        yield tell
