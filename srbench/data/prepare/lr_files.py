"""LR images of a set as files, by the resizer that equals MATLAB's bit for bit."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from srbench.data.images import read_stored, write_image
from srbench.data.pairs import crop_to_multiple
from srbench.data.prepare.products import is_made
from srbench.data.resize import Edge, imresize


@dataclass(frozen=True)
class Shrinking:
    """One HR image, the LR files to make of it by scale, and where HR itself is copied to, if anywhere."""

    hr: Path
    lr: Mapping[int, Path]
    edge: Edge
    copy: Path | None


def write_lr_files(task: Shrinking) -> int:
    """Writes what is not there yet, HR cropped to a multiple of the scale first; the number of LR files written.

    UserError for HR that cannot be read or is smaller than a scale.
    """
    if task.copy and not _is_copied(task.hr, task.copy):
        partial = task.copy.with_name(f".{uuid4().hex}")
        shutil.copy2(task.hr, partial)
        partial.replace(task.copy)
    missing = {scale: path for scale, path in task.lr.items() if not is_made(path, task.hr)}
    if not missing:
        return 0
    image = read_stored(task.hr)
    for scale, path in missing.items():
        write_image(path, imresize(crop_to_multiple(image, scale, task.hr), 1 / scale, task.edge))
    return len(missing)


def _is_copied(source: Path, copy: Path) -> bool:
    if not copy.is_file():
        return False
    ours, theirs = copy.stat(), source.stat()
    return ours.st_size == theirs.st_size and ours.st_mtime_ns >= theirs.st_mtime_ns
