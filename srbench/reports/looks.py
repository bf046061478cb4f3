"""The colours and styles of the curves in a panel."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Literal

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex

from srbench.reports.seed_curves import Curve

# Okabe and Ito, "Color Universal Design", 2008; without yellow, which is too pale for a line on white.
OKABE_ITO = ["#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C8C8C"]
BLACK = OKABE_ITO[0]
GREY = "#CCCCCC"
DASHES = (None, (5, 1.5), (1.2, 1.2), (6, 1.5, 1.2, 1.5))  # of a line, in points
NAMED = 40  # curves that a legend can hold; the others are drawn in grey
THIN = 1.1


@dataclass(frozen=True)
class CurveLook:
    """How a curve is drawn. `dashes`: strokes and gaps in points, None for a solid line."""

    color: str
    dashes: tuple[float, ...] | None
    width: float

    @property
    def style(self) -> Literal["-"] | tuple[float, tuple[float, ...]]:
        """The dashes as matplotlib has them."""
        return (0, self.dashes) if self.dashes else "-"


def looks_of(curves: Sequence[Curve], ranked: Sequence[Curve], most: int = NAMED) -> list[CurveLook | None]:
    """Of each ranked curve; None for one without a place in the legend, which has `most`. Black is the baseline's; few
    curves take colours in the table's order, many by their rank."""
    few = len(curves) <= len(OKABE_ITO)
    ordinary = [curve for curve in (curves if few else ranked[:most]) if not curve.baseline]
    colours = [*OKABE_ITO[1:], BLACK] if few else _sequence(len(ordinary))
    dashes = cycle(DASHES[:1] if few else DASHES)
    width = 1.5 if few else THIN
    looks = {id(curve): CurveLook(c, d, width) for curve, c, d in zip(ordinary, colours, dashes, strict=False)}
    looks |= {id(curve): CurveLook(BLACK, None, 2.0) for curve in curves if curve.baseline}
    return [looks.get(id(curve)) for curve in ranked]


def _sequence(count: int) -> list[str]:
    """Colours from dark to light; the lightest end of the map is too pale for white paper."""
    return [to_hex(colormaps["viridis"](place)) for place in np.linspace(0.0, 0.88, count)]
