"""The resizers that LR images are made by, as each library has them, by the names that scores carry."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from srbench.core.pixel_format import white_of
from srbench.data.resize import imresize


def as_uint8(pixels: np.ndarray) -> np.ndarray:
    """Pixels on 0–255, rounded and clipped to uint8; uint8 as it is."""
    return _rounded(pixels, np.dtype(np.uint8))


def to_pillow(image: np.ndarray) -> Image.Image:
    """Of uint8 (H, W, 3) or (H, W, 1)."""
    return Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)


def from_pillow(image: Image.Image) -> np.ndarray:
    """uint8 (H, W, 3) or (H, W, 1)."""
    pixels = np.array(image)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _rounded(pixels: np.ndarray, dtype: "np.dtype[Any]") -> np.ndarray:
    return pixels if pixels.dtype == dtype else np.rint(pixels).clip(0, white_of(dtype)).astype(dtype)


def _pillow(hr: np.ndarray, scale: int, resample: Image.Resampling) -> np.ndarray:
    return from_pillow(to_pillow(hr).resize((hr.shape[1] // scale, hr.shape[0] // scale), resample))


def _torch(hr: np.ndarray, scale: int, antialias: bool) -> np.ndarray:
    import torch  # here and not above: a plan is made without it
    from torch.nn.functional import interpolate

    size = (hr.shape[0] // scale, hr.shape[1] // scale)
    image = torch.tensor(hr).permute(2, 0, 1)[None].float()
    small = interpolate(image, size, mode="bicubic", align_corners=False, antialias=antialias)
    return _rounded(small[0].permute(1, 2, 0).numpy(), hr.dtype)


def _opencv(hr: np.ndarray, scale: int, interpolation: str) -> np.ndarray:
    import cv2

    size = (hr.shape[1] // scale, hr.shape[0] // scale)
    small: np.ndarray = cv2.resize(hr, size, interpolation=getattr(cv2, interpolation))
    return small.reshape(*small.shape[:2], -1)


# (H, W, C) → (H/scale, W/scale, C) of the same dtype, uint8 or but for Pillow's uint16, for H and W that the scale
# divides. Of these, opencv-cubic and torch-bicubic do not smooth before they shrink.
RESIZERS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "matlab-symmetric": lambda hr, scale: imresize(hr, 1 / scale, "symmetric"),
    "matlab-replicate": lambda hr, scale: imresize(hr, 1 / scale, "replicate"),
    "pil-bilinear": partial(_pillow, resample=Image.Resampling.BILINEAR),
    "pil-bicubic": partial(_pillow, resample=Image.Resampling.BICUBIC),
    "pil-lanczos": partial(_pillow, resample=Image.Resampling.LANCZOS),
    "torch-bicubic": partial(_torch, antialias=False),
    "torch-bicubic-antialias": partial(_torch, antialias=True),
    "opencv-cubic": partial(_opencv, interpolation="INTER_CUBIC"),
    "opencv-area": partial(_opencv, interpolation="INTER_AREA"),
}
