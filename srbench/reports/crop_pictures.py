"""Crops drawn, for a paper: the box by HR, bicubic and each network, scores below, and the image that it is from."""

from collections.abc import Iterator, Sequence

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from srbench.metrics.table import METRICS
from srbench.reports.crops import Crop, CropSet
from srbench.reports.markups import in_picture

ACROSS = 6
SIDE, WHOLE = 1.6, 3.4  # inches of a crop and of the image
GAP, TITLE, CAPTIONS = 0.12, 0.3, 0.4  # inches
LETTERS = 26
RED = "#D55E00"


def draw_crops(found: CropSet) -> Figure:
    """The image, then the crops, in rows."""
    rows, across = -(-len(found.crops) // ACROSS), min(ACROSS, len(found.crops))
    width, height = WHOLE + across * (SIDE + GAP) + 2 * GAP, rows * (SIDE + CAPTIONS) + TITLE
    drawn = Figure(figsize=(width, height))
    title = in_picture(f"{found.title}: {found.dataset} {found.image}")
    drawn.text(GAP / width, 1 - 0.08 / height, title, fontsize=9, va="top")
    left = drawn.add_axes((GAP / width, 0.05, WHOLE / width, 1 - TITLE / height - 0.05), anchor="NW")
    left.imshow(found.whole)
    x, y, wide, high = found.box
    left.add_patch(Rectangle((x - 0.5, y - 0.5), wide, high, fill=False, edgecolor=RED, linewidth=1.2))
    left.set_axis_off()
    for place, crop in enumerate(found.crops):
        row, column = divmod(place, ACROSS)
        corner = (
            2 * GAP + WHOLE + column * (SIDE + GAP),
            height - TITLE - row * (SIDE + CAPTIONS) - CAPTIONS / 2 - SIDE,
        )
        axes = drawn.add_axes((corner[0] / width, corner[1] / height, SIDE / width, SIDE / height))
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
