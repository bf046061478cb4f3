"""Schedules of the learning rate: (optimizer, steps) → torch's own scheduler, stepped after each update.

`steps`: the number of updates that the optimizer makes in the stage.
"""

from collections.abc import Sequence

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, MultiStepLR


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
