"""Files written in one step, and their checksums."""

import glob
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


def write_file(path: Path, content: bytes) -> None:
    """Replaces `path` in one step: a reader sees the old file or the new one, never half of one.

    An OSError (disk full, no such folder) leaves the old file as it was, and nothing beside it.
    """
    with in_one_step(path) as partial:
        partial.write_bytes(content)


@contextmanager
def in_one_step(path: Path) -> Iterator[Path]:
    """Where to write what replaces `path` at the end; an exception leaves `path` as it was, and nothing beside it."""
    partial = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def remove_partials(path: Path) -> None:
    """Removes what killed processes left beside `path` when they wrote it. Nobody may be writing it now."""
    for partial in path.parent.glob(f".{glob.escape(path.name)}.{'[0-9a-f]' * 32}"):
        partial.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Of the file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
