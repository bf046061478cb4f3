"""logger.json: what is known of the logger of a run, or of a study's report."""

from dataclasses import dataclass, field
from pathlib import Path

from srbench.core.files import write_file
from srbench.experiments.store.codec import decode, to_json
from srbench.experiments.store.json_files import read_json
from srbench.experiments.trackers.curve_rows import ToldRow

FILE = "logger.json"


@dataclass(frozen=True)
class LoggerMemory:
    """The logger's `name`, the `id` under which it knows the run, the last row it was told of each file, and why it was
    switched off."""

    name: str
    id: str
    told: dict[str, ToldRow] = field(default_factory=dict)
    error: str | None = None


def read_memory(folder: Path) -> LoggerMemory | None:
    """None where there is none, or none that can be read."""
    try:
        return decode(LoggerMemory, read_json(folder / FILE))
    except (OSError, ValueError, RecursionError):
        return None


def write_memory(folder: Path, memory: LoggerMemory) -> None:
    """Replaces it in one step."""
    write_file(folder / FILE, to_json(memory))
