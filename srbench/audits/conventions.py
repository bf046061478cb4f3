"""The ways to PSNR and SSIM that people use, which the verb `explain` compares: what each does to SR, HR and LR."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

Colour = Literal["luma", "luma_rounded", "opencv", "rgb"]
Similarity = Literal["gaussian", "scikit-image", "global"]

COLOURS: dict[Colour, str] = {
    "luma": "float luma",
    "luma_rounded": "rounded luma",
    "opencv": "OpenCV's luma",
    "rgb": "RGB",
}
BORDERS: tuple[int | str, ...] = (0, "scale", 4, "scale + 6")
LR_BY = (
    *("matlab-symmetric", "matlab-replicate", "matlab-float", "pil-bicubic"),
    *("opencv-cubic", "torch-bicubic", "torch-bicubic-antialias"),
)
STORED, TRUNCATED, UNROUNDED = "stored", "truncated", "not rounded"
BY_OPENCV, OF_LUMA = "bicubic by OpenCV", "bicubic of luma"


@dataclass(frozen=True)
class Convention:
    """One way to PSNR and SSIM. `sr`: one of the names above, or what makes LR anew, one of resizers.CANDIDATES.
    `colour` and `border` None: those of the run's protocol. `pooled`: the PSNR of the mean error."""

    title: str
    sr: str = STORED
    colour: Colour | None = None
    border: int | str | None = None
    similarity: Similarity = "gaussian"
    pooled: bool = False


def _conventions() -> Iterator[Convention]:
    yield Convention("the run's protocol")
    for (colour, name), border in product(COLOURS.items(), BORDERS):
        title = f"{name}, border {border}" if isinstance(border, int) else f"{name}, border = {border}"
        yield Convention(title, colour=colour, border=border)
    kinds: tuple[tuple[str, Colour | None], ...] = (("the run's protocol", None), ("RGB", "rgb"))
    for kind, of_kind in kinds:
        yield Convention(f"{kind}, SR truncated", TRUNCATED, of_kind)
        yield Convention(f"{kind}, SR not rounded", UNROUNDED, of_kind)
        yield Convention(f"{kind}, mean error", colour=of_kind, pooled=True)
    yield Convention("RGB, border 0, SSIM of scikit-image", colour="rgb", border=0, similarity="scikit-image")
    yield Convention("RGB, border 0, global SSIM", colour="rgb", border=0, similarity="global")
    for name in LR_BY:
        yield Convention(f"LR by {name}", name)


CONVENTIONS = tuple(_conventions())
OF_BICUBIC = (
    Convention("bicubic by OpenCV or torch (a = −0.75)", BY_OPENCV),
    # The row "Bicubic" of most papers, 33.66 / 0.9299 on Set5 ×2: the code of SRCNN (Dong et al., ECCV 2014) shrinks
    # and enlarges nothing but the luma, in floats that are rounded once, at the end.
    Convention("bicubic of luma alone (SRCNN's code)", OF_LUMA, "luma_rounded"),
)


def _is_core(one: Convention) -> bool:
    if one.colour in COLOURS and one.sr == STORED and not one.pooled:
        return one.border in (0, "scale")
    others = ("matlab-float", "torch-bicubic", "torch-bicubic-antialias")  # nearly as one that is there
    return one.colour != "rgb" and one.sr not in others


CORE = frozenset(one.title for one in CONVENTIONS + OF_BICUBIC if _is_core(one))  # the titles that a report shows
