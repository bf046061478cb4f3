"""How a stage of a training went: read without torch, as a record holds it."""

from dataclasses import dataclass
from typing import Literal

Keep = Literal["last", "best"]


@dataclass(frozen=True)
class TrainingSession:
    """What a stage did between two interruptions: it began after `after_step` steps, on `device` (cpu, cuda) with
    `threads`, in so many processes, `devices`, its passes `compiled` or not. Where one of these differs, numbers are
    rounded otherwise; where `devices` does, batch normalisation and losses that compare the images of a batch see
    another part of it, too."""

    after_step: int
    device: str
    threads: int
    seconds: float
    compiled: bool = False
    devices: int = 1


@dataclass(frozen=True)
class StageOutcome:
    """`final_loss`: the mean of the last fiftieth of its rows in losses.csv. `steps_per_second` and `data_wait` (the
    share of the time spent waiting for batches) are of the last session, validation left out. `kept`: which weights the
    stage left, those after `kept_step` (None: not known); `kept_psnr`: by which they are the best."""

    name: str
    steps: int
    batch_size: int
    hr_patch: int
    steps_per_second: float
    data_wait: float
    final_loss: float
    sessions: tuple[TrainingSession, ...]
    kept: Keep = "last"
    kept_step: int | None = None
    kept_psnr: float | None = None

    @property
    def seconds(self) -> float:
        """Of all sessions, validation included."""
        return sum(session.seconds for session in self.sessions)
