"""A run under way: what it has to do, what is known of it so far, and how it ends in a record."""

import logging
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

from srbench.core import hardware
from srbench.core.errors import UserError
from srbench.core.files import remove_partials, write_file
from srbench.core.heartbeat import LostError, Worker, heartbeat
from srbench.core.lookups import hidden, note_lookups
from srbench.core.progress import Listener, console, silent
from srbench.experiments.compose import build_model
from srbench.experiments.inputs import left_of_run, wanted
from srbench.experiments.messages import failure_in_words, result_in_words
from srbench.experiments.own_code import own_code
from srbench.experiments.run_folder import ready_folder
from srbench.experiments.spec import RunSpec
from srbench.experiments.store.left import WEIGHTS, Left, everything
from srbench.experiments.store.plans import Wanted
from srbench.experiments.store.record import SCHEMA, Fingerprints, Record, read_record, write_record
from srbench.experiments.trackers.guard import GuardedLogger
from srbench.experiments.tracking import final_numbers, logged_subject
from srbench.experiments.trained_weights import read_trained
from srbench.models import hub
from srbench.models.weights import load_weights, network_digest

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Slot:
    """Where one run computes: its device, and its number of threads."""

    device: str
    threads: int


@dataclass
class Attempt:
    """A run under way. `record`: what is known of the run so far, to which each step adds its part; `alone`: raises
    LostError once another process has taken the run; `tell`: of the step that is done; `trained`: the model that was
    trained in this process."""

    run: RunSpec
    slot: Slot
    tracker: GuardedLogger
    asked: Wanted
    left: Left
    record: Record
    alone: Callable[[], None]
    tell: Listener = field(default=silent)
    trained: nn.Module | None = None

    @cached_property
    def model(self) -> nn.Module:
        """With the weights to evaluate, on the CPU until a step moves it."""
        if self.trained is not None:
            return self.trained
        torch.manual_seed(self.run.seed)
        model = build_model(self.run)
        if self.run.stages:
            load_weights(model, self.run.folder / WEIGHTS)
        elif self.run.checkpoint:
            hub.bring(model, self.run.checkpoint, self.run.places.weights_dir, self.run.scale, self.tell)
        return model

    def keep(self, record: Record) -> None:
        """Takes the record as what is known from now on, on the disk, too."""
        self.alone()
        if record != self.record:
            self.record = record
            write_record(self.run.folder, record)

    def as_long_as_it_is_ours(self, hear: Listener) -> Listener:
        """A Listener that raises LostError once it is not."""

        def tell(stage: str, done: int, total: int) -> None:
            self.alone()
            hear(stage, done, total)

        return tell

    @cached_property
    def weights_sha256(self) -> str | None:
        """The digest of the model's weights; None for a model without any."""
        return network_digest(self.model)


@contextmanager
def recording(run: RunSpec, slot: Slot) -> Iterator[Attempt]:
    """Gives a run to work on, keeps run.log meanwhile, and writes its record when it ends well.

    Waits while another process works on the run. An exception is written as a record with status `failed`, its
    traceback to run.log, and raised again. KeyboardInterrupt leaves the record as it is: the same run goes on later.
    """
    folder = ready_folder(run.folder)
    note_lookups(run.config)
    with (
        heartbeat(folder, partial(_tell_of, folder)) as alone,
        _logged_to(folder / "run.log"),
        GuardedLogger(logged_subject(run)) as tracker,
    ):
        began, attempt = time.monotonic(), None
        try:
            attempt = _begun(run, slot, tracker, alone)
            yield attempt
            seconds = _seconds(attempt.record, began)
            attempt.keep(replace(attempt.record, status="done", error=None, seconds=seconds))
            tracker.finish(final_numbers(attempt.record), attempt.record.train.steps)
            (folder / "last.ckpt").unlink(missing_ok=True)
            log.info("done: %s", result_in_words(attempt.record))
        except KeyboardInterrupt:
            log.warning("interrupted; the same command goes on from here")
            raise
        except LostError:
            log.warning("another process has taken the run, as this one did not show that it lives; left to it")
            raise KeyboardInterrupt from None
        except Exception as error:
            with suppress(OSError), (folder / "run.log").open("a", encoding="utf-8") as file:
                file.write(hidden(traceback.format_exc()))
            known = attempt.record if attempt else _earlier(run) or _head(run, slot)
            _write_failure(folder, replace(known, seconds=_seconds(known, began)), failure_in_words(error))
            raise


def _tell_of(folder: Path, worker: Worker) -> None:
    console.print(f"{folder.name}: {worker} works on it; waits until that has ended", markup=False)


def record_death(run: RunSpec, slot: Slot, reason: str) -> None:
    """The record of a run whose process ended without writing one, killed say."""
    _write_failure(run.folder, _earlier(run) or _head(run, slot), reason)


def _begun(run: RunSpec, slot: Slot, tracker: GuardedLogger, alone: Callable[[], None]) -> Attempt:
    remove_partials(run.folder)
    asked = wanted(run)
    left, known = left_of_run(run, asked), _earlier(run)
    if left and not left.train and run.stages and known and not _has_its_weights(run, known):
        left = everything(asked)
    record = _head(run, slot)
    if known and not left.train and known.fingerprints != Fingerprints():  # none: it got nowhere, on no matter what
        record = replace(record, **_lasting(known))
    write_file(run.folder / "config.yaml", yaml.safe_dump(run.config, sort_keys=False, allow_unicode=True).encode())
    tracker.start()
    return Attempt(run, slot, tracker, asked, left, record, alone)


def _has_its_weights(run: RunSpec, record: Record) -> bool:
    there = read_trained(run.folder / WEIGHTS)
    if there and there.sha256 == record.weights_sha256:
        return True
    log.warning("trains again: %s are not the weights of the record", run.folder / WEIGHTS)
    return False


def _earlier(run: RunSpec) -> Record | None:
    """The run's record; None where there is none that can be read."""
    try:
        return read_record(run.folder)
    except UserError as reason:
        log.warning("%s", reason)
        return None


def _head(run: RunSpec, slot: Slot) -> Record:
    """The record of a run that has not got anywhere: who it is and where it runs, status `failed`."""
    first = run.memberships[0] if run.memberships else None
    return Record(
        schema=SCHEMA,
        run=run.folder.name,
        study=run.places.study,
        status="failed",
        error=None,
        config_hash=run.config_hash,
        model=run.name,
        class_name=run.model.class_name,
        ablation=first.ablation if first else None,
        variant=run.variant,
        baseline=first.baseline if first else False,
        memberships=run.memberships,
        seed=run.seed,
        scale=run.scale,
        overrides=run.fixing_overrides,
        versions=hardware.versions(),
        git=hardware.git_state(),
        own_code=own_code(run),
        device=hardware.describe_device(slot.device),
        threads=slot.threads,
        precision=hardware.pick_precision(run.precision, slot.device),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=0.0,
    )


def _lasting(known: Record) -> dict[str, Any]:
    """The parts of an earlier record that hold as long as the run's weights do: the results, what the training ran on,
    and that it has ended well."""
    ended = {"status": "done"} if known.status == "done" else {}
    names = (
        *("train", "cost", "latency", "scores", "certificates", "missing", "routing", "weights_sha256"),
        *("fingerprints", "device", "threads", "precision", "versions", "git", "own_code", "started", "seconds"),
    )
    return {name: getattr(known, name) for name in names} | ended


def _seconds(record: Record, began: float) -> float:
    return round(time.monotonic() - began + record.seconds, 3)


def _write_failure(folder: Path, record: Record, reason: str) -> None:
    try:
        write_record(folder, replace(record, status="failed", error=reason))
    except OSError as disk:
        log.error("%s: %s; it could not be recorded: %s", folder.name, reason, disk)


class _RunLog(logging.FileHandler):
    """Goes without what a full disk does not take, of which the run itself will tell."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """As logging's, which would print a traceback."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)

    def close(self) -> None:
        """As logging's."""
        with suppress(OSError):
            super().close()


@contextmanager
def _logged_to(path: Path) -> Iterator[None]:
    handler = _RunLog(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger = logging.getLogger("srbench")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()
