"""Images of any sizes in one file that is mapped into memory, not read: what is not in use costs no memory, and all
processes of a machine share what is.

A pile is a folder with `pixels.npy`, the values of all images one after the other, and `index.json`, which says where
each lies and what the pile was made from. Both appear once they are whole; a pile that is being made lies beside
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
from srbench.core.pixel_format import RGB8, PixelFormat
from srbench.core.progress import Listener

Size = tuple[int, int]  # height and width
Task = tuple[tuple[str, ...], tuple[Any, ...]]  # the names of images, and the arguments that they are made from
Make = Callable[..., Sequence[np.ndarray]]  # (H, W, C) each


@dataclass(frozen=True)
class Pile:
    """`sizes`: of the images, by name, in the order in which they lie; `about`: what fixes their pixels, as JSON;
    `form`: what they are."""

    folder: Path
    sizes: Mapping[str, Size]
    about: Mapping[str, Any]
    form: PixelFormat = RGB8

    @property
    def index(self) -> dict[str, Any]:
        """What index.json holds: of each image its first value's place, height and width."""
        places, place = {}, 0
        for name, (height, width) in self.sizes.items():
            places[name] = [place, height, width]
            place += height * width * self.form.channels
        about = dict(self.about) if self.form == RGB8 else {**self.about, "form": vars(self.form)}
        index: dict[str, Any] = json.loads(json.dumps({"about": about, "values": place, "images": places}))
        return index

    @property
    def is_whole(self) -> bool:
        """Whether it is there as described."""
        index, pixels = self.index, self.folder / "pixels.npy"
        if _read_json(self.folder / "index.json") != index or not pixels.is_file():
            return False
        header = _header(index["values"], self.form)
        return pixels.stat().st_size == len(header) + int(index["values"]) * self.form.dtype.itemsize


def images(folder: Path) -> dict[str, np.ndarray]:
    """The images of a pile that is whole, by name: read-only (H, W, C), mapped."""
    index = json.loads((folder / "index.json").read_bytes())
    channels = PixelFormat(**index["about"].get("form", {})).channels
    pixels = np.load(folder / "pixels.npy", mmap_mode="r")
    return {
        name: pixels[place : place + height * width * channels].reshape(height, width, channels)
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
        _begin(pixels, index["values"], pile.form)
        done.write_text("", encoding="utf-8")
        begun.write_text(json.dumps(index), encoding="utf-8")  # last: it says that the other two belong to it
    finished = set(done.read_text(encoding="utf-8").splitlines())
    left = [(names, arguments) for names, arguments in tasks if names[0] not in finished]
    start = pixels.stat().st_size - index["values"] * pile.form.dtype.itemsize
    put = partial(_put, pixels, start, make, pile.form)
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


def _begin(pixels: Path, values: int, form: PixelFormat) -> None:
    """A file of zeros that takes no room yet, in NumPy's format."""
    free, needed = shutil.disk_usage(pixels.parent).free, values * form.dtype.itemsize
    if needed > free:
        raise UserError(f"{pixels.parent}: {needed / 1e9:.1f} GB are needed there, {free / 1e9:.1f} GB are free")
    header = _header(values, form)
    with pixels.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + needed)


def _header(values: int, form: PixelFormat) -> bytes:
    content, described = BytesIO(), np.lib.format.dtype_to_descr(form.dtype)
    np.lib.format.write_array_header_1_0(content, {"descr": described, "fortran_order": False, "shape": (values,)})
    return content.getvalue()


def _put(
    pixels: Path, start: int, make: Make, form: PixelFormat, task: tuple[list[list[int]], tuple[Any, ...]]
) -> None:
    """Written, not mapped: where the disk is full, a write fails, and a mapped value kills the process."""
    places, arguments = task
    with pixels.open("r+b") as file:
        for (place, height, width), image in zip(places, make(*arguments), strict=True):
            assert image.shape == (height, width, form.channels)
            assert image.dtype == form.dtype
            file.seek(start + place * form.dtype.itemsize)
            file.write(np.ascontiguousarray(image).data)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
