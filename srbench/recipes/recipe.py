"""What every recipe is: Lightning's manual optimization, with a step count, random numbers and frozen parts of its own.

Nothing in a step waits for the device: no value is read, and no branch depends on one (fp16's scaler excepted). On a
GPU a step is recorded once and then repeated without its Python (`captured.py`).
"""

from collections.abc import Callable, Hashable, Iterable
from math import inf
from typing import Any, Self

import lightning as L
import numpy as np
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from srbench.models.layers.full_precision import in_full_precision
from srbench.recipes.average import Average
from srbench.recipes.history import GRADIENT_NORM
from srbench.recipes.length import Length
from srbench.recipes.optimizer_groups import to_cpu
from srbench.recipes.ranks import ALONE

MakeOptimizer = Callable[[Iterable[nn.Parameter]], Optimizer]
MakeSchedule = Callable[[Optimizer, int], LRScheduler]


def check_makers(prefix: str, optimizer: object, schedule: object) -> None:
    """Raises ValueError for an optimizer or a schedule that cannot be called; `prefix`: of their keys."""
    for kind, made, option in (("optimizer", optimizer, "adam"), ("schedule", schedule, "cosine")):
        if not callable(made):
            how = f"recipe/{kind}" + (f"@recipe.{prefix}{kind}" if prefix else "") + f"={option}"
            raise ValueError(f"{prefix}{kind} is {made}, where one is needed that can be called, as in {how}.")


class Recipe(L.LightningModule):
    """How a model is trained in one stage. A recipe has, beside what is here, Lightning's

    - `training_step(batch, index) -> dict[str, Tensor]`, which gives each loss to `update` and returns {"loss": …} and
      the `parts`, detached scalars in float32;
    - `configure_optimizers()`, which returns a `with_schedule` of each optimizer.

    `length`: of the stage. `parts`: names of the loss's parts, columns of losses.csv. `frozen`: modules that stay in
    eval mode. `average`: of the weights of one optimizer's model. `step`: batches done, the one that is being trained
    included. `seed` and `stage` (from 0) fix, with the step, what the step draws from torch. `ranks`: which process
    this is of those that train together. `gradient_norms`: of each optimizer's last update, before clipping. `critics`:
    names of the optimizers behind the first, which trains the result. `accumulate`: batches whose mean gradient makes
    an update; the last update of a stage may have fewer. Schedules move when the step has ended.

    `capturable`: whether a step does on the device what its batch and `variant` say, and in Python nothing that a later
    one needs, but by `later`; a class says so of itself, and not of those that inherit from it.

    Trainer.global_step counts the steps of all optimizers together; use `step`.
    """

    parts: tuple[str, ...] = ()
    frozen: tuple[nn.Module, ...] = ()
    critics: tuple[str, ...] = ()
    capturable = False

    def __init__(self, length: Length, accumulate: int = 1) -> None:
        super().__init__()
        if type(accumulate) is not int or accumulate < 1:
            raise ValueError(f"accumulate is {accumulate}; it must be a whole number from 1 on.")
        self.automatic_optimization = False
        self.length, self.steps, self.accumulate = length, length.steps, accumulate
        self.seed, self.stage, self.step = 0, 0, 0
        self.ranks = ALONE
        self.average: Average | None = None
        self.gradient_norms: dict[Optimizer, Tensor] = {}
        self.later: list[Callable[[], None]] = []
        self._clip: float | None = None
        self._averaged_by: Optimizer | None = None
        self._gradients: dict[str, Tensor] = {}
        self._norms: list[Tensor] = []

    @property
    def result(self) -> nn.Module:
        """The model that was given, or a copy with other weights: what is validated, evaluated and saved."""
        raise NotImplementedError

    @property
    def variant(self) -> Hashable:
        """What Python decides of the step: two steps whose variants are equal do the same with their batches."""
        return None

    @property
    def norm_columns(self) -> tuple[str, ...]:
        """Those of losses.csv that hold the norms of the gradients."""
        return (GRADIENT_NORM, *(f"{GRADIENT_NORM}_{critic}" for critic in self.critics))

    def norms(self) -> list[Tensor]:
        """What stands in `norm_columns`: −inf, which no norm is, before an optimizer's first update."""
        found = [self.gradient_norms.get(optimizer) for optimizer in self.trainer.optimizers]
        return [torch.full((), -inf, device=self.device) if norm is None else norm for norm in found]

    @property
    def updates(self) -> int:
        """How many updates an optimizer makes in the stage, which is what its schedule counts."""
        return -(-self.steps // self.accumulate)

    @property
    def all_optimizers(self) -> list[LightningOptimizer]:
        """In the order of `configure_optimizers`."""
        found: Any = self.optimizers()
        return found if isinstance(found, list) else [found]

    @property
    def may_be_saved(self) -> bool:
        """Whether a checkpoint of this process holds all that a resumption needs: gradients that wait for those of
        later batches are each process's own."""
        return self.ranks.count == 1 or self.step % self.accumulate == 0

    def update(self, optimizer: LightningOptimizer, loss: Tensor, clip: float | None = None) -> None:
        """Adds the loss's gradient to that of the batches before, and after `accumulate` of them steps the optimizer,
        its schedule and the average. `clip`: the largest norm of the gradient."""
        first = (self.step - 1) // self.accumulate * self.accumulate
        together = min(self.accumulate, self.steps - first)
        # Autocast is for forward passes; the backward pass repeats what it did there.
        with in_full_precision(self.device):
            self.manual_backward(loss / together if together > 1 else loss)
            if self.step - first < together:
                return
            trained = [weight for group in optimizer.param_groups for weight in group["params"]]
            self.ranks.average([weight.grad for weight in trained if weight.grad is not None])
            self._clip = clip
            optimizer.step()  # calls on_before_optimizer_step, where fp16's gradients are unscaled
            optimizer.zero_grad()
        for config in self.trainer.lr_scheduler_configs:
            if config.scheduler.optimizer is optimizer.optimizer:
                self.later.append(config.scheduler.step)  # type: ignore[arg-type]
        if self.average and optimizer.optimizer is self._averaged_by:
            self.average.move()
            self.later.append(self.average.moved)

    def with_schedule(self, optimizer: Optimizer, make_schedule: MakeSchedule) -> OptimizerLRSchedulerConfig:
        """For `configure_optimizers`."""
        return {"optimizer": optimizer, "lr_scheduler": make_schedule(optimizer, self.updates)}

    def train(self, mode: bool = True) -> Self:
        """Leaves the `frozen` modules in eval mode."""
        super().train(mode)
        for module in self.frozen:
            module.eval()
        return self

    def on_train_start(self) -> None:
        """Lightning's hook."""
        if self.device.type == "cpu":
            for optimizer in self.trainer.optimizers:
                to_cpu(optimizer)
        # Not earlier: Lightning forgets gradients before it begins.
        for name, gradient in self._gradients.items():
            weight = self.get_parameter(name)
            weight.grad = gradient.to(weight.device)
        self.gradient_norms |= {
            optimizer: norm.to(self.device)
            for optimizer, norm in zip(self.trainer.optimizers, self._norms, strict=False)
        }
        self._gradients, self._norms = {}, []
        if self.average:
            trainers = [optimizer for optimizer in self.trainer.optimizers if self.average.follows(optimizer)]
            if len(trainers) != 1:
                raise ValueError(f"The averaged weights are trained by {len(trainers)} optimizers; one must move them.")
            self._averaged_by = trainers[0]

    def begin_step(self) -> None:
        """Before each: a step that draws does so alike in a training that was interrupted."""
        self.step += 1
        seed_torch(self.device, self.seed, self.stage, self.step, self.ranks.number)

    def end_step(self) -> None:
        """After each: does what is `later`."""
        for do in self.later:
            do()
        self.later = []

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Lightning's hook: leaves batches where they are, for the steps to fetch."""
        return batch

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Lightning's hook: clips, and keeps the norm where it is, on the device."""
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        norm = nn.utils.get_total_norm([weight.grad for weight in weights if weight.grad is not None])
        if self._clip is not None:
            nn.utils.clip_grads_with_norm_(weights, self._clip, norm)
        self.gradient_norms[optimizer] = norm

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Lightning's hook."""
        checkpoint["step"] = self.step
        # Of batches that wait for others.
        checkpoint["gradients"] = {name: w.grad for name, w in self.named_parameters() if w.grad is not None}
        checkpoint["gradient_norms"] = self.norms()  # which the steps without an update tell

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Lightning's hook."""
        self.step, self._gradients = checkpoint["step"], checkpoint["gradients"]
        self._norms = checkpoint["gradient_norms"]


def seed_torch(device: torch.device, seed: int, stage: int, step: int, rank: int = 0) -> None:
    """Sets what torch draws next, on the CPU and on `device`. Step 0 is before the first; `rank`: of the process among
    those that train together."""
    place = (seed, stage, step, rank) if rank else (seed, stage, step)
    number = int(np.random.SeedSequence(place).generate_state(1, np.uint64)[0])
    # torch.manual_seed also looks for every other kind of device, which takes longer than small kernels do.
    torch.default_generator.manual_seed(number)
    if device.type == "cuda":
        torch.cuda.manual_seed(number)
    elif device.type == "mps":
        torch.mps.manual_seed(number)
