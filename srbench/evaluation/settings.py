"""How images go through a network, as a value: read without torch."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Inference:
    """How an image goes through a network: the keys of `eval` of these names.

    `tile`: the largest side of a tile in pixels of LR; None: never any tiles; auto: none where the whole image takes
    less than `memory_gb` (10⁹ bytes: weights, input and the tensors of one pass), else the largest tiles that do.
    `overlap`: in pixels of LR, rounded up to a multiple of 16. `self_ensemble`: the mean of the outputs for the eight
    flips and rotations of the input, each turned back (Lim et al., "Enhanced Deep Residual Networks for Single Image
    Super-Resolution", CVPR Workshops 2017, §3.4: EDSR+). Raises ValueError, beginning with the name, for other values.
    """

    tile: int | Literal["auto"] | None = "auto"
    overlap: int = 64
    self_ensemble: bool = False
    memory_gb: float = 2.0

    def __post_init__(self) -> None:
        if self.tile not in (None, "auto") and not (type(self.tile) is int and self.tile > 0):
            raise ValueError(f"tile={self.tile}: auto, null (never any tiles) or a number of pixels")
        if type(self.overlap) is not int or self.overlap < 0:
            raise ValueError(f"overlap={self.overlap}: a number of pixels from 0 on")
        if type(self.self_ensemble) is not bool:
            raise ValueError(f"self_ensemble={self.self_ensemble}: true or false")
        if type(self.memory_gb) not in (int, float) or not self.memory_gb > 0:
            raise ValueError(f"memory_gb={self.memory_gb}: a number above 0")

    @property
    def identity(self) -> list[object]:
        """What fixes the SR images: where there are no tiles, nothing about tiles."""
        of_tiles = [] if self.tile is None else [self.overlap, *[self.memory_gb] * (self.tile == "auto")]
        return [self.tile, self.self_ensemble, *of_tiles]
