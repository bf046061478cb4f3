"""How far SR is from HR: PSNR, SSIM and RMSE, and the protocols under which they are measured.

    sr, hr = protocol.prepare(sr_image, scale), protocol.prepare(hr_image, scale)
    psnr(sr, hr), ssim(sr, hr)

All are computed on the CPU in float64, by strips of rows that torch's threads share. The strips and the order of their
sum are the same for every number of threads, so the scores are, bit for bit.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import torch
from torch import Tensor

from srbench.core.pixel_format import white_of
from srbench.metrics.protocol import Channels, Protocol

WINDOW = 11
SIGMA = 1.5
C1, C2 = 0.01**2, 0.03**2  # (K1 L)² and (K2 L)² with L = 1, the range of the values
STRIP = 64  # rows at a time, which stay in the processor's cache


def planes_of(image: np.ndarray, channels: Channels, border: int) -> Tensor:
    """What a protocol compares: uint8 or uint16, (H, W, 3) or (H, W, 1) → float64 (1, C, H − 2·border, W − 2·border) in
    [0, 1].

    Raises ValueError for another dtype or shape, and for an image of which the border leaves nothing.
    """
    if image.dtype not in (np.uint8, np.uint16) or image.ndim != 3 or image.shape[2] not in (1, 3):
        told = f"not {image.dtype} of shape {image.shape}"
        raise ValueError(f"A protocol compares uint8 or uint16 images, (H, W, 3) or (H, W, 1), {told}.")
    height, width, _ = image.shape
    if min(height, width) <= 2 * border:
        raise ValueError(f"Nothing is left of an image of {height}×{width} without a border of {border} pixels.")
    cropped = image[border : height - border, border : width - border]
    if channels == "rgb" or image.shape[2] == 1:
        planes = torch.from_numpy(np.ascontiguousarray(cropped.transpose(2, 0, 1)))
        return planes[None].double().div_(white_of(image.dtype))
    return _luma(cropped, rounded=channels == "luma_rounded")[None, None]


def _luma(image: np.ndarray, rounded: bool) -> Tensor:
    """MATLAB's rgb2ycbcr: 16 + (65.481 R + 128.553 G + 24.966 B) / 255 over 255, of uint8 (H, W, 3) → float64 (H, W);
    of uint16 the same with all levels times 257.

    Summed in units of 1/255000, which are integers. In fractions 39 to 107 of the 2²⁴ colours, whose luma ends in
    exactly .5, would be rounded down by an error in the last bit; which ones depends on the order of the sum.
    """
    white, level = white_of(image.dtype), white_of(image.dtype) // 255
    weights = np.array([[65481, 128553, 24966, 16 * 255000 * level]], np.float64)
    luma = np.empty(image.shape[:2])
    for top in range(0, len(image), STRIP):
        luma[top : top + STRIP] = cv2.transform(image[top : top + STRIP].astype(np.float64), weights)
    if rounded:
        return torch.from_numpy(np.floor((luma + 127500) / 255000) / white)
    return torch.from_numpy(luma / (255000 * white))


# The luma and border of the RMSE in the PIRM 2018 challenge (Blau et al., ECCV Workshops 2018): rmse under this
# protocol. Inferred from its description and not verified: no published RMSE has been reproduced with it.
PIRM = Protocol("pirm", "luma", border=4)


def psnr(sr: Tensor, hr: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB, one value per image: (N, C, H, W) in [0, 1] → (N,) float64.

    Higher is better, inf for equal images. A data set's PSNR is the mean of these, not the PSNR of the mean error.
    """
    return -10 * _mean_squared_error(sr, hr).log10()


def rmse(sr: Tensor, hr: Tensor) -> Tensor:
    """Root of the mean squared error in units of 0–255, one value per image: (N, C, H, W) in [0, 1] → (N,) float64.

    Lower is better. By convention of RGB with border = scale, whatever the protocol of PSNR and SSIM.
    """
    return 255 * _mean_squared_error(sr, hr).sqrt()


def _mean_squared_error(sr: Tensor, hr: Tensor) -> Tensor:
    _check(sr, hr)
    return _sum_over_strips(_squared_error, sr, hr, overlap=0) / sr[0].numel()


def _squared_error(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.square(x - y).sum())


def ssim(sr: Tensor, hr: Tensor) -> Tensor:
    """Structural similarity, one value per image: (N, C, H, W) in [0, 1] → (N,) float64. Higher is better, 1 if equal.

    Wang et al., IEEE TIP 2004, as its authors' code: 11×11 Gaussian window with σ = 1.5, K1 = 0.01, K2 = 0.03, windows
    inside the image only; mean over the channels. Raises ValueError below 11×11 pixels.
    """
    _check(sr, hr)
    height, width = sr.shape[2:]
    if min(height, width) < WINDOW:
        raise ValueError(
            f"SSIM takes images of {WINDOW}×{WINDOW} pixels or more (after the border), not {height}×{width}."
        )
    windows = sr.shape[1] * (height - WINDOW + 1) * (width - WINDOW + 1)
    return _sum_over_strips(_similarity, sr, hr, overlap=WINDOW - 1) / windows


def ssim_global(sr: Tensor, hr: Tensor) -> Tensor:
    """SSIM's formula on one window, the whole image; one value per image: (N, C, H, W) in [0, 1] → (N,) float64.

    As the evaluation code of the MESRGAN poster (NeonSky/computer-vision-MESRGAN): mean over the channels, variances
    over n − 1, the covariance over n. It says little: near 0.95 for whatever keeps the low frequencies, where `ssim` is
    0.7. Never to be compared with SSIM. NaN for a single pixel.
    """
    _check(sr, hr)
    x, y = (images.detach().double().flatten(2) for images in (sr, hr))
    mean_x, mean_y = x.mean(2), y.mean(2)
    variances = x.var(2) + y.var(2)
    covariance = ((x - mean_x[..., None]) * (y - mean_y[..., None])).mean(2)
    similarity = (2 * mean_x * mean_y + C1) * (2 * covariance + C2)
    return (similarity / ((mean_x**2 + mean_y**2 + C1) * (variances + C2))).mean(1)


def _check(sr: Tensor, hr: Tensor) -> None:
    if sr.shape != hr.shape or sr.ndim != 4:
        raise ValueError(f"SR and HR are compared as (N, C, H, W) of one shape, not {(*sr.shape,)} and {(*hr.shape,)}.")
    if not (sr.is_floating_point() and hr.is_floating_point()):
        raise ValueError(f"SR and HR are compared as floats in [0, 1], not {sr.dtype} and {hr.dtype}.")


def _sum_over_strips(
    function: Callable[[np.ndarray, np.ndarray], float], sr: Tensor, hr: Tensor, overlap: int
) -> Tensor:
    """The sums of `function` over the strips of rows of all planes, one per image: (N, C, H, W) → (N,) float64."""
    x, y = (images.detach().double().cpu().flatten(0, 1).numpy() for images in (sr, hr))
    tops = range(0, x.shape[1] - overlap, STRIP)
    strips = [(plane, slice(top, top + STRIP + overlap)) for plane in range(len(x)) for top in tops]
    with ThreadPoolExecutor(torch.get_num_threads()) as threads:
        sums = list(threads.map(lambda strip: function(x[strip], y[strip]), strips))
    return torch.tensor(sums, dtype=torch.float64).view(len(sr), -1).sum(1)


def _similarity(x: np.ndarray, y: np.ndarray) -> float:
    """The sum of SSIM over all windows inside two planes (H, W).

    With s = x + y and d = x − y, four blurred planes are enough: the means of s, d, s² and d² give
    2 (μx² + μy²) = μs² + μd²,  4 μx μy = μs² − μd²,  and so on for the variances and the covariance.
    """
    s, d = x + y, x - y
    mean_s, mean_d = np.square(_blur(s)), np.square(_blur(d))
    variance_s, variance_d = _blur(s * s) - mean_s, _blur(d * d) - mean_d
    similarity = (mean_s - mean_d + 2 * C1) * (variance_s - variance_d + 2 * C2)
    similarity /= (mean_s + mean_d + 2 * C1) * (variance_s + variance_d + 2 * C2)
    return float(similarity.sum())


def _blur(plane: np.ndarray) -> np.ndarray:
    """The Gaussian mean of each window inside the plane: (H, W) → (H − 10, W − 10)."""
    gaussian = cv2.getGaussianKernel(WINDOW, SIGMA)
    margin = slice(WINDOW // 2, -(WINDOW // 2))
    return cv2.sepFilter2D(plane, cv2.CV_64F, gaussian, gaussian)[margin, margin]
