"""What others have published (published.yaml), for the reports of studies that evaluate the same weights."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml


def entries(checkpoints: Iterable[str | None]) -> dict[str, list[dict[str, Any]]]:
    """The entries of these weights, by checkpoint, and the bicubic ones, as `bicubic`; none where no weights are."""
    names = set(filter(None, checkpoints))
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in yaml.safe_load(Path(__file__).with_name("published.yaml").read_bytes()) if names else []:
        if entry["checkpoint"] in (None, *names):
            found.setdefault(entry["checkpoint"] or "bicubic", []).append(entry)
    return found if found.keys() - {"bicubic"} else {}
