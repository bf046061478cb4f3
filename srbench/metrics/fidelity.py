"""How far SR is from HR: PSNR, SSIM and RMSE, and the protocols under which they are measured.

sr, hr = protocol.prepare(sr_image, scale), protocol.prepare(hr_image, scale)
psnr(sr, hr), ssim(sr, hr)
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

Channels = Literal["luma", "luma_rounded", "rgb"]

WINDOW = 11
SIGMA = 1.5
C1, C2 = 0.01**2, 0.03**2  # (K1 L)² and (K2 L)² with L = 1, the range of the values
BLOCK = 16  # SSIM is computed for 16 rows at a time, which stay in the processor's cache


@dataclass(frozen=True)
class Protocol:
    """How SR is compared with HR. `border`: pixels cropped from each side before, or "scale" for as many as the scale.

    `channels`: "luma" is the Y of MATLAB's rgb2ycbcr (BT.601) on uint8 RGB, kept as it comes (as BasicSR does);
    "luma_rounded" rounds it to integers (as MATLAB does on uint8); "rgb" takes all three channels jointly.
    """

    name: str
    channels: Channels
    border: int | Literal["scale"] = "scale"

    def __post_init__(self) -> None:
        if self.channels not in get_args(Channels):
            raise ValueError(f"A protocol's channels are one of {', '.join(get_args(Channels))}, not {self.channels}.")
        if self.border != "scale" and not (isinstance(self.border, int) and self.border >= 0):
            raise ValueError(f'A protocol\'s border is a number of pixels or "scale", not {self.border}.')

    def prepare(self, image: np.ndarray, scale: int) -> Tensor:
        """The image cropped and converted once, for every metric: uint8 (H, W, 3) → float64 (1, C, H', W') in [0, 1].

        Raises ValueError for another dtype or shape, and for an image of which the border leaves nothing.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"A protocol compares uint8 images (H, W, 3), not {image.dtype} of shape {image.shape}.")
        border = scale if self.border == "scale" else self.border
        height, width, _ = image.shape
        if min(height, width) <= 2 * border:
            raise ValueError(f"Nothing is left of an image of {height}×{width} without a border of {border} pixels.")
        cropped = image[border : height - border, border : width - border]
        if self.channels == "rgb":
            return torch.from_numpy(np.ascontiguousarray(cropped.transpose(2, 0, 1)))[None].double().div_(255)
        return _luma(cropped, rounded=self.channels == "luma_rounded")[None, None]


def _luma(image: np.ndarray, rounded: bool) -> Tensor:
    """MATLAB's rgb2ycbcr: 16 + (65.481 R + 128.553 G + 24.966 B) / 255 over 255, uint8 (H, W, 3) → float64 (H, W).

    Computed in integers, in units of 1/255000. In floats 39 to 107 of the 2²⁴ colours, whose luma ends in exactly .5,
    would be rounded down by an error in the last bit; which ones depends on the order of the sum.
    """
    red, green, blue = (image[..., channel].astype(np.int32) for channel in range(3))
    luma = 65481 * red + 128553 * green + 24966 * blue + 16 * 255000
    if rounded:
        return torch.from_numpy((luma + 127500) // 255000 / 255)
    return torch.from_numpy(luma / (255000 * 255))


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
    return (sr.double() - hr.double()).square().mean((1, 2, 3))


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
    planes = zip(sr.double().flatten(0, 1), hr.double().flatten(0, 1), strict=True)
    return torch.stack([_ssim_of_plane(x, y) for x, y in planes]).view(sr.shape[:2]).mean(1)


def _check(sr: Tensor, hr: Tensor) -> None:
    if sr.shape != hr.shape or sr.ndim != 4:
        raise ValueError(f"SR and HR are compared as (N, C, H, W) of one shape, not {(*sr.shape,)} and {(*hr.shape,)}.")
    if not (sr.is_floating_point() and hr.is_floating_point()):
        raise ValueError(f"SR and HR are compared as floats in [0, 1], not {sr.dtype} and {hr.dtype}.")


def _ssim_of_plane(x: Tensor, y: Tensor) -> Tensor:
    """The mean SSIM over all windows of two planes (H, W), a scalar."""
    blur = _blur_matrix().to(x.device)
    height, width = x.shape[0] - WINDOW + 1, x.shape[1] - WINDOW + 1
    sums = []
    for top in range(0, height, BLOCK):
        rows = slice(top, top + BLOCK + WINDOW - 1)
        sums.append(_ssim_of_strip(x[rows], y[rows], blur))
    return torch.stack(sums).sum() / (height * width)


def _ssim_of_strip(x: Tensor, y: Tensor, blur: Tensor) -> Tensor:
    """The sum of SSIM over all windows of two strips (up to 26, W), a scalar.

    With s = x + y and d = x − y, four blurred planes are enough: the means of s, d, s² and d² give
    2 (μx² + μy²) = μs² + μd²,  4 μx μy = μs² − μd²,  and so on for the variances and the covariance.
    """
    width = x.shape[1] - WINDOW + 1
    padding = -width % BLOCK
    strip = x.new_zeros(4, x.shape[0], x.shape[1] + padding)
    planes = strip[..., : x.shape[1]]
    torch.add(x, y, out=planes[0])
    torch.sub(x, y, out=planes[1])
    torch.mul(planes[:2], planes[:2], out=planes[2:])
    mean_s, mean_d, square_s, square_d = _blur(strip, blur)

    mean_s, mean_d = mean_s.square(), mean_d.square()
    variance_s, variance_d = square_s - mean_s, square_d - mean_d
    similarity = (mean_s - mean_d + 2 * C1) * (variance_s - variance_d + 2 * C2)
    similarity /= (mean_s + mean_d + 2 * C1) * (variance_s + variance_d + 2 * C2)
    return similarity.sum() - similarity[-1, :, BLOCK - padding :].sum()


def _blur(strip: Tensor, blur: Tensor) -> tuple[Tensor, ...]:
    """The strip's four planes under the window: (4, h + 10, W + 10) → four times (W / 16, h, 16), by blocks of columns.

    As matrix products of small blocks this takes half the time of a one-dimensional convolution.
    """
    rows = strip.shape[1] - WINDOW + 1
    vertical = blur[:rows, : strip.shape[1]] @ strip
    blocks = vertical.flatten(0, 1).unfold(1, BLOCK + WINDOW - 1, BLOCK).transpose(0, 1)
    return (blocks @ blur.T).unflatten(1, (4, rows)).unbind(1)


def _blur_matrix() -> Tensor:
    """(16, 26): row i takes the Gaussian mean of the values i … i + 10, so that a product with it is a convolution."""
    offsets = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    gaussian = (-(offsets**2) / (2 * SIGMA**2)).exp()
    gaussian /= gaussian.sum()
    matrix = torch.zeros(BLOCK, BLOCK + WINDOW - 1, dtype=torch.float64)
    for row in range(BLOCK):
        matrix[row, row : row + WINDOW] = gaussian
    return matrix
