"""One image under the conventions of `explain`: its stored SR, and what the run's network makes of other LR."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from math import nan

import cv2
import numpy as np
import torch
from skimage.metrics import structural_similarity
from torch import Tensor

from srbench.audits.conventions import BY_OPENCV, OF_LUMA, STORED, TRUNCATED, UNROUNDED, Colour, Convention, Similarity
from srbench.data.check.detect import CANDIDATES
from srbench.data.pairs import ImagePair
from srbench.data.resize import imresize
from srbench.data.resizers import as_uint8
from srbench.metrics.fidelity import psnr, ssim, ssim_global
from srbench.metrics.protocol import Protocol

Network = Callable[[np.ndarray], np.ndarray]  # LR (h, w, 3) on 0–255 → SR float32 (sh, sw, 3), clipped to 0–255
Scores = dict[Convention, tuple[float, float]]  # PSNR and SSIM of one image


@dataclass(frozen=True)
class Comparison:
    """One image on 0–255: LR, the SR that was made of it and stored, and HR; `raw`: SR as it left the network, None
    where that is unknown."""

    pair: ImagePair
    lr: np.ndarray
    sr: np.ndarray
    hr: np.ndarray
    raw: np.ndarray | None
    network: Network | None
    protocol: Protocol

    def scores(self, conventions: Sequence[Convention]) -> Scores:
        """NaN for what is unknown, and where the border leaves too little."""
        groups = defaultdict[tuple[str, Colour], list[Convention]](list)
        for convention in conventions:
            groups[convention.sr, convention.colour or self.protocol.channels].append(convention)
        made, found = {self.lr.tobytes(): self.sr}, Scores()
        for (name, colour), members in groups.items():
            sr, hr = self._planes(name, colour, made), planes(self.hr, colour)
            # Conventions that differ in their mean alone, and borders that are equal at this scale, are measured once.
            once = cache(partial(compare, sr, hr)) if sr is not None else lambda border, similarity: (nan, nan)
            found |= {one: once(self._border(one.border), one.similarity) for one in members}
        return found

    def _planes(self, name: str, colour: Colour, made: dict[bytes, np.ndarray]) -> Tensor | None:
        if name == OF_LUMA:
            return None if self.pair.degradation else bicubic_of_luma(self.hr, self.pair.scale)
        image = self._image(name, made)
        return None if image is None else planes(image, colour)

    def _image(self, name: str, made: dict[bytes, np.ndarray]) -> np.ndarray | None:
        """`made`: SR by the bytes of the LR that it was made of, to which this adds."""
        if name == STORED:
            return self.sr
        if name == BY_OPENCV:
            size = (self.sr.shape[1], self.sr.shape[0])
            enlarged: np.ndarray = cv2.resize(as_uint8(self.lr), size, interpolation=cv2.INTER_CUBIC)
            return enlarged
        if name in (TRUNCATED, UNROUNDED):
            return self.raw.astype(np.uint8) if self.raw is not None and name == TRUNCATED else self.raw
        lr = self._lr_by(name)
        if lr is not None and lr.tobytes() not in made and self.network:
            made[lr.tobytes()] = as_uint8(self.network(lr))
        return None if lr is None else made.get(lr.tobytes())

    def _lr_by(self, resizer: str) -> np.ndarray | None:
        """None where the run's degradation has a resizer of its own, which no other can stand in for."""
        lr, degradation = CANDIDATES[resizer][0](self.hr, self.pair.scale), self.pair.degradation
        if not degradation:
            return lr
        return None if degradation.shrinks else degradation(lr, self.pair.scale, degradation.random_of(self.pair.name))

    def _border(self, border: int | str | None) -> int:
        border = self.protocol.border if border is None else border
        return border if isinstance(border, int) else {"scale": 0, "scale + 6": 6}[border] + self.pair.scale


def bicubic_of_luma(hr: np.ndarray, scale: int) -> Tensor:
    """HR's rounded luma, shrunk and enlarged by MATLAB's bicubic in floats, then rounded: as `planes`."""
    luma = planes(hr, "luma_rounded")[0, 0].numpy()
    enlarged = imresize(imresize(luma, 1 / scale), scale)
    return torch.from_numpy(np.floor(255 * enlarged + 0.5).clip(0, 255))[None, None] / 255


def planes(image: np.ndarray, colour: Colour) -> Tensor:
    """(H, W, 3) on 0–255, uint8 or not rounded → float64 (1, C, H, W) in [0, 1]."""
    if colour == "opencv":
        return torch.from_numpy(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb)[None, None, ..., 0]).double() / 255
    if image.dtype == np.uint8:
        return Protocol("", colour, border=0).prepare(image, 1)
    pixels = image.astype(np.float64)
    if colour == "rgb":
        return torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255
    luma = 16 + pixels @ [65.481 / 255, 128.553 / 255, 24.966 / 255]
    return torch.from_numpy(luma if colour == "luma" else np.floor(luma + 0.5))[None, None] / 255


def compare(sr: Tensor, hr: Tensor, border: int, similarity: Similarity) -> tuple[float, float]:
    """PSNR and SSIM of two images' `planes`; NaN where the border leaves nothing, or less than SSIM's window."""
    height, width = sr.shape[2:]
    if min(height, width) <= 2 * border:
        return nan, nan
    sr, hr = (images[..., border : height - border, border : width - border] for images in (sr, hr))
    try:
        similar = SIMILARITIES[similarity](sr, hr)
    except ValueError:
        similar = nan
    return psnr(sr, hr).item(), similar


SIMILARITIES: dict[Similarity, Callable[[Tensor, Tensor], float]] = {
    "gaussian": lambda sr, hr: ssim(sr, hr).item(),
    "scikit-image": lambda sr, hr: structural_similarity(sr[0].numpy(), hr[0].numpy(), channel_axis=0, data_range=1),
    "global": lambda sr, hr: ssim_global(sr, hr).item(),
}
