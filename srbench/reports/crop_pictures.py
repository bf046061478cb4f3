"""Crops drawn, for a paper: the box by HR, bicubic and each network, scores below, and the image that it is from."""

from collections.abc import Iterator, Sequence

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from srbench.metrics.table import METRICS
from srbench.reports.crops import Crop, CropSet
from srbench.reports.markups import in_picture

ACROSS = 6
SIDE = 1.6  # inches of a crop
LETTERS = 26
RED = "#D55E00"


def draw_crops(found: CropSet) -> Figure:
    """The image, then the crops, in rows."""
    rows = -(-len(found.crops) // ACROSS)
    drawn = Figure(figsize=(SIDE * (ACROSS + 2.2), rows * (SIDE + 0.45) + 0.45), layout="constrained")
    drawn.suptitle(in_picture(f"{found.title}: {found.dataset} {found.image}"), fontsize=9, x=0.01, ha="left")
    grid = drawn.add_gridspec(rows, ACROSS + 1, width_ratios=[2.2, *[1] * ACROSS])
    left = drawn.add_subplot(grid[:, 0])
    left.imshow(found.whole)
    x, y, width, height = found.box
    left.add_patch(Rectangle((x - 0.5, y - 0.5), width, height, fill=False, edgecolor=RED, linewidth=1.2))
    left.set_axis_off()
    for place, crop in enumerate(found.crops):
        axes = drawn.add_subplot(grid[place // ACROSS, place % ACROSS + 1])
        if crop.pixels is not None:
            axes.imshow(crop.pixels, interpolation="nearest")
        else:
            axes.text(0.5, 0.5, "–", ha="center", va="center", transform=axes.transAxes)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title(_short(crop.label), fontsize=6, pad=2)
        axes.set_xlabel(crop_scores(crop), fontsize=6, labelpad=2)
    return drawn


def _short(label: str) -> str:
    text = in_picture(label)
    return text if len(text) <= LETTERS else f"{text[: LETTERS - 1]}…"


def crop_scores(crop: Crop) -> str:
    """ "32.10 dB / 0.9123", of the whole image; empty for HR."""
    return " / ".join(_scores(crop, ("psnr", "ssim")))


def _scores(crop: Crop, metrics: Sequence[str]) -> Iterator[str]:
    for name in metrics:
        if name in crop.scores:
            yield f"{crop.scores[name]:.{METRICS[name].decimals}f}{' dB' if name == 'psnr' else ''}"
