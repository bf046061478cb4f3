"""Where networks were published, by class: what papers.yaml lists."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

PAPERS = Path(__file__).with_name("papers.yaml")


@dataclass(frozen=True)
class Paper:
    """`paper`: as one cites it; `year`: None where there is no paper."""

    paper: str
    year: int | None


@cache
def papers() -> dict[str, Paper]:
    """By the name of the network's class."""
    content = yaml.safe_load(PAPERS.read_text(encoding="utf-8"))
    return {name: Paper(**entry) for name, entry in content.items()}
