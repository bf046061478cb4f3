"""Files written in one step, and their checksums."""

import hashlib
from pathlib import Path
from uuid import uuid4


def write_file(path: Path, content: bytes) -> None:
    """Replaces `path` in one step: a reader sees the old file or the new one, never half of one.

    An OSError (disk full, no such folder) leaves the old file as it was, and nothing beside it.
    """
    partial = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Of the file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
