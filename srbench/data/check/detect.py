"""Which resizer made an LR image: told from the pixels, by making LR of HR with each candidate.

Inside the image matlab-float, pil-bicubic and torch-bicubic-antialias are the same kernel, rounded differently, and
MATLAB's old and new imresize are equal: what tells them apart is the border. OpenCV's INTER_CUBIC and torch without
antialias are the same kernel (a = −0.75) as well, equal in every value at ×3, where both pick every third pixel, and at
any scale where torch was given 0–255; given [0, 1], it rounds up to 1.3 % of the values to the other side.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from srbench.data.resize import imresize
from srbench.data.resizers import RESIZERS, as_uint8

WINDOW = 128  # pixels of LR, in the corner: enough to tell, and quick however large the image
REACH = 4  # pixels of LR that a kernel sees beyond a pixel, at most
ALIKE = 0.98  # share of equal values, the others off by 1: the same resizer, computed elsewhere

Shrink = Callable[[np.ndarray, int], np.ndarray]  # HR and scale to LR; uint8 (H, W, 3), the scale divides H and W


def _matlab_float(hr: np.ndarray, scale: int) -> np.ndarray:
    return as_uint8(imresize(hr.astype(np.float64), 1 / scale))


def _torch_of_unit_range(hr: np.ndarray, scale: int) -> np.ndarray:
    import torch
    from torch.nn.functional import interpolate

    image = torch.from_numpy(hr).permute(2, 0, 1)[None].float() / 255
    small = interpolate(image, (hr.shape[0] // scale, hr.shape[1] // scale), mode="bicubic")
    return as_uint8(small[0].permute(1, 2, 0).numpy() * 255)


# Every form of each resizer that changes values.
CANDIDATES: dict[str, tuple[Shrink, ...]] = {
    **{name: (shrink,) for name, shrink in RESIZERS.items()},
    "matlab-float": (_matlab_float,),
    "torch-bicubic": (RESIZERS["torch-bicubic"], _torch_of_unit_range),
}

MEANING = {
    "matlab-symmetric": "MATLAB's imresize of today, and srbench's",
    "matlab-replicate": "older MATLAB's imresize",
    "matlab-float": "imresize of floats, rounded once, as BasicSR's in Python",
    "pil-bicubic": "Pillow's, or torchvision's of a Pillow image",
    "opencv-cubic": "OpenCV's INTER_CUBIC, which does not antialias",
    "torch-bicubic": "torch's interpolate, which does not antialias",
}


@dataclass(frozen=True)
class Distance:
    """How far LR is from what a resizer makes of HR: `unequal` of `values`, the `largest` difference of two, and the
    sum of the squared differences, all of 0–255."""

    values: int
    unequal: int
    largest: int
    squares: int

    @property
    def equal(self) -> float:
        """The share of equal values."""
        return 1 - self.unequal / self.values

    @property
    def psnr(self) -> float:
        """In dB, over all values; inf where all are equal."""
        return 10 * math.log10(255**2 * self.values / self.squares) if self.squares else math.inf

    def __add__(self, other: "Distance") -> "Distance":
        """Over the values of both."""
        return Distance(
            self.values + other.values,
            self.unequal + other.unequal,
            max(self.largest, other.largest),
            self.squares + other.squares,
        )


Distances = dict[str, Distance]  # of one image, by candidate


@dataclass(frozen=True)
class Verdict:
    """What made the LR images of a set: `names`, several where the images do not tell them apart, none if unknown.

    `nearest`: the one that comes closest, and its `distance` over all images but the `strangers`, the places of those
    that something else has made.
    """

    names: tuple[str, ...]
    nearest: str
    distance: Distance
    strangers: tuple[int, ...]


def distances(lr: np.ndarray, hr: np.ndarray, scale: int) -> Distances:
    """How far LR is from each candidate's, in the upper left corner of WINDOW pixels; both uint8 (H, W, 3).

    HR may exceed LR × scale and is cropped. Raises ValueError for HR that is smaller.
    """
    if hr.shape[0] < lr.shape[0] * scale or hr.shape[1] < lr.shape[1] * scale:
        raise ValueError(f"HR of {hr.shape[1]}×{hr.shape[0]} is smaller than {scale} × {lr.shape[1]}×{lr.shape[0]}.")
    # Where the window ends inside the image, its end is no border for the kernels.
    height, width = (min(length, WINDOW + REACH) for length in lr.shape[:2])
    corner = np.ascontiguousarray(hr[: height * scale, : width * scale])
    part = lr[:WINDOW, :WINDOW]
    return {
        name: min((_distance(part, shrink(corner, scale)[:WINDOW, :WINDOW]) for shrink in forms), key=_unequal)
        for name, forms in CANDIDATES.items()
    }


def recognise(images: Sequence[Distances]) -> Verdict:
    """What made most of the images, by their distances."""
    fitting = [_fitting(found) for found in images]
    most = max(sum(name in fits for fits in fitting) for name in CANDIDATES)
    if 2 * most <= len(images):
        totals = {name: reduce(Distance.__add__, (found[name] for found in images)) for name in CANDIDATES}
        nearest = min(totals, key=lambda name: totals[name].squares)
        return Verdict((), nearest, totals[nearest], ())
    totals = {}
    for name in CANDIDATES:
        made = [found[name] for found, fits in zip(images, fitting, strict=True) if name in fits]
        if len(made) == most:
            totals[name] = reduce(Distance.__add__, made)
    nearest = min(totals, key=lambda name: totals[name].unequal)
    names = tuple(name for name, total in totals.items() if total.unequal == totals[nearest].unequal)
    strangers = tuple(i for i, fits in enumerate(fitting) if nearest not in fits)
    return Verdict(names, nearest, totals[nearest], strangers)


def _fitting(found: Distances) -> set[str]:
    """The candidates that may have made an image: those that make it exactly, or else nearly."""
    exact = {name for name, distance in found.items() if not distance.unequal}
    return exact or {name for name, d in found.items() if d.largest <= 1 and d.equal >= ALIKE}


def _distance(a: np.ndarray, b: np.ndarray) -> Distance:
    difference = np.abs(a.astype(np.int32) - b)
    squares = int(np.square(difference).sum(dtype=np.int64))
    return Distance(a.size, int(np.count_nonzero(difference)), int(difference.max()), squares)


def _unequal(distance: Distance) -> int:
    return distance.unequal
