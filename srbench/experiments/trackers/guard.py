"""What a run tells beside its own files: to Weights & Biases or to TensorBoard, neither of which ever stops a run.

A logger is given the rows of losses.csv and validation.csv as they are written, so that it holds what those hold, of a
run that goes on too. What it was told, as whom, and why it was switched off stands in the run's logger.json.
"""

import csv
import json
import logging
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from omegaconf import OmegaConf

from srbench.core import progress
from srbench.experiments.spec import PlannedRun, build
from srbench.experiments.store import results
from srbench.experiments.trackers.sinks import Sink, Subject, WandB, in_one_line

log = logging.getLogger(__name__)

CURVES = {"losses.csv": "", "validation.csv": "validation/"}  # and what stands before the names of their columns
LONGEST_TAG = 64


class Logger:
    """Tells a run to the sink that `logger` names; the first failure, told in one line, switches it off.

    A context: an exception closes the sink as failed, KeyboardInterrupt as interrupted.
    """

    def __init__(self, planned: PlannedRun) -> None:
        self.planned, self.folder = planned, planned.folder
        target = planned.config.logger._target_
        self.name = str(target).rpartition(".")[2].lower() if target else "csv"
        self.sink: Sink | None = None
        self.memory: dict[str, Any] = {"name": self.name, "id": secrets.token_hex(4), "steps": {}, "error": None}
        self.readers: dict[str, csv.DictReader[str]] = {}
        self.files = ExitStack()

    def __enter__(self) -> "Logger":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.sink:
            self._guard(lambda: self._close(130 if isinstance(error, KeyboardInterrupt) else 1))

    def start(self) -> None:
        """Opens the sink, seconds' work; to be called once it is known whether the run goes on."""
        if self.name != "csv":
            self._guard(self._open)

    def written(self) -> None:
        """To be called when rows have been written."""
        if self.sink:
            self._guard(self._follow)

    def finish(self, record: dict[str, Any]) -> None:
        """Logs the record's numbers and closes the sink."""
        if self.sink:
            self._guard(lambda: self._conclude(record))

    def _open(self) -> None:
        before = _memory(self.folder)
        goes_on = before.get("name") == self.name and (_has_begun(self.folder) or not before["steps"])
        if goes_on:
            self.memory |= {"id": before["id"], "steps": before["steps"]}
        self.sink = build(self.planned.config.logger, "logger")(self._subject(goes_on))

    def _subject(self, goes_on: bool) -> Subject:
        places = self.planned.memberships
        tags = [f"{place['ablation']}={place['variant']}"[:LONGEST_TAG] for place in places]
        return Subject(
            id=self.memory["id"],
            name=self.folder.name,
            study=self.planned.config.study,
            folder=self.folder.absolute(),
            kind="run",
            goes_on=goes_on,
            tags=[*dict.fromkeys(tags), *(["baseline"] if any(place["baseline"] for place in places) else [])],
            config=OmegaConf.to_container(self.planned.config, resolve=True),  # type: ignore[arg-type]
        )

    def _follow(self) -> None:
        # Before the new rows: a sink whose process is killed may lose the last it was told, and is told them again.
        _remember(self.folder, self.memory)
        for name, prefix in CURVES.items():
            last = self.memory["steps"].get(name, 0)
            rows = [(step, values) for step, values in self._new_rows(name, prefix) if step > last]
            if rows and self.sink:
                self.sink.rows(rows)
                self.memory["steps"][name] = rows[-1][0]

    def _new_rows(self, name: str, prefix: str) -> Iterator[tuple[int, dict[str, float]]]:
        """What the file holds beyond what was read of it before."""
        if name not in self.readers:
            if not (self.folder / name).is_file():
                return
            self.readers[name] = csv.DictReader(self.files.enter_context((self.folder / name).open(newline="")))
        for row in self.readers[name]:
            yield int(row["step"]), {prefix + key: float(row[key]) for key in row if key not in ("step", "epoch")}

    def _conclude(self, record: dict[str, Any]) -> None:
        self._follow()
        if self.sink:
            self.sink.results(_numbers(record), int(record["train"].get("steps", 0)))
        self._close(0)

    def _close(self, status: int) -> None:
        sink, self.sink = self.sink, None
        self.files.close()
        if sink:
            sink.close(status)
        _remember(self.folder, self.memory)

    def _guard(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:
            self.sink = None
            self.files.close()
            self.memory["error"] = _reason(error, self.name)
            line = f"logger={self.name} is switched off for this run: {self.memory['error']}"
            log.warning(line)
            if not progress.listener:  # else the end of the study says it, and what is printed goes to run.log
                progress.console.print(f"{self.folder.name}: {line}", markup=False)
            with suppress(OSError):  # the warning is out; a full disk may be what it is about
                _remember(self.folder, self.memory)


def conclude_study(study: str, study_dir: Path, report: Path, folders: list[str]) -> list[str]:
    """Sends the report to W&B, as a run of the study's group, where runs were logged there; returns what is to be said
    of the runs in `folders` that are not logged to their end, and of a report that could not be sent."""
    memories = [memory for name in folders if (memory := _memory(study_dir / name))]
    failures = Counter((memory["name"], memory["error"]) for memory in memories if memory["error"])
    lines = [
        f"logger={name}: {count} of {len(folders)} runs are not logged to the end: {reason}"
        for (name, reason), count in failures.items()
    ]
    if any(memory["name"] == "wandb" and not memory["error"] for memory in memories):
        try:
            _send_report(study, study_dir, report)
        except Exception as error:
            lines.append(f"logger=wandb: the report is not sent: {_reason(error, 'wandb')}")
    return lines


def _send_report(study: str, study_dir: Path, report: Path) -> None:
    before = _memory(study_dir)
    memory = before or {"name": "wandb", "id": secrets.token_hex(4), "error": None, "steps": {}}
    _remember(study_dir, memory)
    subject = Subject(memory["id"], f"{study} report", study, study_dir.absolute(), "report", bool(before), [], {})
    sink = WandB(subject)
    sink.report(report)
    sink.close(0)


def _memory(folder: Path) -> dict[str, Any]:
    """What is known of the logger of a run, or of a study's report: name, id, error, and the last steps by file."""
    try:
        memory: dict[str, Any] = json.loads((folder / "logger.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return memory


def _remember(folder: Path, memory: dict[str, Any]) -> None:
    results.write_record(folder / "logger.json", memory)


def _has_begun(folder: Path) -> bool:
    """Whether the run goes on from steps that it did before; what was logged of one that starts afresh is void."""
    return any((folder / name).is_file() for name in ("last.ckpt", "weights.safetensors"))


def _numbers(record: dict[str, Any]) -> dict[str, float]:
    """The record's final numbers, named as by their place in it."""
    means = {f"scores/{name}/{metric}": v for name, means in record["scores"].items() for metric, v in means.items()}
    parts = {f"{part}/{key}": value for part in ("cost", "train") for key, value in record[part].items()}
    timed = {
        f"latency/{entry['batch']}x{entry['height']}x{entry['width']}/{key}": entry[key]
        for entry in record["latency"]
        for key in ("median_ms", "q10_ms", "q90_ms")
    }
    return {name: float(value) for name, value in (means | parts | timed).items() if value is not None}


def _reason(error: Exception, logger: str) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name == logger:
        return f"{logger} is not installed; get it with: pip install 'srbench[{logger}]'"
    return f"{type(error).__name__}: {in_one_line(error)}"
