"""Images of Python as what files are read as: uint8 or uint16 (H, W, C), RGB or grey."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Union

import numpy as np

from srbench.data.images import read_stored

if TYPE_CHECKING:
    from torch import Tensor

AnyImage: TypeAlias = Union[np.ndarray, "Tensor", str, "os.PathLike[str]"]

# How far beyond [0, 1] a picture of that range may reach: one that was resized, and one by a network that has learnt
# nothing. One of another range, [-1, 1] or 0-255, goes further, and clipped would give a wrong number in silence.
OF_IMAGES, OF_NETWORKS = 0.5, 15.0


def pixels_of(image: AnyImage, name: str = "image", beyond: float = OF_IMAGES, channels: int = 3) -> np.ndarray:
    """uint8 or uint16 (H, W, `channels`) of a file's path, an array (H, W, C) or a tensor (C, H, W) or (1, C, H, W):
    uint8, uint16, or floating-point numbers in [0, 1], or `beyond`, which are clipped to that and rounded to uint8.

    Raises ValueError, naming the image by `name`, for what is none of these, and for numbers that are not finite or
    are of another range; UserError for a file that cannot be read.
    """
    if isinstance(image, str | os.PathLike):
        return read_stored(Path(image).expanduser(), channels)
    pixels = image if isinstance(image, np.ndarray) else _from_tensor(image, name, channels)
    pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)  # a file's may have its greatest byte first
    if pixels.ndim != 3 or pixels.shape[2] != channels or 0 in pixels.shape:
        wanted = f"an array (H, W, {channels}) or a tensor ({channels}, H, W) is needed"
        raise ValueError(f"{name}: {wanted}, not {_shape(image)}")
    if pixels.dtype in (np.uint8, np.uint16):
        if pixels.dtype == np.uint16 and 0 < pixels.max() <= 255:
            raise ValueError(f"{name}: uint16 that reaches {pixels.max()} of 65535 is nearly black; is it uint8?")
        return np.ascontiguousarray(pixels)
    if not np.issubdtype(pixels.dtype, np.floating):
        raise ValueError(f"{name}: uint8, uint16, or floating-point numbers in [0, 1], are needed, not {pixels.dtype}")
    if not np.isfinite(pixels).all():
        raise ValueError(f"{name}: holds numbers that are not finite (NaN or inf)")
    low, high = float(pixels.min()), float(pixels.max())
    if low < -beyond or high > 1 + beyond:
        cure = "divide by 255" if low >= 0 else "bring it to [0, 1] first, from [-1, 1] by (x + 1) / 2"
        raise ValueError(f"{name}: reaches from {low:.4g} to {high:.4g}, where [0, 1] is needed; {cure}")
    return np.rint(255 * pixels.clip(0, 1).astype(np.float64)).astype(np.uint8)


def has_one_channel(image: AnyImage) -> bool:
    """Whether it is an array (H, W, 1), or a tensor (1, H, W) or (1, 1, H, W)."""
    shape = getattr(image, "shape", ())
    return len(shape) in (3, 4) and shape[-1 if isinstance(image, np.ndarray) else -3] == 1


def _from_tensor(image: Any, name: str, channels: int) -> np.ndarray:
    """(H, W, C), of the tensor's numbers."""
    import torch

    if not hasattr(image, "detach"):
        raise ValueError(f"{name}: a path, an array or a tensor is needed, not a {type(image).__name__}")
    tensor = image.detach()
    if tensor.ndim == 4 and len(tensor) == 1:
        tensor = tensor[0]
    if tensor.ndim != 3 or len(tensor) != channels:
        wanted = f"a tensor ({channels}, H, W) is needed"
        raise ValueError(f"{name}: {wanted}, not {_shape(image)}; score a batch image by image")
    if tensor.is_meta or tensor.layout != torch.strided:
        raise ValueError(f"{name}: a tensor with all its values is needed, not one on meta, or a sparse one")
    tensor = tensor.float() if tensor.is_floating_point() else tensor
    pixels: np.ndarray = tensor.permute(1, 2, 0).cpu().resolve_neg().numpy()
    return pixels


def _shape(image: Any) -> str:
    return f"one of shape {tuple(image.shape)}"
