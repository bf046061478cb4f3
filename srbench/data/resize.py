"""MATLAB's bicubic `imresize`, bit for bit:

    from srbench.data.resize import imresize
    lr = imresize(hr, 1 / 3, edge="replicate")

Proof (tests/data/test_resize.py): every pixel of the 15 LR images of Set5 in SelfExSR's evaluation package. The rules
of the public Python ports that we know of fail there: rounding once, at the end (BasicSR), changes 14 % of the ×2
values; rounding half to even (matlab_imresize) 0.7 %, beside its lack of edge="replicate".
"""

from functools import lru_cache
from numbers import Real
from typing import Any, Literal, get_args

import numpy as np
from scipy.sparse import coo_array, csr_array

from srbench.core.pixel_format import white_of

Edge = Literal["symmetric", "replicate"]

BLOCK = 32  # output rows at a time: their input rows, in float64, stay in the processor's cache


def imresize(image: np.ndarray, scale: float, edge: Edge = "symmetric") -> np.ndarray:
    """The image at `scale`, ceil(scale × size) pixels: (H, W) or (H, W, C), uint8, uint16 or float → the same dtype.

    Antialiased cubic (Keys, 1981, a = −0.5), computed in float64. Integers are rounded between the passes, as MATLAB
    does; floats are neither rounded nor clipped. `edge`: "symmetric" mirrors the image at its border (current MATLAB),
    "replicate" repeats the outermost pixel (older MATLAB, as the LR images of Set5 that circulate).
    Raises ValueError for another dtype or shape, an empty image, a scale that is not positive, an unknown edge.

    Examples:
        >>> import numpy as np, srbench
        >>> srbench.imresize(np.arange(0, 64, dtype=np.uint8).reshape(8, 8), 1 / 2, edge="replicate")[0]
        array([ 5,  6,  9, 10], dtype=uint8)
    """
    _check(image, scale, edge)
    # The vertical pass comes first, in MATLAB too; with the rounding in between the order shows.
    resized = _resize_rows(image, scale, edge)
    resized = _resize_rows(resized.swapaxes(0, 1), scale, edge).swapaxes(0, 1)
    return np.ascontiguousarray(resized, dtype=image.dtype)


def _check(image: np.ndarray, scale: float, edge: str) -> None:
    if not isinstance(image, np.ndarray):
        raise ValueError(f"imresize takes an array (H, W) or (H, W, C), not a {type(image).__name__}.")
    if not isinstance(scale, Real):
        raise ValueError(f"imresize takes a scale above 0, not {scale!r}.")
    if image.ndim not in (2, 3) or image.size == 0:
        raise ValueError(
            f"imresize takes an image (H, W) or (H, W, C) with pixels in it, not one of shape {image.shape}."
        )
    if image.dtype not in (np.uint8, np.uint16) and not np.issubdtype(image.dtype, np.floating):
        raise ValueError(f"imresize takes uint8, uint16 or floats, not {image.dtype}.")
    if not 0 < scale < np.inf:
        raise ValueError(f"imresize takes a scale above 0, not {scale}.")
    if edge not in get_args(Edge):
        raise ValueError(f"imresize knows the edges {' and '.join(get_args(Edge))}, not {edge}.")


def _resize_rows(image: np.ndarray, scale: float, edge: Edge) -> np.ndarray:
    """The first axis resized: (H, …) of integers → the same, rounded; float → float64."""
    length, *rest = image.shape
    flat = image.reshape(length, -1)
    rounded = np.issubdtype(image.dtype, np.integer)
    resized = np.empty((_output_length(length, scale), flat.shape[1]), image.dtype if rounded else np.float64)
    for outputs, inputs, weights in _blocks(length, scale, edge):
        values = weights @ flat[inputs].astype(np.float64)
        resized[outputs] = _rounded(values, image.dtype) if rounded else values
    return resized.reshape(-1, *rest)


def _rounded(values: np.ndarray, dtype: "np.dtype[Any]") -> np.ndarray:
    """Rounded half up and saturated, as MATLAB does. Overwrites `values`."""
    values += 0.5
    return values.clip(0, white_of(dtype), out=values).astype(dtype)


@lru_cache(maxsize=64)
def _blocks(length: int, scale: float, edge: Edge) -> list[tuple[slice, slice, csr_array]]:
    """The matrix of `_weights` cut into (output rows, the input rows that they see, weights between the two)."""
    weights = _weights(length, scale, edge)
    blocks = []
    for top in range(0, weights.shape[0], BLOCK):
        rows = weights[top : top + BLOCK]
        inputs = slice(rows.indices.min(), rows.indices.max() + 1)
        blocks.append((slice(top, top + BLOCK), inputs, rows[:, inputs]))
    return blocks


def _weights(length: int, scale: float, edge: Edge) -> csr_array:
    """The resize of one axis as a sparse matrix (output length, length) whose rows sum to 1.

    It follows `contributions` in MATLAB's imresize.m, counting from 0.
    """
    stretch = min(scale, 1.0)  # below 1 the kernel grows wider by as much as the image shrinks: the antialiasing
    support = 4 / stretch
    centres = (np.arange(_output_length(length, scale)) + 0.5) / scale - 0.5
    taps = np.floor(centres - support / 2)[:, None] + np.arange(np.ceil(support) + 2)
    weights = _cubic(stretch * (centres[:, None] - taps))
    weights /= weights.sum(1, keepdims=True)
    columns = _inside(taps.astype(int), length, edge)
    rows = np.broadcast_to(np.arange(len(centres))[:, None], columns.shape)
    matrix = coo_array((weights.ravel(), (rows.ravel(), columns.ravel())), shape=(len(centres), length)).tocsr()
    matrix.eliminate_zeros()
    return matrix


def _output_length(length: int, scale: float) -> int:
    """ceil(length × scale), where 50 × 1.1 is 55 and not 56 for the sake of float64's 55.00000000000001."""
    return max(1, int(np.ceil(length * scale - 1e-9)))


def _cubic(x: np.ndarray) -> np.ndarray:
    """Keys' cubic convolution kernel with a = −0.5; 0 from |x| = 2 on."""
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.select([x <= 1, x <= 2], [near, far], 0.0)


def _inside(taps: np.ndarray, length: int, edge: Edge) -> np.ndarray:
    """The pixels that stand in for taps outside of 0 … length − 1."""
    if edge == "replicate":
        return taps.clip(0, length - 1)
    taps = taps % (2 * length)  # an image smaller than the kernel is mirrored more than once
    result: np.ndarray = np.minimum(taps, 2 * length - 1 - taps)
    return result
