"""What LR images are, as a value: files as somebody made them, or made from HR, and what was done to them since."""

from dataclasses import dataclass, field

RESIZER = "matlab-symmetric"  # by which LR is made where there are no files and nothing else is asked for


@dataclass(frozen=True)
class DegradationStep:
    """A step of `data.degradation` with all its settings: `noise` {sigma: 0.1}, `resize` {resizer: pil-bicubic}.

    Raises ValueError for a step, or a setting, that does not exist.
    """

    name: str
    settings: dict[str, float | str] = field(hash=False)

    def __post_init__(self) -> None:
        told_steps((self,))

    def __hash__(self) -> int:
        return hash((self.name, *sorted(self.settings.items())))


Steps = tuple[DegradationStep, ...]  # in their order; none of them leaves LR as it is


def told_steps(steps: Steps) -> str:
    """For people: "noise σ=0.1", "pil-bicubic + jpeg q=40"; "" for none. Different steps have different texts."""
    if not steps:
        return ""
    from srbench.data.chains import degradation_of

    return degradation_of(steps).label


@dataclass(frozen=True)
class LrSource:
    """What the LR images of a data set are.

    `files`: they were read as somebody made them; `recognised`: the resizers that may have made such files, empty for
    an unknown one, and `mixed`: some of them were made otherwise. Else srbench shrank HR: by RESIZER, or as `steps` say
    where one of them is a resizer. `steps`: what was done, in order, to HR in the latter case and else to LR.

    Raises ValueError for steps that do not follow on each other.
    """

    files: bool
    recognised: tuple[str, ...] | None = None
    mixed: bool = False
    steps: Steps = ()

    def __post_init__(self) -> None:
        told_steps(self.steps)

    @property
    def shrinks(self) -> bool:
        """Whether the steps begin with HR."""
        return any(step.name == "resize" for step in self.steps)

    @property
    def degradation(self) -> str:
        """The steps as `told_steps`."""
        return told_steps(self.steps)

    @property
    def resizer(self) -> str:
        """What scores.csv calls it: `file`, `matlab-symmetric`, `file + noise σ=0.1`, `pil-bicubic`."""
        return self._told("file" if self.files else RESIZER)

    @property
    def maker(self) -> str:
        """The resizer that is recognised in files; several with "or" where they cannot be told apart."""
        return (" or ".join(self.recognised or ()) or "unknown") + (" and others" if self.mixed else "")

    def __str__(self) -> str:
        """As `resizer`, with what is recognised in the files: `file by matlab-replicate`."""
        if not self.files:
            return self.resizer
        return self._told("file" if self.recognised is None else f"file by {self.maker}")

    def _told(self, base: str) -> str:
        if not self.steps:
            return base
        return self.degradation if self.shrinks else f"{base} + {self.degradation}"
