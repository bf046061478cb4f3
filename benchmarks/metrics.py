"""How fast the metrics are: python -m benchmarks.metrics

On a pair of uint8 RGB images of 2040×1356, conversions included, each against the form in which it is commonly written:

- PSNR and SSIM (protocol `y`), in float64: luma of the whole image in floats, five convolutions with an 11×11 window,
  by OpenCV and by SciPy; scikit-image. On one thread; ours on all cores, too.
- NIQE: block by block, a two-dimensional SciPy convolution, the table of shapes made anew for each fit.

The forms take turns. Printed are medians, the median and the least ratio to ours, and the values, which must be equal.
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when numpy is imported

from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

import cv2
import numpy as np
import torch
from scipy.ndimage import convolve, correlate
from scipy.special import gamma
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

import srbench.metrics.natural
from benchmarks.measured import command, measuring
from srbench.data.resize import imresize
from srbench.metrics.fidelity import psnr, ssim
from srbench.metrics.natural import niqe
from srbench.metrics.protocol import Protocol

SCALE = 2
Y = Protocol("y", "luma")
Form = Callable[[np.ndarray, np.ndarray], tuple[float, ...]]


def ours(sr: np.ndarray, hr: np.ndarray) -> tuple[float, ...]:
    x, y = Y.prepare(sr, SCALE), Y.prepare(hr, SCALE)
    return psnr(x, y).item(), ssim(x, y).item()


def ours_on_all_cores(sr: np.ndarray, hr: np.ndarray) -> tuple[float, ...]:
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    scores = ours(sr, hr)
    torch.set_num_threads(1)
    return scores


def float_luma(image: np.ndarray) -> np.ndarray:
    cropped = image[SCALE:-SCALE, SCALE:-SCALE].astype(np.float64)
    result: np.ndarray = cropped @ np.array([65.481, 128.553, 24.966]) / 255 + 16
    return result


def five_convolutions(
    sr: np.ndarray, hr: np.ndarray, filter2d: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> tuple[float, ...]:
    x, y = float_luma(sr), float_luma(hr)
    gaussian = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(gaussian, gaussian) / gaussian.sum() ** 2

    def mean(plane: np.ndarray) -> np.ndarray:
        return filter2d(plane, window)[5:-5, 5:-5]

    mu_x, mu_y = mean(x), mean(y)
    var_x, var_y, covariance = mean(x**2) - mu_x**2, mean(y**2) - mu_y**2, mean(x * y) - mu_x * mu_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similarity = (2 * mu_x * mu_y + c1) * (2 * covariance + c2) / ((mu_x**2 + mu_y**2 + c1) * (var_x + var_y + c2))
    return 20 * np.log10(255 / np.sqrt(np.mean((x - y) ** 2))), similarity.mean()


def with_opencv(sr: np.ndarray, hr: np.ndarray) -> tuple[float, ...]:
    return five_convolutions(sr, hr, lambda plane, window: cv2.filter2D(plane, -1, window))


def with_scipy(sr: np.ndarray, hr: np.ndarray) -> tuple[float, ...]:
    return five_convolutions(sr, hr, correlate)


def scikit_image(sr: np.ndarray, hr: np.ndarray) -> tuple[float, ...]:
    x, y = float_luma(sr), float_luma(hr)
    similarity = structural_similarity(
        x, y, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    return peak_signal_noise_ratio(y, x, data_range=255), similarity


def ours_niqe(sr: np.ndarray, hr: np.ndarray) -> tuple[float, ...]:
    return (niqe(sr, SCALE),)


def plain_niqe(sr: np.ndarray, hr: np.ndarray) -> tuple[float, ...]:
    luma = srbench.metrics.natural._luma(sr[SCALE:-SCALE, SCALE:-SCALE])
    return (niqe_block_by_block(luma),)


def niqe_block_by_block(luma: np.ndarray) -> float:
    """NIQE of a plane of whole numbers (H, W), as it is commonly written, in the precisions of BasicSR."""
    file = Path(srbench.metrics.natural.__file__).with_name("niqe_parameters.npz")
    parameters = np.load(file)
    rows, columns = luma.shape[0] // 96, luma.shape[1] // 96
    plane = luma[: 96 * rows, : 96 * columns]
    scales = []
    for size in (96, 48):
        mean = convolve(plane, parameters["gaussian_window"], mode="nearest")
        square = convolve(plane**2, parameters["gaussian_window"], mode="nearest")
        normalised = (plane - mean) / (np.sqrt(np.abs(square - mean**2)) + 1)
        corners = [(size * row, size * column) for row in range(rows) for column in range(columns)]
        scales.append([block_features(normalised[top : top + size, left : left + size]) for top, left in corners])
        plane = imresize(plane, 0.5).astype(np.float32)
    features = np.concatenate(scales, axis=1)
    covariance = np.cov(features[~np.isnan(features).any(axis=1)], rowvar=False)
    difference = parameters["mu_pris_param"] - np.nanmean(features, axis=0)
    precision = np.linalg.pinv((parameters["cov_pris_param"] + covariance) / 2)
    return float(np.sqrt(difference @ precision @ difference.T).item())


def block_features(block: np.ndarray) -> list[float]:
    shape, left, right = fit(block)
    features = [shape, (left + right) / 2]
    for shift in ((0, 1), (1, 0), (1, 1), (1, -1)):
        shape, left, right = fit(block * np.roll(block, shift, axis=(0, 1)))
        features += [shape, (right - left) * gamma(2 / shape) / gamma(1 / shape), left, right]
    return features


def fit(block: np.ndarray) -> tuple[float, float, float]:
    shapes = np.arange(0.2, 10.001, 0.001)
    ratios = gamma(2 / shapes) ** 2 / (gamma(1 / shapes) * gamma(3 / shapes))
    left, right = np.sqrt(np.mean(block[block < 0] ** 2)), np.sqrt(np.mean(block[block > 0] ** 2))
    skew = left / right
    ratio = np.mean(np.abs(block)) ** 2 / np.mean(block**2) * (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    shape = shapes[np.argmin((ratios - ratio) ** 2)]
    spread = np.sqrt(gamma(1 / shape) / gamma(3 / shape))
    return shape, left * spread, right * spread


def compare(
    forms: list[Form], images: tuple[np.ndarray, np.ndarray], tolerance: float, rounds: int
) -> list[list[float]]:
    """Seconds of each form, in turns, with a line for each that is printed; the first one is ours, the others' values
    must be near."""
    seconds: list[list[float]] = [[] for _ in forms]
    for _ in range(rounds):
        for form, times in zip(forms, seconds, strict=True):
            start = perf_counter()
            form(*images)
            times.append(perf_counter() - start)
    for form, times in zip(forms, seconds, strict=True):
        values = form(*images)
        np.testing.assert_allclose(values, forms[0](*images), rtol=0, atol=tolerance)
        ratios = [theirs / mine for mine, theirs in zip(seconds[0], times, strict=True)]
        speed = f"{median(times) * 1e3:6.0f} ms  {median(ratios):5.2f}× (least {min(ratios):.2f}×)"
        print(f"  {form.__name__:18}{speed}  {', '.join(f'{value:.9f}' for value in values)}")
    return seconds


def main() -> None:
    asked = command(__file__, __doc__, repeats=7).parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    rng = np.random.default_rng(0)
    smooth = imresize(rng.integers(0, 256, (339, 510, 3), np.uint8), 4.0)
    hr = np.clip(smooth + rng.normal(0, 5, smooth.shape), 0, 255).round().astype(np.uint8)
    sr = np.clip(hr + rng.normal(0, 10, hr.shape), 0, 255).round().astype(np.uint8)
    fidelity: list[Form] = [ours, ours_on_all_cores, with_opencv, with_scipy, scikit_image]
    natural: list[Form] = [ours_niqe, plain_niqe]
    with measuring(asked, threads=1) as note:
        for title, forms, tolerance in (("PSNR in dB, SSIM", fidelity, 1e-9), ("NIQE", natural, 1e-4)):
            print(title)
            seconds = compare(forms, (sr, hr), tolerance, asked.repeats)
            for form, times in zip(forms, seconds, strict=True):
                note(f"{title}: {form.__name__}", "s", times)


if __name__ == "__main__":
    main()
