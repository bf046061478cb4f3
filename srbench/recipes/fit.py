"""The training loop: Lightning's, made lean, with our losses file, checkpoints, validation and orderly stop."""

import logging
import math
import os
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any
from uuid import uuid4

import lightning as L
import torch
from torch import Tensor, nn

from srbench.core.errors import FailedRunError
from srbench.core.progress import Listener
from srbench.data.patches import Batch, FixedPatches, Patches, Stream
from srbench.recipes.supervised import Supervised

log = logging.getLogger(__name__)

MOST_ROWS = 10_000
CHECKPOINT_SECONDS = 60.0


class NotFiniteError(FailedRunError):
    """The loss became inf or nan."""


@dataclass(frozen=True)
class Training:
    """How to train, beside the recipe: `precision` as Lightning names it, `clip` the largest norm of the gradient,
    `validate` a score of the model to tell about every `val_every` steps (0: never), `written` is called when rows have
    been added to losses.csv or validation.csv."""

    steps: int
    epoch_steps: int
    val_every: int
    device: str
    precision: str
    clip: float | None
    validate: Callable[[nn.Module], float]
    tell: Listener
    written: Callable[[], None] = lambda: None


def fit(recipe: Supervised, source: Patches | FixedPatches, training: Training, folder: Path) -> dict[str, float]:
    """Trains to `training.steps` and returns {steps, steps_per_second, data_wait, final_loss}.

    Leaves losses.csv, validation.csv and last.ckpt in `folder`; goes on from last.ckpt where there is one, and ends
    with the weights that an uninterrupted training ends with. `steps_per_second` and `data_wait` (the share of the time
    spent waiting for batches) are of this session, validation left out. Raises NotFiniteError for a loss that is not,
    and KeyboardInterrupt, with last.ckpt written, after SIGINT or SIGTERM.
    """
    checkpoint = folder / "last.ckpt"
    start = _step_of(checkpoint)
    rows = _Rows(folder, start, training)
    stream = Stream(source, start)
    with _orderly_stop() as stop, warnings.catch_warnings():
        _silence_lightning()
        watcher = _Watcher(recipe, rows, training, checkpoint, stop)
        trainer = L.Trainer(
            accelerator="gpu" if training.device.startswith("cuda") else "cpu",
            devices=[int(training.device.partition(":")[2] or 0)] if training.device.startswith("cuda") else 1,
            max_steps=training.steps,
            max_epochs=-1,
            precision=training.precision,  # type: ignore[arg-type]
            gradient_clip_val=training.clip,
            callbacks=[watcher],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        recipe.to(memory_format=torch.channels_last)
        try:
            trainer.fit(recipe, stream, ckpt_path=str(checkpoint) if start else None, weights_only=start > 0 or None)
        except SystemExit:  # Lightning's answer to a KeyboardInterrupt
            raise KeyboardInterrupt from None
    if stop.asked and trainer.global_step < training.steps:
        raise KeyboardInterrupt
    rows.write()
    done = training.steps - start
    return {
        "steps": training.steps,
        "steps_per_second": done / watcher.seconds if watcher.seconds else 0.0,
        "data_wait": stream.waited / watcher.seconds if watcher.seconds else 0.0,
        "final_loss": rows.final(),
    }


class _Rows:
    """losses.csv: a row a step, or the mean of several so that there are at most MOST_ROWS."""

    def __init__(self, folder: Path, start: int, training: Training) -> None:
        self.losses, self.validation = folder / "losses.csv", folder / "validation.csv"
        self.epoch_steps, self.written = training.epoch_steps, training.written
        self.every = math.ceil(training.steps / MOST_ROWS)
        self.step, self.pending = start, list[Tensor]()
        self.latest = math.nan
        _keep_rows(self.losses, "step,epoch,loss", start)
        _keep_rows(self.validation, "step,psnr", start)

    def add(self, loss: Tensor) -> None:
        self.pending.append(loss.detach())

    def write(self) -> None:
        """Writes what is pending. Raises NotFiniteError, naming the step, once the rows before it are written."""
        values = torch.stack(self.pending).double().tolist() if self.pending else []
        self.pending.clear()
        bad = next((i for i, value in enumerate(values) if not math.isfinite(value)), None)
        whole = len(values) if bad is None else bad
        lines = []
        for i in range(0, whole, self.every):
            group = values[i : min(i + self.every, whole)]
            last = self.step + i + len(group)
            self.latest = sum(group) / len(group)
            lines.append(f"{last},{(last - 1) // self.epoch_steps},{self.latest:.8g}\n")
        with self.losses.open("a") as file:
            file.writelines(lines)
        self.written()
        if bad is not None:
            raise NotFiniteError(
                f"the loss is {values[bad]} at step {self.step + bad + 1}; lower recipe.optimizer.lr, "
                "set recipe.gradient_clip, or train with precision=32"
            )
        self.step += whole

    def score(self, step: int, psnr: float) -> None:
        with self.validation.open("a") as file:
            file.write(f"{step},{psnr:.6f}\n")
        self.written()

    def final(self) -> float:
        """The mean loss of the last fiftieth of the rows."""
        losses = [float(line.rsplit(",", 1)[1]) for line in self.losses.read_text().splitlines()[1:]]
        last = losses[-max(1, len(losses) // 50) :]
        return sum(last) / len(last)


class _Watcher(L.Callback):
    """Writes losses, validates, keeps last.ckpt, tells the progress, and stops when asked to."""

    def __init__(self, recipe: Supervised, rows: _Rows, training: Training, checkpoint: Path, stop: "_Stop") -> None:
        self.recipe, self.rows, self.training = recipe, rows, training
        self.checkpoint, self.stop = checkpoint, stop
        self.seconds, self.note = 0.0, ""
        self.began = self.told = self.saved = time.perf_counter()

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.stop.listen()
        self.began = self.told = self.saved = time.perf_counter()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        self.rows.add(outputs["loss"])
        step, training = trainer.global_step, self.training
        due = training.val_every and step % training.val_every == 0 and step < training.steps
        now = time.perf_counter()
        if now - self.told > 0.5 or due or step == training.steps:
            self._write_and_tell(step, now)
        if self.stop.asked and step < training.steps:
            trainer.should_stop = True
        if due:
            self._validate(step)
        if step < training.steps and (due or self.stop.asked or now - self.saved > CHECKPOINT_SECONDS):
            self._save(trainer)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.seconds += time.perf_counter() - self.began

    def _write_and_tell(self, step: int, now: float) -> None:
        if (step - self.rows.step) % self.rows.every == 0 or step == self.training.steps:
            self.rows.write()
        self.training.tell(f"loss {self.rows.latest:.4f}{self.note}", step, self.training.steps)
        self.told = now

    def _validate(self, step: int) -> None:
        paused = time.perf_counter()
        psnr = self.training.validate(self.recipe.trained)
        self.rows.score(step, psnr)
        self.note = f"  {psnr:.2f} dB"
        log.info("step %d: loss %.5f, validation %.3f dB", step, self.rows.latest, psnr)
        self.began += time.perf_counter() - paused

    def _save(self, trainer: L.Trainer) -> None:
        """Rows first: a checkpoint must never be ahead of the losses that led to it."""
        self.rows.write()
        partial = self.checkpoint.with_name(f".{uuid4().hex}.ckpt")
        try:
            trainer.save_checkpoint(partial)
            partial.replace(self.checkpoint)
        finally:
            partial.unlink(missing_ok=True)
        self.saved = time.perf_counter()


class _Stop:
    """The first SIGINT or SIGTERM asks for a stop after the step that runs; a second SIGINT interrupts at once."""

    def __init__(self) -> None:
        self.asked = False

    def listen(self) -> None:
        """To be called when Lightning has set its own handlers, which would stop before a checkpoint is written."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = True


@contextmanager
def _orderly_stop() -> Iterator[_Stop]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield _Stop()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _step_of(checkpoint: Path) -> int:
    if not checkpoint.is_file():
        return 0
    step: int = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)["global_step"]
    log.info("going on from step %d (%s)", step, checkpoint)
    return step


def _keep_rows(path: Path, header: str, last: int) -> None:
    """Drops the rows past step `last`: they are computed again."""
    lines = path.read_text().splitlines() if last and path.is_file() else []
    kept = [line for line in lines[1:] if line.count(",") == header.count(",") and int(line.split(",")[0]) <= last]
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text("\n".join([header, *kept]) + "\n")
    partial.replace(path)


def _silence_lightning() -> None:
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    for message in (
        ".*does not have many workers.*",
        ".*GPU available but not used.*",
        ".*LeafSpec.*deprecated.*",
        ".*`srun` command.*",
    ):
        warnings.filterwarnings("ignore", message=message)
