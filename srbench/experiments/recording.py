"""The record of a run, result.json: how it begins, and how a failure gets into it."""

import logging
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from srbench.core import hardware
from srbench.core.errors import FailedRunError
from srbench.experiments.messages import explain
from srbench.experiments.spec import PlannedRun
from srbench.experiments.store import results

log = logging.getLogger(__name__)

# What is left of a run that is not trained again: the results, and what the training ran on.
LASTING = (
    *("train", "cost", "latency", "scores", "checksums", "lr_made_by", "missing", "seconds"),
    *("device", "threads", "precision", "versions", "git", "started"),
)


@contextmanager
def recorded(planned: PlannedRun, device: str) -> Iterator[dict[str, Any]]:
    """Gives a record to fill in, and keeps run.log meanwhile.

    An exception is written as a record with status `failed`, its traceback to run.log, and raised again.
    KeyboardInterrupt leaves no record: the same run goes on later.
    """
    folder = planned.folder
    folder.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(folder / "run.log", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger = logging.getLogger("srbench")
    logger.addHandler(handler)
    record, began = _head(planned, device), time.time()
    try:
        yield record
    except KeyboardInterrupt:
        log.warning("interrupted; the same command goes on from here")
        raise
    except Exception as error:
        with (folder / "run.log").open("a") as file:
            file.write(traceback.format_exc())
        seconds = round(time.time() - began + record["seconds"], 3)
        _write_failure(folder, record | {"seconds": seconds}, _in_one_line(error))
        raise
    finally:
        logger.removeHandler(handler)
        handler.close()


def record_death(planned: PlannedRun, device: str, reason: str) -> None:
    """The record of a run whose process ended without writing one, killed say."""
    before = results.read_record(planned.folder) or {}
    _write_failure(planned.folder, _head(planned, device) | lasting(planned, before), reason)


def lasting(planned: PlannedRun, before: dict[str, Any]) -> dict[str, Any]:
    """The part of an earlier record that holds as long as the run's weights do."""
    trained = (planned.folder / "weights.safetensors").is_file() or not planned.config.budget.steps
    return {key: before[key] for key in LASTING if key in before} if trained else {}


def _head(planned: PlannedRun, device: str) -> dict[str, Any]:
    """The record of a run that has not got anywhere: who it is and where it runs, status `failed`."""
    import torch

    first = (
        planned.memberships[0] if planned.memberships else {"ablation": None, "variant": "default", "baseline": False}
    )
    return {
        "run": planned.folder.name,
        "study": planned.config.study,
        "status": "failed",
        "error": None,
        "config_hash": planned.config_hash,
        "model": planned.name,
        **first,
        "memberships": planned.memberships,
        "seed": planned.config.seed,
        "scale": planned.config.scale,
        "overrides": planned.fixing_overrides,
        "protocol": planned.protocol,
        "versions": hardware.versions(),
        "git": hardware.git_state(),
        "device": hardware.describe_device(device),
        "threads": torch.get_num_threads(),
        "precision": hardware.pick_precision(planned.config.precision, device),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": 0.0,
    }


def _write_failure(folder: Path, record: dict[str, Any], reason: str) -> None:
    failed = record | {"status": "failed", "error": reason}
    try:
        results.write_record(folder / "result.json", failed)
    except OSError as disk:
        log.error("%s: the failure could not be recorded either: %s", folder.name, disk)


def _in_one_line(error: BaseException) -> str:
    known = explain(error) or (str(error) if isinstance(error, FailedRunError) else None)
    return known or f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
