"""A study's report in Weights & Biases, beside its runs."""

import os
import secrets
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from srbench.experiments.trackers.lightning_loggers import WANDB, close_logger, open_logger, reason_of
from srbench.experiments.trackers.logger_memory import LoggerMemory, read_memory, write_memory
from srbench.experiments.trackers.subject import Subject


def conclude_study(study: str, study_dir: Path, report: Path, folders: list[str]) -> list[str]:
    """Sends the report to W&B, as a run of the study's group, where runs were logged there; returns what is to be said
    of the runs in `folders` that are not logged to their end, and of a report that could not be sent."""
    memories = [memory for name in folders if (memory := read_memory(study_dir / name))]
    failures = Counter((memory.name, memory.error) for memory in memories if memory.error)
    lines = [
        f"logger={name}: {count} of {len(folders)} runs are not logged to the end: {reason}"
        for (name, reason), count in failures.items()
    ]
    if any(memory.name == "wandb" and not memory.error for memory in memories):
        try:
            _send_report(study, study_dir, report)
        except Exception as error:
            lines.append(f"logger=wandb: the report is not sent: {reason_of(error, 'wandb')}")
    return lines


def _send_report(study: str, study_dir: Path, report: Path) -> None:
    """Its table.csv and curves.png."""
    memory = read_memory(study_dir) or LoggerMemory("wandb", secrets.token_hex(4))
    write_memory(study_dir, memory)
    folder = study_dir.absolute()
    subject = Subject(f"{study} report", study, folder, "report", tags=[], config={}, logger={"_target_": WANDB})
    logger = open_logger(subject, memory.id)
    import wandb

    # Else the table's copy for uploading would lie below the home folder.
    os.environ.setdefault("WANDB_DATA_DIR", str(folder / "wandb"))
    table = pd.read_csv(report / "table.csv", dtype={"variant": str})
    shown: dict[str, Any] = {"table": wandb.Table(dataframe=table.astype(object).where(table.notna(), None))}
    if (report / "curves.png").is_file():
        shown["curves"] = wandb.Image(str(report / "curves.png"))
    logger.log_metrics(shown)
    close_logger(logger, 0)
