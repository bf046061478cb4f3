"""How natural SR looks, without HR: NIQE and PI.

NIQE: Mittal, Soundararajan and Bovik, "Making a 'Completely Blind' Image Quality Analyzer", IEEE SPL 2013, as BasicSR
and as pyiqa compute it, with the parameters that BasicSR publishes (NOTICE-niqe.txt). PI: Blau et al., "The 2018 PIRM
Challenge on Perceptual Image Super-Resolution", ECCV Workshops 2018, with the score of Ma et al., CVIU 2017, by the
package pyiqa.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, reduce
from pathlib import Path

import cv2
import numpy as np
import torch

from srbench.core.pixel_format import white_of
from srbench.metrics.available import MetricUnavailable, find_weights
from srbench.metrics.ma_model import check_ma_model
from srbench.metrics.missing import Missing

BLOCK = 96  # pixels; half as many in the image of half the size
SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))  # to the four neighbours of a pixel that are multiplied with it
HALVE = np.array([-3, -9, 29, 111, 111, 29, -9, -3]) / 256  # MATLAB's antialiased bicubic at scale ½, exactly


def niqe(image: np.ndarray, border: int) -> float:
    """Distance of an image, uint8 or uint16, (H, W, 3) or (H, W, 1), from pristine photographs. Lower is better, about
    2 to 12.

    Of the luma inside `border` (by convention the scale): BT.601 in 16–235, rounded to integers; of grey that itself.
    BasicSR's numbers: on Set5 within 0.0003 of its `calculate_niqe` with float64 luma. Not pyiqa's (`niqe_pyiqa`); on
    Set5 the two differ by up to 1.0, in either direction.
    Raises ValueError for less than two blocks of 96×96, or when less than two of the blocks have structure.
    """
    whole = _blocks(_luma(_inside(image, border)))
    # float32, as in BasicSR, where the variance of nearly flat parts is all rounding: up to 0.009 on Set5.
    return _distance(whole, _halve(whole).astype(np.float32), _model())


def niqe_pyiqa(image: np.ndarray) -> float:
    """The same by pyiqa's convention, which NTIRE's challenges score by: of the whole image, with luma in 0–255.

    Of YIQ, rounded to integers. pyiqa's numbers: on Set5 within 3e-6 of its `niqe`. What BasicSR computes in float32
    is float64 here, and the other way round: where an image is flat, each of these roundings counts.
    Raises ValueError as `niqe`.
    """
    whole = _blocks(_luma_of_yiq(_inside(image, 0)))
    window = _model().window.astype(np.float32).astype(np.float64)
    return _distance(whole, _halve_in_float32(whole), replace(_model(), window=window))


class PI:
    """Callable: the perceptual index of an image, uint8 or uint16, (H, W, 3) or (H, W, 1) → float. Lower is better.

    Ma's score comes from pyiqa (non-commercial licence), whose weights are never downloaded here.
    Raises MetricUnavailable when pyiqa is not installed, when none of `weights_dirs` holds NRQM_model.mat, and for a
    file of that name that is something else.
    """

    def __init__(self, weights_dirs: Sequence[Path]) -> None:
        weights = find_weights(weights_dirs, "pi")
        try:
            check_ma_model(weights)
        except ValueError as error:
            reason = f"{error}; move it away, then get it with: python -m srbench data get nrqm"
            raise MetricUnavailable(Missing("pi", "weights", reason)) from error
        try:
            import pyiqa  # type: ignore[import-not-found, unused-ignore]  # an extra, and it takes seconds
        except ImportError as error:
            reason = f"PI needs pyiqa, which cannot be imported ({error})"
            raise MetricUnavailable(Missing("pi", "package", reason)) from error
        # The colours are those of pyiqa's own PI; for Ma's score alone its default is another luma.
        self._ma = pyiqa.create_metric("nrqm", device="cpu", color_space="ycbcr", pretrained_model_path=str(weights))

    @torch.inference_mode()
    def __call__(self, image: np.ndarray, border: int) -> float:
        """The index of the image inside `border`. Raises ValueError as `niqe`."""
        inside = torch.tensor(_inside(image, border)).permute(2, 0, 1)[None].float() / white_of(image.dtype)
        return perceptual_index(self._ma(inside.expand(-1, 3, -1, -1)).item(), niqe(image, border))


def perceptual_index(ma: float, niqe: float) -> float:
    """½ ((10 − Ma) + NIQE)."""
    return ((10 - ma) + niqe) / 2


def _inside(image: np.ndarray, border: int) -> np.ndarray:
    """The image without its border, when that leaves two blocks."""
    if image.dtype not in (np.uint8, np.uint16) or image.ndim != 3 or image.shape[2] not in (1, 3):
        told = f"not of {image.dtype} of shape {image.shape}"
        raise ValueError(f"NIQE is computed of uint8 or uint16 images, (H, W, 3) or (H, W, 1), {told}.")
    height, width, _ = image.shape
    rows, columns = (max(0, length - 2 * border) // BLOCK for length in (height, width))
    if rows * columns < 2:
        raise ValueError(
            f"NIQE takes images of {BLOCK}×{2 * BLOCK} pixels or more without the border, "
            f"not {height}×{width} with a border of {border}."
        )
    return image[border : height - border, border : width - border]


def _luma(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) or (H, W, 1) → (H, W) of whole numbers in float64, on 0–255.

    By way of float32, as BasicSR, so that the few pixels whose luma nearly ends in .5 are rounded as they are there.
    """
    rgb = image.astype(np.float32) / np.float32(white_of(image.dtype))
    if image.shape[2] == 1:
        grey: np.ndarray = np.rint(rgb[..., 0] * np.float32(255)).astype(np.float64)
        return grey
    luma = cv2.transform(rgb.astype(np.float64), np.array([[65.481, 128.553, 24.966, 16]]) / 255)
    result: np.ndarray = np.rint(luma.astype(np.float32) * np.float32(255)).astype(np.float64)
    return result


def _luma_of_yiq(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) or (H, W, 1) → (H, W) of whole numbers in float64, on 0–255. In float32, from red to blue, as pyiqa: a
    pixel in a thousand lies between two of them."""
    if image.shape[2] == 1:
        return _luma(image)
    red, green, blue = np.moveaxis(image.astype(np.float32) / np.float32(white_of(image.dtype)), 2, 0)
    luma = (red * np.float32(0.299) + green * np.float32(0.587)) + blue * np.float32(0.114)
    result: np.ndarray = np.rint(luma * np.float32(255)).astype(np.float64)
    return result


def _blocks(luma: np.ndarray) -> np.ndarray:
    """What fills whole blocks, from the top left."""
    height, width = luma.shape
    return np.ascontiguousarray(luma[: height - height % BLOCK, : width - width % BLOCK])


def _distance(whole: np.ndarray, half: np.ndarray, model: "_Model") -> float:
    """NIQE of a plane (H, W) in 0–255 and of the same at half its size, §II-E of the paper: a Mahalanobis distance
    between two Gaussians of features."""
    features = np.concatenate([_features(whole, BLOCK, model), _features(half, BLOCK // 2, model)], axis=1)
    complete = features[~np.isnan(features).any(axis=1)]
    if len(complete) < 2:
        raise ValueError(
            f"NIQE is defined for two blocks with structure or more, and of {len(features)} blocks of {BLOCK}×{BLOCK} "
            f"pixels in this image {len(features) - len(complete)} are flat."
        )
    difference = model.mean - np.nanmean(features, axis=0)
    precision = np.linalg.pinv((model.covariance + np.cov(complete, rowvar=False)) / 2)
    return float(np.sqrt(difference @ precision @ difference))


def _halve(plane: np.ndarray) -> np.ndarray:
    """The plane at half its size, which is even, mirrored at its edges: (H, W) → (H / 2, W / 2) float64."""
    filtered = cv2.sepFilter2D(plane, cv2.CV_64F, HALVE, HALVE, anchor=(3, 3), borderType=cv2.BORDER_REFLECT)
    return filtered[::2, ::2]


def _halve_in_float32(plane: np.ndarray) -> np.ndarray:
    """The same as `_halve` but for its rounding, which is pyiqa's: in [0, 1], height before width, tap after tap."""
    half = (plane / 255).astype(np.float32)
    for axis in (0, 1):
        lines = np.moveaxis(half, axis, 0)
        mirrored = np.pad(lines, ((3, 3), (0, 0)), mode="symmetric")
        taps = (mirrored[k : k + len(lines) : 2] * weight for k, weight in enumerate(HALVE.astype(np.float32)))
        half = np.moveaxis(reduce(np.add, taps), 0, axis)
    return half.astype(np.float64) * 255


@dataclass(frozen=True)
class _Model:
    """The pristine photographs' features, and functions of the shape α of generalised Gaussians on BasicSR's grid."""

    mean: np.ndarray
    covariance: np.ndarray
    window: np.ndarray
    shape: np.ndarray  # α: 0.2, 0.201, …, 10
    ratio_between: np.ndarray  # Γ(2/α)² / (Γ(1/α) Γ(3/α)), which grows with α, halfway between the shapes
    spread: np.ndarray  # sqrt(Γ(1/α) / Γ(3/α))
    offset: np.ndarray  # Γ(2/α) / Γ(1/α)


@lru_cache(maxsize=1)
def _model() -> _Model:
    with np.load(Path(__file__).with_name("niqe_parameters.npz")) as file:
        mean, covariance, window = file["mu_pris_param"][0], file["cov_pris_param"], file["gaussian_window"]
    shape = np.arange(0.2, 10.001, 0.001)
    first, second, third = (np.array([math.gamma(k / alpha) for alpha in shape]) for k in (1, 2, 3))
    ratio = second**2 / (first * third)
    between = (ratio[1:] + ratio[:-1]) / 2
    return _Model(mean, covariance, window, shape, between, np.sqrt(first / third), second / first)


def _features(plane: np.ndarray, size: int, model: _Model) -> np.ndarray:
    """18 features of each block, with NaN in those of flat blocks: (H, W) → (H W / size², 18)."""
    normalised = _normalise(plane, model.window).astype(np.float64)
    rows = []
    for top in range(0, len(plane), size):  # a row of blocks stays in the processor's cache
        blocks = np.ascontiguousarray(normalised[top : top + size].reshape(size, -1, size).swapaxes(0, 1))
        shape, left, right, _ = _fit(blocks, model)
        features = [shape, (left + right) / 2]
        for shift in SHIFTS:  # around the block's edge, as BasicSR
            shape, left, right, offset = _fit(blocks * np.roll(blocks, shift, axis=(1, 2)), model)
            features += [shape, (right - left) * offset, left, right]
        rows.append(np.stack(features, axis=1))
    return np.concatenate(rows)


def _normalise(plane: np.ndarray, window: np.ndarray) -> np.ndarray:
    """(x − μ) / (σ + 1) with the window's mean and deviation, in the plane's own precision; edge pixels repeat.

    The two-dimensional window although it is separable: where the image is flat, x − μ is the error of a sum of 49
    products, and its sign counts. Two sums of 7 change NIQE by up to 0.09 on Set5.
    """

    def mean(values: np.ndarray) -> np.ndarray:
        blurred = cv2.filter2D(values.astype(np.float64), cv2.CV_64F, window, borderType=cv2.BORDER_REPLICATE)
        return blurred.astype(plane.dtype)

    centre = mean(plane)
    deviation = np.sqrt(np.abs(mean(plane * plane) - centre * centre))
    result: np.ndarray = (plane - centre) / (deviation + 1)
    return result


def _fit(blocks: np.ndarray, model: _Model) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Asymmetric generalised Gaussians, §II-C: shape α, left and right width β, Γ(2/α) / Γ(1/α), (n, h, w) → 4 × (n,).

    By matching moments. Without values on one side that width is NaN, and α the grid's first, as in BasicSR.
    """
    values = blocks.reshape(len(blocks), -1)
    negative, positive = np.minimum(values, 0), np.maximum(values, 0)
    squares_left, squares_right = np.vecdot(negative, negative), np.vecdot(positive, positive)
    with np.errstate(invalid="ignore", divide="ignore"):
        left = np.sqrt(squares_left / np.count_nonzero(negative, axis=1))
        right = np.sqrt(squares_right / np.count_nonzero(positive, axis=1))
        skew = left / right
        magnitude = (positive.sum(axis=1) - negative.sum(axis=1)) / values.shape[1]
        ratio = magnitude**2 * values.shape[1] / (squares_left + squares_right)
    ratio *= (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    nearest = np.where(np.isnan(ratio), 0, np.searchsorted(model.ratio_between, ratio))
    spread = model.spread[nearest]
    return model.shape[nearest], left * spread, right * spread, model.offset[nearest]
