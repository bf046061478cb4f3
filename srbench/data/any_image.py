"""Images of Python as what files are read as: uint8 (H, W, 3) in RGB."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Union

import numpy as np

from srbench.data.images import read_image

if TYPE_CHECKING:
    from torch import Tensor

AnyImage: TypeAlias = Union[np.ndarray, "Tensor", str, "os.PathLike[str]"]

# How far beyond [0, 1] a picture of that range may reach: one that was resized, and one by a network that has learnt
# nothing. One of another range, [-1, 1] or 0-255, goes further, and clipped would give a wrong number in silence.
OF_IMAGES, OF_NETWORKS = 0.5, 15.0


def uint8_of(image: AnyImage, name: str = "image", beyond: float = OF_IMAGES) -> np.ndarray:
    """uint8 (H, W, 3) of a file's path, an array (H, W, 3) or a tensor (3, H, W) or (1, 3, H, W): uint8, or
    floating-point numbers in [0, 1], or `beyond`, which are clipped to that and rounded.

    Raises ValueError, naming the image by `name`, for what is none of these, and for numbers that are not finite or
    are of another range; UserError for a file that cannot be read.
    """
    if isinstance(image, str | os.PathLike):
        return read_image(Path(image).expanduser())
    pixels = image if isinstance(image, np.ndarray) else _from_tensor(image, name)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise ValueError(f"{name}: an array (H, W, 3) or a tensor (3, H, W) is needed, not {_shape(image)}")
    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels)
    if not np.issubdtype(pixels.dtype, np.floating):
        raise ValueError(f"{name}: uint8, or floating-point numbers in [0, 1], are needed, not {pixels.dtype}")
    if not np.isfinite(pixels).all():
        raise ValueError(f"{name}: holds numbers that are not finite (NaN or inf)")
    low, high = float(pixels.min()), float(pixels.max())
    if low < -beyond or high > 1 + beyond:
        cure = "divide by 255" if low >= 0 else "bring it to [0, 1] first, from [-1, 1] by (x + 1) / 2"
        raise ValueError(f"{name}: reaches from {low:.4g} to {high:.4g}, where [0, 1] is needed; {cure}")
    return np.rint(255 * pixels.clip(0, 1).astype(np.float64)).astype(np.uint8)


def _from_tensor(image: Any, name: str) -> np.ndarray:
    """(H, W, 3), of the tensor's numbers."""
    import torch

    if not hasattr(image, "detach"):
        raise ValueError(f"{name}: a path, an array or a tensor is needed, not a {type(image).__name__}")
    tensor = image.detach()
    if tensor.ndim == 4 and len(tensor) == 1:
        tensor = tensor[0]
    if tensor.ndim != 3 or len(tensor) != 3:
        raise ValueError(f"{name}: a tensor (3, H, W) is needed, not {_shape(image)}; score a batch image by image")
    if tensor.is_meta or tensor.layout != torch.strided:
        raise ValueError(f"{name}: a tensor with all its values is needed, not one on meta, or a sparse one")
    tensor = tensor.float() if tensor.is_floating_point() else tensor
    pixels: np.ndarray = tensor.permute(1, 2, 0).cpu().resolve_neg().numpy()
    return pixels


def _shape(image: Any) -> str:
    return f"one of shape {tuple(image.shape)}"
