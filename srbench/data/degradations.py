"""What makes LR, or makes it worse: the steps of `data.degradation`, and the degradation of the Waifu2x CARN study.

Pixels are (H, W, C). Noise and blur leave float32 on 0–255, neither rounded nor stored, because the networks of the
ISR_Task_2023 slides saw them so: rounded, SAFMN has 26.375 dB on blurred Set5 ×2 in place of their 26.374.
Resizers and JPEG take and leave uint8; what reaches them is rounded first. Of uint16 see `Degradation.check_bits`.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
from PIL import Image

from srbench.data.resizers import RESIZERS, as_uint8, from_pillow, to_pillow

FILTERS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)

Random = np.random.Generator | np.random.RandomState


@dataclass(frozen=True)
class Noise:
    """Adds N(0, sigma) to every value, `sigma` on [0, 1], and clips to the range of pixels.

    0.1 is the noise of the ISR_Task_2023 slides. The clipping is part of it, though an early version of their code had
    none: on Set5 ×2 MDRN then falls from the published 21.7 dB to 8.9.
    """

    sigma: float = 0.1

    def __post_init__(self) -> None:
        _check("noise.sigma", self.sigma, float, lambda sigma: 0 <= sigma <= 1, "a number from 0 to 1, or as 25/255")

    @property
    def label(self) -> str:
        """noise σ=0.1."""
        return f"noise σ={_shown(self.sigma)}"

    def __call__(self, image: np.ndarray, scale: int, random: Random) -> np.ndarray:
        """float32 of the same size; draws from `random` only."""
        noisy = random.standard_normal(image.shape)
        noisy *= 255 * self.sigma
        noisy += _on_255(image)
        return noisy.clip(0, 255, out=noisy).astype(np.float32)


@dataclass(frozen=True)
class Blur:
    """Gaussian blur by kernel × kernel taps ∝ exp(−x²/2σ²), `sigma` in pixels of the image that it meets.

    The border is mirrored without repeating the outermost pixel, torch's "reflect". The default is the blur of the
    ISR_Task_2023 slides.
    """

    kernel: int = 5
    sigma: float = 1.5

    def __post_init__(self) -> None:
        _check(
            "blur.kernel", self.kernel, int, lambda taps: taps > 0 and taps % 2 == 1, "an odd whole number from 1 on"
        )
        _check("blur.sigma", self.sigma, float, lambda sigma: 0 < sigma < inf, "a number above 0")

    @property
    def label(self) -> str:
        """gaussian-blur k=5 σ=1.5."""
        return f"gaussian-blur k={self.kernel} σ={_shown(self.sigma)}"

    def __call__(self, image: np.ndarray, scale: int, random: Random) -> np.ndarray:
        """float32 of the same size."""
        import cv2

        size, pixels = (self.kernel, self.kernel), _on_255(image).astype(np.float32)
        blurred: np.ndarray = cv2.GaussianBlur(pixels, size, self.sigma, borderType=cv2.BORDER_REFLECT_101)
        return blurred.reshape(image.shape)


@dataclass(frozen=True)
class Jpeg:
    """Stores the image as JPEG and reads it again, both as Pillow does: colour at half the resolution (4:2:0).

    75 is Pillow's default.
    """

    quality: int = 75

    def __post_init__(self) -> None:
        _check("jpeg.quality", self.quality, int, lambda quality: 1 <= quality <= 100, "a whole number from 1 to 100")

    @property
    def label(self) -> str:
        """jpeg q=75."""
        return f"jpeg q={self.quality}"

    def __call__(self, image: np.ndarray, scale: int, random: Random) -> np.ndarray:
        """uint8 of the same size."""
        return _through_jpeg(to_pillow(as_uint8(image)), self.quality)


@dataclass(frozen=True)
class Resize:
    """Shrinks HR by one of RESIZERS."""

    resizer: str

    @property
    def label(self) -> str:
        """The resizer's name."""
        return self.resizer

    def __call__(self, image: np.ndarray, scale: int, random: Random) -> np.ndarray:
        """uint8 (H/scale, W/scale, C); uint16 of uint16."""
        return RESIZERS[self.resizer](image if image.dtype == np.uint16 else as_uint8(image), scale)


Step = Noise | Blur | Jpeg | Resize
STEPS: dict[str, type[Noise] | type[Blur] | type[Jpeg]] = {"noise": Noise, "blur": Blur, "jpeg": Jpeg}


@dataclass(frozen=True)
class ShrinkCrop:
    """Shrinks each crop by one of RESIZERS, alone: what the resizer sees ends with the crop. For recipes whose authors
    made LR so; whatever is evaluated has the LR of `data.degradation`."""

    scale: int
    resizer: str

    def __post_init__(self) -> None:
        if self.resizer not in RESIZERS:
            raise ValueError(f"resizer is {self.resizer}; choose from {', '.join(RESIZERS)}.")

    def __call__(self, hr: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """uint8 (H, W, 3) → uint8 (H/scale, W/scale, 3); draws nothing."""
        return RESIZERS[self.resizer](hr, self.scale)


@dataclass(frozen=True)
class ShrinkAndJpeg:
    """Shrinks by a filter of Pillow drawn from bilinear, bicubic and Lanczos, then stores the result as JPEG of quality
    100 - round(U(low, high)): noise level 1 of the Waifu2x CARN study is U(5, 25)."""

    scale: int
    low: float = 5
    high: float = 25

    def __call__(self, hr: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """uint8 (H, W, 3) → uint8 (H/scale, W/scale, 3); draws from `random` only."""
        height, width = hr.shape[0] // self.scale, hr.shape[1] // self.scale
        small = to_pillow(hr).resize((width, height), FILTERS[random.integers(len(FILTERS))])
        return _through_jpeg(small, 100 - round(random.uniform(self.low, self.high)))


def _shown(number: float) -> str:
    """The shortest text that no other number has: 0.1, 2."""
    return np.format_float_positional(number, trim="-")


def _check(key: str, value: Any, kind: type, holds: Callable[[Any], bool], must: str) -> None:
    kinds = (int, float) if kind is float else kind
    if isinstance(value, bool) or not isinstance(value, kinds) or not holds(value):
        raise ValueError(f"{key} is {value}; it must be {must}.")


def _through_jpeg(image: Image.Image, quality: int) -> np.ndarray:
    stored = io.BytesIO()
    image.save(stored, "JPEG", quality=quality)
    return from_pillow(Image.open(stored))


def _on_255(image: np.ndarray) -> np.ndarray:
    """An image with white at 255."""
    return image / np.float32(257) if image.dtype == np.uint16 else image
