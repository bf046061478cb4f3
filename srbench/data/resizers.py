"""The resizers that LR images are made by, as each library has them, by the names that scores carry."""

from collections.abc import Callable
from functools import partial

import numpy as np
from PIL import Image

from srbench.data.resize import imresize


def as_uint8(pixels: np.ndarray) -> np.ndarray:
    """Pixels on 0–255, rounded and clipped to uint8; uint8 as it is."""
    return pixels if pixels.dtype == np.uint8 else np.rint(pixels).clip(0, 255).astype(np.uint8)


def _pillow(hr: np.ndarray, scale: int, resample: Image.Resampling) -> np.ndarray:
    return np.array(Image.fromarray(hr).resize((hr.shape[1] // scale, hr.shape[0] // scale), resample))


def _torch(hr: np.ndarray, scale: int, antialias: bool) -> np.ndarray:
    import torch  # here and not above: a plan is made without it
    from torch.nn.functional import interpolate

    size = (hr.shape[0] // scale, hr.shape[1] // scale)
    image = torch.tensor(hr).permute(2, 0, 1)[None].float()
    small = interpolate(image, size, mode="bicubic", align_corners=False, antialias=antialias)
    return as_uint8(small[0].permute(1, 2, 0).numpy())


def _opencv(hr: np.ndarray, scale: int, interpolation: str) -> np.ndarray:
    import cv2

    size = (hr.shape[1] // scale, hr.shape[0] // scale)
    small: np.ndarray = cv2.resize(hr, size, interpolation=getattr(cv2, interpolation))
    return small


# uint8 (H, W, 3) → uint8 (H/scale, W/scale, 3), for H and W that the scale divides. Of these, opencv-cubic and
# torch-bicubic do not smooth before they shrink.
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
