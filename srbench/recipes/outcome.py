"""How a stage of a training went: read without torch, as a record holds it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StageOutcome:
    """`final_loss`: the mean of the last fiftieth of its rows in losses.csv. `steps_per_second` and `data_wait` (the
    share of the time spent waiting for batches) are of the last session, validation left out."""

    name: str
    steps: int
    batch_size: int
    hr_patch: int
    steps_per_second: float
    data_wait: float
    final_loss: float
