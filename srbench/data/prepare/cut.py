"""Training images cut into PNG files of one size, numbered as BasicSR's extract_subimages does: 0001_s001.png, …"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from srbench.core.errors import UserError
from srbench.data.images import image_size, read_stored, write_image
from srbench.data.prepare.products import is_made


@dataclass(frozen=True)
class Grid:
    """Windows of `size` pixels a side at every `step`, and one flush with the end where more than `thresh` is left."""

    size: int
    step: int
    thresh: int = 0

    def starts(self, length: int) -> list[int]:
        """Where the windows of an axis begin. Raises ValueError for one that is shorter than a window."""
        if length < self.size:
            raise ValueError(f"a length of {length} is less than a window's {self.size}.")
        starts = list(range(0, length - self.size + 1, self.step))
        return [*starts, length - self.size] if length - starts[-1] - self.size > self.thresh else starts

    def corners(self, height: int, width: int) -> list[tuple[int, int]]:
        """Top and left of every window, row by row."""
        return [(top, left) for top in self.starts(height) for left in self.starts(width)]


@dataclass(frozen=True)
class Cut:
    """One image to cut: HR and, by scale, LR, into `folders` (by scale too, HR's is 1).

    HR is cropped to a multiple of `multiple`, LR to the same part, so that their windows show the same.
    """

    name: str
    files: Mapping[int, Path]
    folders: Mapping[int, Path]
    grid: Grid
    multiple: int


def cut(task: Cut) -> int:
    """Writes the sub-images that are not there yet and returns how many there are of HR.

    UserError for an image smaller than a window, and for LR smaller than its HR.
    """
    hr = task.files[1]
    height, width = (length // task.multiple * task.multiple for length in image_size(hr))
    try:
        corners = task.grid.corners(height, width)
    except ValueError as error:
        raise UserError(f"{hr}: {width}×{height}: {error}") from error
    for scale, file in task.files.items():
        paths = [task.folders[scale] / f"{task.name}_s{i:03}.png" for i in range(1, len(corners) + 1)]
        left = [(path, corner) for path, corner in zip(paths, corners, strict=True) if not is_made(path, file)]
        if left:
            _write(file, (height // scale, width // scale), left, scale, task.grid.size // scale)
    return len(corners)


def _write(
    file: Path, least: tuple[int, int], left: Sequence[tuple[Path, tuple[int, int]]], scale: int, size: int
) -> None:
    image = read_stored(file)
    if image.shape[0] < least[0] or image.shape[1] < least[1]:
        raise UserError(f"{file}: {image.shape[1]}×{image.shape[0]} is smaller than 1/{scale} of its HR image")
    for path, (top, left_edge) in left:
        y, x = top // scale, left_edge // scale
        write_image(path, image[y : y + size, x : x + size])
