"""How fast PSNR and SSIM are: python benchmarks/metrics.py

Against the common form of the same numbers in float64 (luma of the whole image in floats; five convolutions with an
11×11 window) and against scikit-image. They take turns; printed are medians for a pair of uint8 RGB images of
2040×1356 under protocol `y` on one thread, with the conversion, and ratios to ours.
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when numpy is imported

from collections.abc import Callable
from statistics import median
from time import perf_counter

import numpy as np
import torch
from scipy.ndimage import correlate
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from srbench.metrics.fidelity import Protocol, psnr, ssim

ROUNDS = 5
SCALE = 2
Y = Protocol("y", "luma")
Score = Callable[[np.ndarray, np.ndarray], tuple[float, float]]


def ours(sr: np.ndarray, hr: np.ndarray) -> tuple[float, float]:
    x, y = Y.prepare(sr, SCALE), Y.prepare(hr, SCALE)
    return psnr(x, y).item(), ssim(x, y).item()


def luma(image: np.ndarray) -> np.ndarray:
    cropped = image[SCALE:-SCALE, SCALE:-SCALE].astype(np.float64)
    return cropped @ np.array([65.481, 128.553, 24.966]) / 255 + 16


def five_convolutions(sr: np.ndarray, hr: np.ndarray) -> tuple[float, float]:
    x, y = luma(sr), luma(hr)
    gaussian = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(gaussian, gaussian) / gaussian.sum() ** 2

    def mean(plane: np.ndarray) -> np.ndarray:
        return correlate(plane, window)[5:-5, 5:-5]

    mu_x, mu_y = mean(x), mean(y)
    var_x, var_y, covariance = mean(x**2) - mu_x**2, mean(y**2) - mu_y**2, mean(x * y) - mu_x * mu_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similarity = (2 * mu_x * mu_y + c1) * (2 * covariance + c2) / ((mu_x**2 + mu_y**2 + c1) * (var_x + var_y + c2))
    return 20 * np.log10(255 / np.sqrt(np.mean((x - y) ** 2))), similarity.mean()


def scikit_image(sr: np.ndarray, hr: np.ndarray) -> tuple[float, float]:
    x, y = luma(sr), luma(hr)
    similarity = structural_similarity(
        x, y, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    return peak_signal_noise_ratio(y, x, data_range=255), similarity


def main() -> None:
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    hr = rng.integers(0, 256, (1356, 2040, 3), np.uint8)
    sr = np.clip(hr + rng.normal(0, 10, hr.shape), 0, 255).round().astype(np.uint8)
    scores: list[Score] = [ours, scikit_image, five_convolutions]
    seconds: dict[str, list[float]] = {score.__name__: [] for score in scores}
    for _ in range(ROUNDS):
        for score in scores:
            start = perf_counter()
            score(sr, hr)
            seconds[score.__name__].append(perf_counter() - start)
    for score in scores:
        typical = median(seconds[score.__name__])
        psnr_y, ssim_y = score(sr, hr)
        ratio = typical / median(seconds["ours"])
        print(f"{score.__name__:18} {typical * 1e3:6.0f} ms  {ratio:5.2f}×  PSNR {psnr_y:.6f} dB  SSIM {ssim_y:.9f}")


if __name__ == "__main__":
    main()
