"""What others have published of the runs of a study, as a sweep's file states it and as plans keep it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedRun:
    """`figures`: numbers by name, in plain units; those of a report (`final_loss`, `val.psnr`, `params`, …) stand
    beside what was measured. `note`: what to know of them, or of how the run was configured."""

    figures: dict[str, float]
    note: str = ""


@dataclass(frozen=True)
class PublishedCurves:
    """Training losses: `losses` by run, each the mean of the steps up to one of `steps` and after the one before it. A
    shorter training has fewer. ValueError where one has more."""

    steps: tuple[int, ...]
    losses: dict[str, tuple[float, ...]]

    def __post_init__(self) -> None:
        if any(len(losses) > len(self.steps) for losses in self.losses.values()):
            raise ValueError("losses: more of them than steps")


@dataclass(frozen=True)
class PublishedRuns:
    """`runs`: by name, those of which nothing is published left out."""

    source: str
    runs: dict[str, PublishedRun]
    curves: PublishedCurves | None = None
