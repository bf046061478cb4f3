"""Folders of images that `data prepare` writes: made once, by one recipe, and gone on with where it was interrupted."""

import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srbench.core.errors import UserError
from srbench.data.images import SUFFIXES
from srbench.data.layouts import ImageSet

NOTE = "prepared.json"  # in each folder: what made it
END_OF_PNG = b"\0\0\0\0IEND\xae\x42\x60\x82"
AN_HOUR = 3600


@dataclass(frozen=True)
class Place:
    """Where what is made of a set is put, in EDSR's layout, or DIV2K's with the set's name before each folder's."""

    root: Path
    prefix: str

    @property
    def hr(self) -> Path:
        """The folder of HR images."""
        return _child(self.root, f"{self.prefix}HR")

    def lr(self, scale: int) -> Path:
        """The folder of LR images."""
        return _child(_child(self.root, f"{self.prefix}LR_bicubic"), f"X{scale}")


def place_of(images: ImageSet, out: Path | None, data_root: Path) -> Place:
    """Below `out` if it is given, else beside HR, or for another layout below `data_root/benchmark`."""
    of_div2k = images.layout == "DIV2K"
    if out:
        return Place(out if of_div2k else out / images.name, _prefix(images))
    beside = images.layout in ("EDSR", "DIV2K")
    return Place(images.folder if beside else data_root / "benchmark" / images.name, _prefix(images))


def claim(folder: Path, recipe: Mapping[str, Any]) -> None:
    """Makes the folder for what `recipe`, of JSON's types, describes, or finds it made for that.

    Removes what processes that were killed have left there. UserError where it holds what another recipe made, or
    images that srbench did not make.
    """
    note = folder / NOTE
    if note.is_file():
        before = json.loads(note.read_bytes())
        changed = [key for key in {**before, **recipe} if before.get(key) != recipe.get(key)]
        if changed:
            was, now = (", ".join(f"{key} {made.get(key)}" for key in changed) for made in (before, recipe))
            raise UserError(f"{folder}: was made with {was}, not {now}; delete it, or write elsewhere with out=DIR")
        _sweep(folder)
        return
    if is_foreign(folder):
        raise UserError(
            f"{folder}: holds images that srbench did not make (data check tells what did); "
            "move them away, or write elsewhere with out=DIR"
        )
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{NOTE}.{os.getpid()}"
    partial.write_text(json.dumps(recipe, indent=2) + "\n", encoding="utf-8")
    partial.replace(note)


def is_foreign(folder: Path) -> bool:
    """Whether it holds images, but none of srbench's."""
    if not folder.is_dir() or (folder / NOTE).is_file():
        return False
    return any(path.suffix.lower() in SUFFIXES for path in folder.iterdir())


def is_made(path: Path, source: Path) -> bool:
    """Whether the PNG at `path` is there, to its end, and not older than the file that it is made from."""
    try:
        with path.open("rb") as file:
            file.seek(-len(END_OF_PNG), os.SEEK_END)
            whole = file.read() == END_OF_PNG
        return whole and path.stat().st_mtime_ns >= source.stat().st_mtime_ns
    except OSError:
        return False


def _sweep(folder: Path) -> None:
    """Half-written images, unless another process may still write them."""
    for path in folder.iterdir():
        if re.fullmatch(r"\.[0-9a-f]{32}\.png", path.name) and time.time() - path.stat().st_mtime > AN_HOUR:
            path.unlink(missing_ok=True)


def _prefix(images: ImageSet) -> str:
    return f"{images.name}_" if images.layout == "DIV2K" else ""


def _child(folder: Path, name: str) -> Path:
    """The subfolder of that name in upper or lower case, or where it would be."""
    there = folder.iterdir() if folder.is_dir() else ()
    return next((path for path in there if path.name.lower() == name.lower()), folder / name)
