"""python -m tests.faults.training_to_kill FOLDER IMAGES: trainings of two stages, each of which kills itself.

Each is a fork of this process, which has imported what takes seconds to import, and leaves FOLDER/<place>.
"""

import os
import signal
import sys
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

import torch

from srbench.recipes import history
from srbench.recipes.fit import fit
from srbench.recipes.supervised import Supervised
from tests.recipes.toys import a_session, small_carn, two_stages

PLACES = ("first stage", "rows ahead", "half a checkpoint", "between", "second stage")
TOUCHES = range(1, 44, 2)  # of the disk: writing, syncing and renaming files, adding rows


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def write_half(path: Path, content: bytes) -> None:
    """Stands in for Path.write_bytes."""
    with path.open("wb") as file:
        file.write(content[: len(content) // 2])
    die()


class FatalCheckpoint(Supervised):
    """Whose second checkpoint is written halfway."""

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        super().on_save_checkpoint(checkpoint)
        if self.step == 8:
            Path.write_bytes = write_half


def train(folder: Path, files: list[Path], place: str) -> None:
    first, second = two_stages(files)
    validations: list[str] = []

    def validate(model: torch.nn.Module) -> float:
        validations.append(place)
        if len(validations) == {"first stage": 2, "second stage": 4}.get(place):
            die()
        return 30.0

    def written() -> None:
        rows = (folder / "losses.csv").read_text().splitlines()
        if place == "rows ahead" and len(rows) > 8:
            die()

    if place == "half a checkpoint":
        first = replace(first, recipe=partial(FatalCheckpoint, **first.recipe.keywords))
    if place == "between":
        second = replace(second, start=die)
    fit(small_carn(), [first, second], folder, a_session(validate, written=written))


def die_at_touch(number: int) -> None:
    """Before the disk is touched for that time."""
    touches = count(1)

    def dying(function):
        def touch(*arguments, **options):
            if next(touches) == number:
                die()
            return function(*arguments, **options)

        return touch

    for holder, name in ((os, "fsync"), (Path, "write_bytes"), (Path, "replace"), (history, "append")):
        setattr(holder, name, dying(getattr(holder, name)))


def main() -> None:
    torch.set_num_threads(1)
    for place in (*PLACES, *map(str, TOUCHES)):
        folder = Path(sys.argv[1]) / place
        folder.mkdir()
        process = os.fork()
        if not process:
            if place.isdecimal():
                die_at_touch(int(place))
            train(folder, sorted(Path(sys.argv[2]).glob("*.png")), place)
            os._exit(0)
        _, status = os.waitpid(process, 0)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, place


if __name__ == "__main__":
    main()
