"""What a run tells beside its own files: to Weights & Biases, to TensorBoard, to any logger of Lightning's, none of
which ever stops a run.

A logger is given the rows of losses.csv and validation.csv as they are written, so that it holds what those hold, of a
run that goes on too. What it was told, as whom, and why it was switched off stands in the run's logger.json.

Each row is told once. Only of a process that is killed without notice W&B may lose what it was told in the last seconds
(STORED_SECONDS); it is told that again, so that a row may be there twice, with the same values at the same step, and
none is lost.
"""

import logging
import math
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from srbench.core import progress
from srbench.experiments.trackers.curve_rows import PREFIXES, CurveRows, ToldRow
from srbench.experiments.trackers.lightning_loggers import (
    RESUMABLE,
    STORED_SECONDS,
    close_logger,
    open_logger,
    reason_of,
)
from srbench.experiments.trackers.logger_memory import LoggerMemory, read_memory, write_memory
from srbench.experiments.trackers.subject import Subject

if TYPE_CHECKING:
    from lightning.pytorch.loggers import Logger

log = logging.getLogger(__name__)


class GuardedLogger:
    """Tells a run to the logger that `subject` names; the first failure, told in one line, switches it off.

    A context: an exception closes the logger as failed, KeyboardInterrupt as interrupted.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject, self.folder = subject, subject.folder
        self.logger: Logger | None = None
        self.memory = LoggerMemory(subject.logger_name, secrets.token_hex(4))
        self.rows = CurveRows(self.folder, {})
        self.told: dict[str, ToldRow] = {}
        self.told_before, self.noted = self.told, -math.inf  # what was told when logger.json was written last

    def __enter__(self) -> "GuardedLogger":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._if_on(lambda logger: self._close(logger, 130 if isinstance(error, KeyboardInterrupt) else 1))

    def start(self) -> None:
        """Opens the logger, seconds' work; to be called once it is known whether the run goes on."""
        if self.subject.logger["_target_"]:
            self._guard(self._open)

    def written(self) -> None:
        """To be called when rows have been written."""
        self._if_on(self._follow)

    def finish(self, numbers: Mapping[str, float], steps: int) -> None:
        """Logs the final numbers of a run of so many steps and closes the logger."""
        self._if_on(lambda logger: self._conclude(logger, numbers, steps))

    def _open(self) -> None:
        before = read_memory(self.folder)
        if before and before.name == self.memory.name and _goes_on(self.folder):
            self.memory = replace(self.memory, id=before.id, told=before.told if before.name in RESUMABLE else {})
        self.rows = CurveRows(self.folder, self.memory.told)
        self.told, self.told_before = dict(self.memory.told), self.memory.told
        self.logger = open_logger(self.subject, self.memory.id)

    def _follow(self, logger: "Logger") -> None:
        now = time.monotonic()
        if now - self.noted >= STORED_SECONDS:
            self.memory = replace(self.memory, told=self.told_before)
            self.told_before, self.noted = dict(self.told), now
            write_memory(self.folder, self.memory)
        for name in PREFIXES:
            for row in self.rows.unread(name):
                logger.log_metrics(row.values, row.total)
                self.told[name] = ToldRow(row.stage, row.step)
        logger.save()

    def _conclude(self, logger: "Logger", numbers: Mapping[str, float], steps: int) -> None:
        self._follow(logger)
        logger.log_metrics(dict(numbers), steps)
        self._close(logger, 0)

    def _close(self, logger: "Logger", status: int) -> None:
        self.logger = None
        self.rows.close()
        self.memory = replace(self.memory, told=self.told)
        close_logger(logger, status)
        write_memory(self.folder, self.memory)

    def _if_on(self, action: Callable[["Logger"], None]) -> None:
        if logger := self.logger:
            self._guard(lambda: action(logger))

    def _guard(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:
            self.logger = None
            self.rows.close()
            self.memory = replace(self.memory, error=reason_of(error, self.memory.name))
            line = f"logger={self.memory.name} is switched off for this run: {self.memory.error}"
            log.warning(line)
            progress.console.print(f"{self.folder.name}: {line}", markup=False)
            with suppress(OSError):  # the warning is out; a full disk may be what it is about
                write_memory(self.folder, self.memory)


def _goes_on(folder: Path) -> bool:
    """Whether no training begins afresh, which makes void what was logged of it before."""
    kept = any(any(folder.glob(name)) for name in ("last.ckpt", "weights.safetensors", "stages/*"))
    return kept or not (folder / "losses.csv").is_file()
