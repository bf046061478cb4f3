"""The eight flips and rotations of an image."""

import numpy as np

# By the tag Orientation of TIFF and EXIF (TIFF 6.0, p. 36), 1 to 8: the turn that sets the image upright.
UPRIGHT = {1: 0, 2: 2, 3: 3, 4: 1, 5: 4, 6: 5, 7: 7, 8: 6}


def turned(image: np.ndarray, turn: int) -> np.ndarray:
    """One of the eight flips and rotations of (H, W, …): bit 0 mirrors rows, bit 1 columns, bit 2 swaps the axes."""
    if turn & 1:
        image = image[::-1]
    if turn & 2:
        image = image[:, ::-1]
    return image.swapaxes(0, 1) if turn & 4 else image
