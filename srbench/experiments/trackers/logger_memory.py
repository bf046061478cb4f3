"""logger.json: what is known of the logger of a run, or of a study's report."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from srbench.core.files import write_file


@dataclass(frozen=True)
class LoggerMemory:
    """The logger's `name`, the `id` under which it knows the run, the last row it was told of each file as (stage,
    step), and why it was switched off."""

    name: str
    id: str
    told: dict[str, tuple[str, int]] = field(default_factory=dict)
    error: str | None = None


def read_memory(folder: Path) -> LoggerMemory | None:
    """None where there is none, or none that can be read."""
    try:
        found = json.loads((folder / "logger.json").read_bytes())
        told = {file: (str(stage), int(step)) for file, (stage, step) in found["told"].items()}
        return LoggerMemory(found["name"], found["id"], told, found["error"])
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return None


def write_memory(folder: Path, memory: LoggerMemory) -> None:
    """Replaces it in one step."""
    write_file(folder / "logger.json", json.dumps(asdict(memory)).encode())
