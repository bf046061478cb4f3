"""Images of any sizes in one file that is mapped into memory, not read: what is not in use costs no memory, and all
processes of a machine share what is.

A pile is a folder with `pixels.npy`, the uint8 values of all images one after the other, and `index.json`, which says
where each lies and what the pile was made from. Both appear once they are whole; a pile that is being made lies beside
them under other names, and whoever makes it next goes on with it.
"""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from srbench.core.errors import UserError
from srbench.core.files import sync
from srbench.core.lock_files import locked
from srbench.core.parallel import each
from srbench.core.progress import Listener

Size = tuple[int, int]  # height and width
Task = tuple[tuple[str, ...], tuple[Any, ...]]  # the names of images, and the arguments that they are made from
Make = Callable[..., Sequence[np.ndarray]]  # uint8 (H, W, 3) each


@dataclass(frozen=True)
class Pile:
    """`sizes`: of the images, by name, in the order in which they lie; `about`: what fixes their pixels, as JSON."""

    folder: Path
    sizes: Mapping[str, Size]
    about: Mapping[str, Any]

    @property
    def index(self) -> dict[str, Any]:
        """What index.json holds: of each image its first value's place, height and width."""
        places, place = {}, 0
        for name, (height, width) in self.sizes.items():
            places[name] = [place, height, width]
            place += height * width * 3
        index: dict[str, Any] = json.loads(json.dumps({"about": self.about, "values": place, "images": places}))
        return index

    @property
    def is_whole(self) -> bool:
        """Whether it is there as described."""
        index, pixels = self.index, self.folder / "pixels.npy"
        if _read_json(self.folder / "index.json") != index or not pixels.is_file():
            return False
        return pixels.stat().st_size == len(_header(index["values"])) + int(index["values"])


def images(folder: Path) -> dict[str, np.ndarray]:
    """The images of a pile that is whole, by name: read-only uint8 (H, W, 3), mapped."""
    index = json.loads((folder / "index.json").read_bytes())
    pixels = np.load(folder / "pixels.npy", mmap_mode="r")
    return {
        name: pixels[place : place + height * width * 3].reshape(height, width, 3)
        for name, (place, height, width) in index["images"].items()
    }


def build(pile: Pile, make: Make, tasks: Sequence[Task], jobs: int, tell: Listener) -> None:
    """Makes what is missing of the pile. `make(*arguments)` gives the images of a task, in the order of their names.

    Another process that builds it is waited for. UserError where the disk has too little room, or fails.
    """
    if pile.is_whole:
        return
    try:
        pile.folder.mkdir(parents=True, exist_ok=True)
        with locked(pile.folder / "lock", lambda: tell(f"{pile.folder.name}: waits for another process", 0, 1)):
            if not pile.is_whole:
                _build(pile, make, tasks, jobs, tell)
    except OSError as error:
        raise UserError(f"{pile.folder}: cannot be written ({error})") from error


def _build(pile: Pile, make: Make, tasks: Sequence[Task], jobs: int, tell: Listener) -> None:
    pixels, begun, done = (pile.folder / name for name in ("pixels.part.npy", "index.part.json", "done.part.txt"))
    index = pile.index
    if _read_json(begun) != index or not pixels.is_file():
        _begin(pixels, index["values"])
        done.write_text("", encoding="utf-8")
        begun.write_text(json.dumps(index), encoding="utf-8")  # last: it says that the other two belong to it
    finished = set(done.read_text(encoding="utf-8").splitlines())
    left = [(names, arguments) for names, arguments in tasks if names[0] not in finished]
    start = pixels.stat().st_size - index["values"]
    put = partial(_put, pixels, start, make)
    placed = [([index["images"][name] for name in names], arguments) for names, arguments in left]
    with done.open("a", encoding="utf-8") as file:
        for (names, _), _ in zip(left, each(put, placed, jobs, tell, pile.folder.name), strict=True):
            file.write(f"{names[0]}\n")
            file.flush()
    sync(pixels)
    (pile.folder / "index.json").unlink(missing_ok=True)  # it would describe other pixels for a moment
    pixels.replace(pile.folder / "pixels.npy")
    begun.replace(pile.folder / "index.json")
    done.unlink()


def _begin(pixels: Path, values: int) -> None:
    """A file of zeros that takes no room yet, in NumPy's format."""
    free = shutil.disk_usage(pixels.parent).free
    if values > free:
        raise UserError(f"{pixels.parent}: {values / 1e9:.1f} GB are needed there, {free / 1e9:.1f} GB are free")
    header = _header(values)
    with pixels.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + values)


def _header(values: int) -> bytes:
    content = BytesIO()
    np.lib.format.write_array_header_1_0(content, {"descr": "|u1", "fortran_order": False, "shape": (values,)})
    return content.getvalue()


def _put(pixels: Path, start: int, make: Make, task: tuple[list[list[int]], tuple[Any, ...]]) -> None:
    """Written, not mapped: where the disk is full, a write fails, and a mapped value kills the process."""
    places, arguments = task
    with pixels.open("r+b") as file:
        for (place, height, width), image in zip(places, make(*arguments), strict=True):
            assert image.shape == (height, width, 3)
            file.seek(start + place)
            file.write(np.ascontiguousarray(image).data)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
