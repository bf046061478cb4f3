"""Which losses a panel of curves shows: those of the smoothed curves once they are past the first fall, which would
flatten the rest."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from srbench.reports.seed_curves import Curve, published_within

SETTLED = 0.05  # of the steps
DIVERGED = 10  # times what is usual in a panel


@dataclass(frozen=True)
class LossRange:
    """`log`: on a logarithmic axis."""

    low: float
    high: float
    log: bool


def loss_range(curves: Sequence[Curve]) -> LossRange | None:
    """None without a finite loss. A curve that diverges leaves the panel instead of flattening the others; the axis is
    logarithmic where the losses span more than a factor of five."""
    extents = [(float(own.min()), float(own.max())) for curve in curves if len(own := _settled(curve))]
    if not extents:
        return None
    lows, highs = zip(*extents, strict=True)
    low, high = min(lows), min(max(highs), DIVERGED * float(np.median(highs)))
    if low > 0 and high > 5 * low:
        return LossRange(low / 1.05, high * 1.05, log=True)
    return _with_margin(low, high)


def difference_range(curves: Sequence[Curve]) -> LossRange | None:
    """Around zero, likewise."""
    sizes = [float(np.abs(own).max()) for curve in curves if len(own := _settled(curve))]
    if not sizes:
        return None
    most = DIVERGED * float(np.median(sizes))
    values = np.concatenate([[0.0], *map(_settled, curves)])
    return _with_margin(max(float(values.min()), -most), min(float(values.max()), most))


def _with_margin(low: float, high: float) -> LossRange:
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return LossRange(low - margin, high + margin, log=False)


def _settled(curve: Curve) -> np.ndarray:
    """The finite smoothed or published losses past the first fall."""
    begin = curve.steps[0] + SETTLED * (curve.steps[-1] - curve.steps[0])
    settled = curve.smooth[curve.steps >= begin]
    if (published := published_within(curve)) is not None:
        settled = np.concatenate([settled, published.losses[published.steps >= begin]])
    finite: np.ndarray = settled[np.isfinite(settled)]
    return finite
