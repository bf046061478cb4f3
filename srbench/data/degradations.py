"""Ways to make LR from HR other than bicubic shrinking."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

FILTERS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)


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
        small = Image.fromarray(hr).resize((width, height), FILTERS[random.integers(len(FILTERS))])
        stored = io.BytesIO()
        small.save(stored, "JPEG", quality=100 - round(random.uniform(self.low, self.high)))
        return np.asarray(Image.open(stored))
