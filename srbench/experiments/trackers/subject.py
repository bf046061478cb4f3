"""What is logged, in plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class Subject:
    """A run, or a study's report (`kind`). `logger`: a class of Lightning's as `_target_`, null for none, and arguments
    of its own; `folder`: absolute, where all that is logged lies."""

    name: str
    study: str
    folder: Path
    kind: Literal["run", "report"]
    tags: Sequence[str]
    config: Mapping[str, Any]
    logger: Mapping[str, Any]

    @property
    def logger_name(self) -> str:
        """As `logger=` takes it: wandb of WandbLogger."""
        return str(self.logger["_target_"]).rpartition(".")[2].removesuffix("Logger").lower()
