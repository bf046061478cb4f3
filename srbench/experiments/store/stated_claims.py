"""What a study claims, and the comparisons that decide it: as sweeps and ablation files state it, and plans keep it."""

from dataclasses import dataclass
from math import isfinite
from typing import Literal

from srbench.metrics.table import ALL_COSTS, METRICS

FINAL_LOSS = "final_loss"
Direction = Literal["lower", "higher", "equal"]


@dataclass(frozen=True)
class StatedComparison:
    """Each of `rows` against the next: the first is lower or higher by `margin` at least, or equal within it, in the
    unit of the `metric`: `final_loss`, a score such as `set5.psnr`, or a cost. `rows`: variants (or runs of a sweep) by
    name, models, or `MODEL:variant`. `relative`: the margin as a share of the second's value. ValueError for rows that
    are no pairs, for another metric, and for two margins or a negative one."""

    rows: tuple[str, ...]
    metric: str
    direction: Direction
    margin: float | None = None
    relative: float | None = None

    def __post_init__(self) -> None:
        if len(set(self.rows)) < max(2, len(self.rows)):
            raise ValueError("rows: two or more that differ are needed")
        if not is_known(self.metric):
            raise ValueError(
                f"no such metric {self.metric}: {FINAL_LOSS}, DATASET.METRIC as val.psnr, or a cost as params"
            )
        if self.margin is not None and self.relative is not None:
            raise ValueError("margin or relative, not both")
        if not isfinite(least := self.margin or self.relative or 0.0) or least < 0:
            raise ValueError("a margin is a number from 0 on")
        if self.direction == "equal" and not least and not self.is_exact:
            raise ValueError("direction equal needs a margin, within which two count as equal")

    @property
    def is_exact(self) -> bool:
        """Whether the metric is a count; others vary with seeds, images or machines."""
        return self.metric in ALL_COSTS and ALL_COSTS[self.metric].whole

    def margin_at(self, second: float) -> float:
        """In the metric's unit; `second`: the value of the second row."""
        return self.margin or (self.relative or 0.0) * abs(second)


@dataclass(frozen=True)
class StatedClaim:
    """`text`: a sentence; `source`: who claims it; `decides`: comparisons that must all hold. `ablation`: the sweep or
    ablation that states it; `of_sweep`: a sweep, whose rows may also be variants of the ablations that it asks for."""

    name: str
    ablation: str
    of_sweep: bool
    text: str
    source: str
    decides: tuple[StatedComparison, ...]

    @property
    def rows(self) -> tuple[str, ...]:
        """Of all its comparisons, each once."""
        return tuple(dict.fromkeys(row for comparison in self.decides for row in comparison.rows))


def is_known(metric: str) -> bool:
    """Whether a report may have a figure of that name."""
    _, dot, of_score = metric.partition(".")
    return of_score in METRICS if dot else metric == FINAL_LOSS or metric in ALL_COSTS
