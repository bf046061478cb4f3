"""Schedules of the learning rate: (optimizer, steps) → torch's own scheduler, stepped after each update.

`steps`: the number of updates that the optimizer makes in the stage.
"""

from collections.abc import Callable, Sequence
from itertools import accumulate
from math import cos, pi
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LinearLR, LRScheduler, MultiStepLR, SequentialLR


def cosine(optimizer: Optimizer, steps: int, eta_min: float = 0.0, stretch: float = 1.0) -> CosineAnnealingLR:
    """Half a cosine, from the optimizer's learning rate to `eta_min` over all steps (Loshchilov and Hutter, ICLR 2017,
    §3, without restarts), or over `stretch` times as many, of which the last are not made."""
    if not stretch >= 1:
        raise ValueError(f"stretch is {stretch}; it must be 1 or more.")
    return CosineAnnealingLR(optimizer, round(stretch * steps), eta_min)


def multistep(optimizer: Optimizer, steps: int, milestones: Sequence[int], gamma: float) -> MultiStepLR:
    """The learning rate times `gamma` from each of `milestones` on, which count updates."""
    return MultiStepLR(optimizer, milestones, gamma)


def constant(optimizer: Optimizer, steps: int) -> ConstantLR:
    """The optimizer's learning rate, all the way."""
    return ConstantLR(optimizer, factor=1.0)


class CosineRestarts(LRScheduler):
    """`restarts` as a scheduler of torch's."""

    def __init__(self, optimizer: Optimizer, periods: Sequence[int], weights: Sequence[float], eta_min: float) -> None:
        self.periods, self.weights, self.eta_min = tuple(periods), tuple(weights), eta_min
        self.ends = tuple(accumulate(periods))
        super().__init__(optimizer)

    def get_lr(self) -> list[Any]:
        """Torch's hook: the learning rate of each group for the update that is next."""
        step = min(self.last_epoch, self.ends[-1])
        number = next(i for i, end in enumerate(self.ends) if step <= end)
        share = (step - (self.ends[number] - self.periods[number])) / self.periods[number]
        falling = self.weights[number] * 0.5 * (1 + cos(pi * share))
        return [self.eta_min + falling * (rate - self.eta_min) for rate in self.base_lrs]


def restarts(
    optimizer: Optimizer, steps: int, periods: Sequence[int], weights: Sequence[float], eta_min: float = 0.0
) -> CosineRestarts:
    """Half a cosine in each of `periods`, which count updates: t updates into a period of P with weight w,
    eta_min + w · ½ (rate − eta_min) (1 + cos(π t / P)).

    BasicSR's CosineAnnealingRestartLR (Loshchilov and Hutter, ICLR 2017, §3): a period ends, at eta_min, with the
    update that another would begin with. Raises ValueError for periods that end before the stage does.
    """
    if not periods or len(periods) != len(weights) or min(periods) < 1:
        raise ValueError(f"periods are {list(periods)} and weights {list(weights)}; each period, from 1 on, needs one.")
    if sum(periods) < steps:
        raise ValueError(f"periods {list(periods)} end after {sum(periods)} of the stage's {steps} updates.")
    return CosineRestarts(optimizer, periods, weights, eta_min)


def warmup(
    optimizer: Optimizer, steps: int, updates: int, after: Callable[[Optimizer, int], LRScheduler]
) -> SequentialLR:
    """Update k of the first `updates` has k / `updates` of the optimizer's learning rate; then follows the schedule
    `after`, from its beginning, for the updates that are left. Raises ValueError where none are."""
    if not 1 <= updates < steps:
        raise ValueError(f"warm-up of {updates} updates; it must be from 1 to less than the stage's {steps}.")
    rising = LinearLR(optimizer, 1 / updates, total_iters=updates - 1)
    return SequentialLR(optimizer, [rising, after(optimizer, steps - updates)], [updates])
