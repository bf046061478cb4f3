"""What the values of images are: their bits, and the channels of a pixel."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

Bits = Literal[8, 16]
Colours = Literal[1, 3]


@dataclass(frozen=True)
class PixelFormat:
    """`bits` of a value: 8 or 16, as uint8 or uint16. `channels` of a pixel: 3 of RGB, or 1 of grey.

    Raises ValueError for others.
    """

    bits: Bits = 8
    channels: Colours = 3

    def __post_init__(self) -> None:
        for name, allowed in {"bits": get_args(Bits), "channels": get_args(Colours)}.items():
            value = getattr(self, name)
            if type(value) is not int or value not in allowed:
                raise ValueError(f"{name}={value!r}: {' or '.join(map(str, allowed))}")

    @property
    def dtype(self) -> "np.dtype[Any]":
        """That of an image."""
        return np.dtype(np.uint8 if self.bits == 8 else np.uint16)

    @property
    def name(self) -> str:
        """For people, and for folders: `16 bits, 1 channel`."""
        return f"{self.bits} bits, {self.channels} channel{'s' * (self.channels > 1)}"


RGB8 = PixelFormat()  # of nearly all images of this field


def format_of(image: np.ndarray) -> PixelFormat:
    """That of an image (H, W, C) of whole numbers."""
    return PixelFormat(8 * image.dtype.itemsize, image.shape[2])  # type: ignore[arg-type]


def white_of(dtype: Any) -> int:
    """The value of white, of NumPy's dtype or torch's: 65535 of uint16; 255 of uint8, and of floating-point images."""
    return 65535 if dtype.itemsize == 2 else 255
