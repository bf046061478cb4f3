"""Files written in one step, and their checksums."""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from uuid import uuid4


def write_file(path: Path, content: bytes) -> None:
    """Replaces `path` in one step: a reader sees the old file or the new one, never half of one.

    An OSError (disk full, no such folder) leaves the old file as it was, and nothing beside it.
    """
    with in_one_step(path) as partial:
        partial.write_bytes(content)


def replace_unsynced(path: Path, content: bytes) -> None:
    """As `write_file`, without waiting for the disk: a power cut may leave an empty file."""
    partial = _beside(path)
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def in_one_step(path: Path) -> Iterator[Path]:
    """Where to write what replaces `path` at the end; an exception leaves `path` as it was, and nothing beside it.

    The content lies on the disk before its name does: a power cut leaves the old file or the new one.
    """
    partial = _beside(path)
    try:
        yield partial
        sync(partial)
        partial.replace(path)
        if os.name == "posix":
            sync(path.parent)
    except OSError as error:
        raise naming(error, path) from None
    finally:
        partial.unlink(missing_ok=True)


def naming(error: OSError, path: Path) -> OSError:
    """The error, with the file that was written where it does not say: a full disk is found out when a file is written,
    which tells no name, and not when it is opened."""
    if error.errno and error.filename is None:
        error.filename = str(path)
    return error


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{uuid4().hex}")


def remove_partials(folder: Path) -> None:
    """Removes what killed processes left in `folder` when they wrote files. Nobody may be writing there now."""
    for partial in folder.glob(f".?*.{'[0-9a-f]' * 32}"):
        partial.unlink(missing_ok=True)


def set_aside(path: Path) -> Path:
    """Renames what lies at `path` to a name that is free beside it, and returns that."""
    free = next(
        name for n in count(1) if not os.path.lexists(name := path.with_name(f"{path.name}.set-aside-{n}"))
    )  # fmt: skip
    return path.rename(free)


def sync(path: Path) -> None:
    """Returns when a file's content, or a folder's names, lie on the disk."""
    opened = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some shared filesystems sync no folder
            raise
    finally:
        os.close(opened)


def remove_links(folder: Path) -> None:
    """Removes the symbolic links in a folder, and in those below; what they lead to stays as it is."""
    for place, folders, files in os.walk(folder):
        for path in (Path(place) / name for name in (*folders, *files)):
            if path.is_symlink():
                path.unlink()


def sha256(path: Path) -> str:
    """Of the file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
