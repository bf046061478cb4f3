"""JSON that somebody else may have left, and what to say of it in one line."""

import json
from pathlib import Path
from typing import Any

from srbench.core.regular_files import read_regular


def read_json(path: Path) -> Any:
    """What the file says. OSError, ValueError or RecursionError for one that cannot be read; FileNotFoundError where
    there is none."""
    return json.loads(read_regular(path))


def in_short(error: BaseException) -> str:
    """What an exception says, in one line that is not too long."""
    told = error.strerror if isinstance(error, OSError) else str(error)
    text = " ".join((told or "").split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:199]}…"


def newer(found: int, known: int) -> str:
    """What to say of a schema that is not known yet."""
    return f"was written by a newer srbench (schema {found}, this one reads {known}); upgrade it"
