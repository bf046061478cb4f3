"""What happens between two steps of a stage, one duty a callback. They are called in the order in which they are
listed: losses, progress, validation, stop, checkpoint."""

import logging
import math
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from types import FrameType
from typing import Any

import lightning as L
from torch import Tensor, nn

from srbench.core.errors import FailedRunError
from srbench.core.progress import Listener
from srbench.data.supply import Batch
from srbench.recipes import history
from srbench.recipes.captured import Captured
from srbench.recipes.checkpoints import Resumption
from srbench.recipes.compiled import Compiled
from srbench.recipes.modes import as_found
from srbench.recipes.outcome import TrainingSession
from srbench.recipes.ranks import ROWS
from srbench.recipes.recipe import Recipe
from srbench.recipes.stages import Stage
from srbench.recipes.steps import Rows, Steps

log = logging.getLogger(__name__)

MOST_ROWS = 10_000  # of a stage in losses.csv
TOLD_SECONDS = 0.5
CHECKPOINT_SECONDS = 60.0


class NotFiniteError(FailedRunError):
    """The loss, or the gradient, became inf or nan."""


class LossHistory(L.Callback):
    """Writes losses.csv: a row each `every` steps and one at the last, each the mean since the row before.

    A row also holds the norms of the gradients. The steps since the last row lie in the checkpoint, so that rows end at
    the same steps however often a training was interrupted. `latest`: the loss of the last step that was looked at.
    """

    def __init__(
        self, steps: Steps, stage: Stage, path: Path, columns: Sequence[str], written: Callable[[], None]
    ) -> None:
        self.recipe, self.stage, self.path, self.columns, self.written = steps.recipe, stage, path, columns, written
        self.every = math.ceil(stage.length.steps / MOST_ROWS)
        self.losses, self.names = steps.losses, steps.names
        self.pending = list[Rows]()  # on their way from the device: to look at a loss is to wait for it
        self.open = list[list[float]]()
        self.latest, self.looked = math.nan, time.perf_counter()
        self.scaled = False

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Lightning's hook."""
        self.scaled = trainer.precision == "16-mixed"

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Lightning's hook."""
        outputs[ROWS].send()
        self.pending.append(outputs[ROWS])
        if self.recipe.step == self.stage.length.steps:
            self.write()
        elif time.perf_counter() - self.looked > TOLD_SECONDS:
            self.write(but=1 if outputs[ROWS].travels else 0)  # for the last the device would run dry

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Lightning's hook. Rows first: a checkpoint must never be ahead of the losses that led to it."""
        self.write()
        checkpoint["losses"] = self.open

    def on_load_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Lightning's hook."""
        self.open = checkpoint["losses"]

    def write(self, but: int = 0) -> None:
        """Writes the rows that are due, `but` for what the device was given last. Raises NotFiniteError, naming the
        step, once the rows before it are written."""
        first = self.recipe.step - sum(len(rows.tensor) for rows in self.pending) + 1
        kept = len(self.pending) - but
        values = [row for rows in self.pending[:kept] for row in rows.values()]
        self.pending = self.pending[kept:]
        wrong = [self._wrong(row) for row in values]
        bad = next((i for i, told in enumerate(wrong) if told), len(values))
        lines = [line for i in range(bad) for line in self._closed(first + i, values[i])]
        if lines:
            history.append(self.path, lines)
            self.written()
        self.looked = time.perf_counter()
        if found := next(filter(None, wrong), None):
            what, part = found
            key = f"recipe.stages.{self.stage.name}"
            if part in self.recipe.critics:  # whose gradients no recipe clips
                fix = f"lower {key}.{part}_optimizer.lr or"
            else:
                fix = f"lower {key}.optimizer.lr, set {key}.gradient_clip, or"
            raise NotFiniteError(
                f"{what} at step {first + bad} of stage {self.stage.name}; {fix} train with precision=32"
            )

    def _wrong(self, row: Sequence[float]) -> tuple[str, str] | None:
        """What of a step's numbers is not finite, in words, and the part that it is of; None where all are. fp16 leaves
        an update out whose gradients are not."""
        for name, value in zip(self.names, row, strict=True):
            is_loss = name in self.losses
            if math.isfinite(value) or (not is_loss and (self.scaled or value == -math.inf)):
                continue
            what, whole = ("loss", "loss") if is_loss else ("gradient's norm", history.GRADIENT_NORM)
            part = name.removeprefix(whole).strip("_")
            return f"the {what}{f' ({part})' if part else ''} is {value}", part
        return None

    def _closed(self, step: int, losses: list[float]) -> Iterator[list[str]]:
        """The row that ends with `step`, if one does."""
        self.open.append(losses)
        self.latest = losses[0]
        if step % self.every and step < self.stage.length.steps:
            return
        means = {name: _mean(column) for name, column in zip(self.names, zip(*self.open, strict=True), strict=True)}
        self.open = []
        epoch = (step - 1) // self.stage.epoch_steps
        row = {"stage": self.stage.name, "step": str(step), "epoch": str(epoch)} | means
        yield [row.get(name, "") for name in self.columns]


def _mean(values: Sequence[float]) -> str:
    """Of those that are finite, as a cell; empty where none is."""
    finite = [value for value in values if math.isfinite(value)]
    return f"{sum(finite) / len(finite):.8g}" if finite else ""


class Validation(L.Callback):
    """Validates the recipe's result, and writes validation.csv. `note`: the latest PSNR, as progress shows it;
    `seconds`: what it took. `best`: told of the PSNR; where there is one, the last step is validated, too."""

    def __init__(
        self, losses: LossHistory, path: Path, validate: Callable[[nn.Module], float], best: "Best | None"
    ) -> None:
        self.losses, self.path, self.validate, self.best = losses, path, validate, best
        self.note, self.seconds = "", 0.0

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Lightning's hook."""
        recipe, stage = self.losses.recipe, self.losses.stage
        if not stage.length.validates_at(recipe.step) and not (self.best and recipe.step == stage.length.steps):
            return
        began = time.perf_counter()
        self.losses.write()  # tells of a loss that is not finite, before images that are not
        with as_found(recipe):
            psnr = self.validate(recipe.result)
        history.append(self.path, [[stage.name, str(recipe.step), f"{psnr:.6f}"]])
        self.losses.written()
        log.info("stage %s, step %d: loss %.5f, validation %.3f dB", stage.name, recipe.step, self.losses.latest, psnr)
        self.note = f"  {psnr:.2f} dB"
        if self.best:
            self.best.hear(psnr)
        self.seconds += time.perf_counter() - began


class Best(L.Callback):
    """Keeps the `weights` of the recipe's result whose validation gave the highest `psnr`, after `step`; the first of
    equal ones. They lie in the checkpoint, so that an interruption loses none."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.step, self.psnr = 0, -math.inf
        self.weights: dict[str, Tensor] = {}

    def hear(self, psnr: float) -> None:
        """Of the validation of the weights that the result has now."""
        if psnr > self.psnr:
            self.step, self.psnr = self.recipe.step, psnr
            weights = self.recipe.result.state_dict()
            self.weights = {name: weight.detach().to("cpu", copy=True) for name, weight in weights.items()}

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Lightning's hook."""
        checkpoint["best"] = {"step": self.step, "psnr": self.psnr, "weights": self.weights}

    def on_load_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Lightning's hook."""
        vars(self).update(checkpoint["best"])


class StepProgress(L.Callback):
    """Tells how far the training is, of `total` steps of all stages, `before` of them in stages that are done; of
    several also which one it is."""

    def __init__(self, losses: LossHistory, validation: Validation, tell: Listener, before: int, total: int) -> None:
        self.losses, self.validation, self.tell = losses, validation, tell
        self.before, self.total = before, total
        self.told = time.perf_counter()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Lightning's hook."""
        step = self.losses.recipe.step
        if time.perf_counter() - self.told > TOLD_SECONDS or step == self.losses.stage.length.steps:
            stage = self.losses.stage
            name = f"{stage.name}: " if stage.length.steps < self.total else ""
            self.tell(f"{name}loss {self.losses.latest:.4f}{self.validation.note}", self.before + step, self.total)
            self.told = time.perf_counter()


class OrderlyStop(L.Callback):
    """The first SIGINT or SIGTERM asks for a stop after the step that runs, or the next that may be
    saved; a second SIGINT interrupts at once."""

    def __init__(self) -> None:
        self.asked = False

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Lightning's hook. Its own handlers, which stop before a checkpoint is written, are set by now."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Lightning's hook."""
        assert isinstance(pl_module, Recipe)
        if self.asked and pl_module.may_be_saved:
            trainer.should_stop = True

    @contextmanager
    def handlers_put_back(self) -> Iterator[None]:
        """Around everything that Lightning does."""
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = True


class LastCheckpoint(L.Callback):
    """Keeps last.ckpt: at each validation, each minute, and where a stop is asked for, or at the next step that may
    be saved; not after the last, when the stage leaves its weights. `identity`: what tells this stage's checkpoint from
    others."""

    def __init__(
        self,
        recipe: Recipe,
        stage: Stage,
        path: Path,
        identity: Mapping[str, Any],
        stop: OrderlyStop,
    ) -> None:
        self.recipe, self.stage, self.path, self.identity, self.stop = recipe, stage, path, identity, stop
        self.saved, self.due = time.perf_counter(), False

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Lightning's hook."""
        step, length = self.recipe.step, self.stage.length
        late = time.perf_counter() - self.saved > CHECKPOINT_SECONDS
        self.due = self.due or late or self.stop.asked or length.validates_at(step)
        if self.due and self.recipe.may_be_saved and step < length.steps:
            trainer.save_checkpoint(self.path, weights_only=False)
            self.saved, self.due = time.perf_counter(), False

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Lightning's hook."""
        checkpoint["identity"] = dict(self.identity)


class Sessions(L.Callback):
    """Keeps in the checkpoint what a stage did between two interruptions, this session included. `begun`: where it goes
    on; `now`: this session, as far as it is known when it begins."""

    def __init__(self, begun: Resumption, now: TrainingSession, passes: Compiled, captured: Captured) -> None:
        self.before, self.now, self.passes, self.captured = begun.sessions, now, passes, captured
        self.began = time.monotonic()
        for name in dict.fromkeys(
            name for one in self.before for name in one.code if one.code[name] != now.code.get(name)
        ):
            log.warning(
                "%s was edited since the training was interrupted, which goes on with the code of now: its weights are "
                "of both; force=true begins anew",
                name,
            )
        for before in self.before:
            if (before.device, before.threads) != (now.device, now.threads):
                log.warning(
                    "it has been trained on %s with %d threads up to now, and goes on on %s with %d: the last digits "
                    "may differ from an uninterrupted training's",
                    *(before.device, before.threads, now.device, now.threads),
                )
                break

    def until_now(self) -> tuple[TrainingSession, ...]:
        """All sessions, this one as long as it has taken."""
        now = replace(
            self.now,
            seconds=round(time.monotonic() - self.began, 3),
            compiled=self.passes.ran,
            captured=self.captured.done,
            not_captured=self.captured.reason,
            not_repeatable="; ".join(self.captured.loose) or None,
        )
        return (*self.before, now)

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Lightning's hook."""
        checkpoint["sessions"] = [asdict(session) for session in self.until_now()]


class Pace(L.Callback):
    """`seconds`: that the steps took, without those of `validation`."""

    def __init__(self, validation: Validation) -> None:
        self.validation = validation
        self.seconds, self.began = 0.0, 0.0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Lightning's hook."""
        self.began = time.perf_counter()

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Lightning's hook."""
        self.seconds = time.perf_counter() - self.began - self.validation.seconds
