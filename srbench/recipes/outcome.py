"""How a stage of a training went: read without torch, as a record holds it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Keep = Literal["last", "best"]
Layout = Literal["channels_last", "contiguous"]  # of images and weights in memory
USUAL: Layout = "channels_last"
TOO_FEW = "too few steps"  # to capture one of them
Capture = Literal["auto", True, False]  # of steps by CUDA graphs: where it can be, or it is an error, or none


@dataclass(frozen=True)
class TrainingSession:
    """What a stage did between two interruptions: it began after `after_step` steps, on `device` (cpu, cuda, mps) with
    `threads`, in so many processes, `devices`, its passes `compiled` or not. Where one of these differs, numbers are
    rounded otherwise; where `devices` does, batch normalisation and losses that compare the images of a batch see
    another part of it, too. `captured`: steps were run by CUDA graphs; `not_captured`: why some, or all, were not,
    which changes no number; None also on a CPU. `not_repeatable`: what a GPU computes of it in no fixed order, in
    torch's words, so that two trainings may differ in their last digits. `code`: digests of the user's own classes, by
    their places. `precision`: as Lightning names it; `memory_format`: of weights and images."""

    after_step: int
    device: str
    threads: int
    seconds: float
    compiled: bool = False
    devices: int = 1
    captured: bool = False
    not_captured: str | None = None
    not_repeatable: str | None = None
    code: dict[str, str] = field(default_factory=dict)
    precision: str | None = None
    memory_format: Layout | None = None


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


def captured(sessions: Sequence[TrainingSession]) -> bool | str:
    """Whether steps were run by CUDA graphs; why some, or all, were not, where that is more than that a session had too
    few. False on a CPU."""
    reasons = [session.not_captured for session in sessions if session.not_captured]
    others = [reason for reason in reasons if reason != TOO_FEW]
    if others:
        return others[0]
    return any(session.captured for session in sessions) or (TOO_FEW if reasons else False)
