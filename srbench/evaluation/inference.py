"""Images of any size through a network: whole where the memory allows it, else in tiles.

Tiles overlap, and each is cropped in the middle of its overlaps, so a network whose receptive field is no wider than
the overlap gives what it gives on the whole image. To blend by ramps is worse: the pixels at a tile's edge, which lack
their surroundings, then count (CARN-M on tiles of 256 that overlap by 64: up to 0.85 levels of 255 off, instead of 0).

Tiles start at multiples of 48. Thus a network that pools or cuts its input on a grid of 2, 3, 4, 6, 8, 16 or 48 pixels
sees the grid that it sees on the whole image: MDRN (6), SAFMN (8), GFMN (16), MossNet (48). Two limits remain: SAFMN
and GFMN stretch their grid over an image whose sides are no multiples of it, and a network that takes statistics of the
whole image gets those of the tile. There single pixels are off by 10 to 36 levels, 0.05 to 0.3 in the mean.

Tiles run one after another: on a CPU, four at once take 1.0 to 2.5 times as long.

All numbers are from benchmarks/tiling.py.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial, reduce
from itertools import pairwise, product
from math import ceil, isqrt
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from srbench.core.errors import FailedRunError, UserError
from srbench.core.hardware import is_out_of_memory
from srbench.core.pixel_format import Bits, white_of
from srbench.evaluation.fitting_sizes import cure_of_failure
from srbench.evaluation.settings import Inference
from srbench.evaluation.translated import FIXED, is_exported, network_name, what_it_said, where_it_says
from srbench.metrics.cost import peak_memory
from srbench.metrics.exact_float32 import exact_float32
from srbench.metrics.memory import LiveBytes
from srbench.metrics.network_copy import copy_to
from srbench.models.layers.thumbnail import make_thumbnail
from srbench.models.layers.tiles import pad_to
from srbench.models.traits import image_channels_of, traits_of, use_bits

log = logging.getLogger(__name__)

GRID = 48
OVERLAPS = 16  # all overlaps are multiples: a tile that starts on a grid of 16 ends on it, too
AMPLE = 1 << 14  # bytes for a pixel of LR, twice what any network of the project takes: below that nothing is counted
PROBE = 512  # pixels of LR a side that a network's memory is counted at
REAL_PROBE = 128  # the same where it must be computed

Tell = Callable[[int, int], None]

_as_raised: ContextVar[bool] = ContextVar("as_raised", default=False)


@contextmanager
def failures_as_raised() -> Iterator[None]:
    """Within, what a network raises goes through `sound_sr` as it is: in a run, which has tried the network before it
    began, it is nobody's mistake, and may go well another time."""
    before = _as_raised.set(True)
    try:
        yield
    finally:
        _as_raised.reset(before)


@dataclass(frozen=True)
class Span:
    """One axis of a tile: the network sees start … stop, and of its output first … last is kept."""

    start: int
    stop: int
    first: int
    last: int

    def kept(self, scale: int) -> slice:
        """What is kept of the output for this tile."""
        return slice(scale * (self.first - self.start), scale * (self.last - self.start))

    def place(self, scale: int) -> slice:
        """Where that goes in the whole output."""
        return slice(scale * self.first, scale * self.last)


def spans(length: int, tile: int, overlap: int) -> list[Span]:
    """The tiles of one axis, as few as possible and about equally long; none is longer than `tile`.

    They start at multiples of 48 and overlap by `overlap`, which must be a multiple of 16; the last one ends with the
    axis and is longer than `overlap`. ValueError where tiles are needed and are not 48 longer than `overlap`.
    """
    if length <= tile:
        return [Span(0, length, 0, length)]
    steps = (tile - overlap) // GRID
    if steps < 1:
        raise ValueError(f"Tiles of {tile} that overlap by {overlap} are too small: they must be {GRID} larger.")
    joints = -(-(length - tile) // GRID // steps)
    equal = overlap + _up(-(-(length - overlap) // (joints + 1)), GRID)
    last = _up(length - min(tile, equal), GRID)
    starts = [_up(-(-i * last // joints), GRID) for i in range(joints + 1)]
    stops = [start + overlap for start in starts[1:]] + [length]
    cuts = [0, *(start + overlap // 2 for start in starts[1:]), length]
    return [Span(*ends, *kept) for ends, kept in zip(zip(starts, stops, strict=True), pairwise(cuts), strict=True)]


def tiled(
    network: Callable[[Tensor], Tensor], lr: Tensor, tile: int, overlap: int, tell: Tell = lambda done, total: None
) -> Tensor:
    """(N, C, H, W) → (N, C, sH, sW) on the CPU, in the dtype that `network` puts out, put together tile by tile.

    `network` is given a tile at a time, at most tile × tile, and says by its output what s is. `tell` hears how many
    tiles are done. Otherwise as `spans`, but that any overlap will do: it is rounded up.
    """
    height, width = lr.shape[-2:]
    overlap = _up(overlap, OVERLAPS)
    windows = list(product(spans(height, tile, overlap), spans(width, tile, overlap)))
    sr = torch.empty(0)
    for done, (y, x) in enumerate(windows, 1):
        piece = network(lr[..., y.start : y.stop, x.start : x.stop])
        s = piece.shape[-1] // (x.stop - x.start)
        if done == 1:
            shape = (*piece.shape[:-2], s * height, s * width)
            sr = torch.empty(shape, dtype=piece.dtype, memory_format=torch.channels_last)
        sr[..., y.place(s), x.place(s)] = piece[..., y.kept(s), x.kept(s)]
        tell(done, len(windows))
    return sr


def self_ensembled(network: Callable[..., Tensor], *images: Tensor) -> Tensor:
    """The mean of `network(*images)` over the eight flips and rotations of all images, each output turned back."""
    return reduce(torch.add, (_turned(network, images, n, flip) for n in range(4) for flip in ((), (-1,)))) / 8


def _turned(network: Callable[..., Tensor], images: Sequence[Tensor], turns: int, flip: tuple[int, ...]) -> Tensor:
    turned = (torch.rot90(image.flip(flip), turns, (-2, -1)) for image in images)
    sr = network(*(image.contiguous(memory_format=torch.channels_last) for image in turned))
    return torch.rot90(sr, -turns, (-2, -1)).flip(flip)


class SuperResolver:
    """Callable: LR (h, w, C), uint8, uint16 or floats on 0–255 → SR (sh, sw, C), the network's output clipped to [0, 1]
    and rounded to 8 or 16 bits.

    `model` is in eval mode on `device`; it computes in float32 (TF32 off). Beside a pass over one tile it takes memory
    for LR, as it is, and for SR in these bits only. A model with `thumbnail` is given that of the whole LR image with
    every tile. A model without weights, bicubic say, is no ensemble: it is what others are compared with.
    """

    def __init__(self, model: nn.Module, device: str, inference: Inference) -> None:
        self.model, self.device, self.inference, self.traits = model, device, inference, traits_of(model)
        self.overlap = overlap_for(model, inference)
        self.ensemble = inference.self_ensemble and any(True for _ in model.parameters())
        self.costs: dict[int | None, tuple[float, float]] = {}
        self.told = False

    def __call__(
        self,
        lr: np.ndarray,
        thumbnail: Tensor | None = None,
        tell: Tell = lambda done, total: None,
        bits: Bits | None = None,
    ) -> np.ndarray:
        """`thumbnail`: another one than the image's own. `tell` hears how many tiles are done. `bits`: of SR; None: 16
        for LR of 16 bits, else 8."""
        deep = (bits or 8 * lr.dtype.itemsize) == 16
        use_bits(self.model, 16 if deep else 8)
        return self._run(lr, _rounded_to_16 if deep else _rounded_to_8, thumbnail, tell)

    def unrounded(self, lr: np.ndarray) -> np.ndarray:
        """The same SR before it is rounded: float32 on 0–255."""
        return self._run(lr, lambda sr: sr.mul_(255), None, lambda done, total: None)

    @torch.inference_mode()
    def _run(
        self, lr: np.ndarray, finish: Callable[[Tensor], Tensor], thumbnail: Tensor | None, tell: Tell
    ) -> np.ndarray:
        """`finish` is given each tile of SR, clipped, in [0, 1]."""
        image, tile = torch.from_numpy(lr).permute(2, 0, 1)[None], self.tile(*lr.shape[:2])
        if tile:
            self._tell_once(lr.shape[0], lr.shape[1], tile)
            if thumbnail is None and self.traits.thumbnail:
                thumbnail = make_thumbnail(image.float() / white_of(image.dtype), self.traits.thumbnail)
        others = [] if thumbnail is None else [thumbnail.to(self.device)]
        with exact_float32():
            sr = tiled(
                lambda part: finish(self._pixels(part, others)), image, tile or max(lr.shape), self.overlap, tell
            )
        pixels: np.ndarray = sr[0].permute(1, 2, 0).numpy()
        return pixels

    def tile(self, height: int, width: int) -> int | None:
        """The largest side of the tiles that an LR image of this size is cut into; None: it stays whole.

        Raises UserError where not even the smallest tile fits into the memory allowed.
        """
        if self.inference.tile != "auto":
            return self.inference.tile if self.inference.tile and max(height, width) > self.inference.tile else None
        allowed = self.inference.memory_gb * 1e9
        if height * width * AMPLE <= allowed or self._bytes(height, width) <= allowed:
            return None
        fixed, each = self._cost()
        side, least = isqrt(int(max(0.0, allowed - fixed) / each)), GRID + self.overlap
        if side < least:
            needed, name = self._bytes(least, least) / 1e9, type(self.model).__name__
            enough = f"{ceil(100 * needed) / 100:g}"
            raise UserError(
                f"memory_gb={self.inference.memory_gb}: {name} takes more for the least tiles, of {least}; set {enough}"
            )
        return side

    def _pixels(self, lr: Tensor, others: list[Tensor]) -> Tensor:
        white = white_of(lr.dtype)
        image = lr.to(self.device, torch.float32, memory_format=torch.channels_last) / white
        network = partial(sound_sr, self.model)
        sr = self_ensembled(network, image, *others) if self.ensemble else network(image, *others)
        if not sr.isfinite().all():
            raise FailedRunError(f"{type(self.model).__name__} gives values that are not finite (NaN or inf)")
        return sr.clamp(0, 1)

    def _bytes(self, height: int, width: int) -> float:
        fixed, each = self._cost()
        return fixed + each * height * width

    def _cost(self) -> tuple[float, float]:
        """Bytes of the weights, and bytes for each pixel of LR; counted once for each scale of the model."""
        scale = getattr(self.model, "scale", None)
        if scale not in self.costs:
            self.costs[scale] = memory_of(self.model)
        return self.costs[scale]

    def _tell_once(self, height: int, width: int, tile: int) -> None:
        if self.told:
            return
        self.told = True
        name, size = type(self.model).__name__, f"LR of {width}×{height}"
        log.info("%s: in tiles of at most %d pixels that overlap by %d", size, tile, self.overlap)
        if self.traits.whole_image_statistics:
            needed = self._bytes(height, width) / 1e9
            log.warning("%s takes statistics of the whole image, so tiles change its result", name)
            log.warning("%s: %s takes %.2g GB (memory_gb) to run whole", size, name, needed)


def memory_of(model: nn.Module) -> tuple[float, float]:
    """Bytes of a model's weights, and bytes that one pass takes beside them for each pixel of LR.

    Counted on the meta device, so that tiles are the same on every machine; computed on a small image where a model
    looks at values.
    """
    fixed = float(sum(tensor.nbytes for tensor in [*model.parameters(), *model.buffers()]))
    traits = traits_of(model)
    side = _up(max(PROBE, traits.smallest_input), traits.multiple)
    try:
        peak = peak_memory(copy_to(model, "meta"), side, side).bytes
    except ValueError:
        side = _up(max(REAL_PROBE, traits.smallest_input), traits.multiple)
        own = torch.Generator().manual_seed(0)  # a training that validates must not lose numbers of its own
        lr = torch.rand(1, image_channels_of(model), side, side, generator=own)
        lr = lr.to(next((p.device for p in model.parameters()), "cpu"))
        with torch.no_grad(), LiveBytes([*model.parameters(), *model.buffers(), lr]) as live:
            sound_sr(model, lr)
        peak = live.peak
    return fixed, (peak - fixed) / side**2


def sound_sr(model: nn.Module, lr: Tensor, *others: Tensor) -> Tensor:
    """`on_multiples`, where that is SR of `lr`, at whatever scale.

    UserError where it is not, and where somebody's network fails, which names the size and what to say in the class
    where that helps. What is said of memory that has run out stays as it is said.
    """
    try:
        sr = on_multiples(model, lr, *others)
    except (UserError, FailedRunError, MemoryError):
        raise
    except Exception as error:  # whatever a network of somebody's does
        if is_out_of_memory(error) or _as_raised.get():
            raise
        told = f"{network_name(model)} fails on LR of {lr.shape[3]}×{lr.shape[2]}: {what_it_said(error)}"
        raise UserError(f"{told}; {cure_of_size(model, lr, others)}") from error
    _check_sr(model, sr, lr)
    return sr


def cure_of_size(model: nn.Module, failed: Tensor, others: Sequence[Tensor]) -> str:
    """What helps a network that fails on this LR; `others`: what it takes besides."""
    if is_exported(model):
        return FIXED

    def fits(height: int, width: int) -> bool:
        own = torch.Generator().manual_seed(0)  # a training that validates must not lose numbers of its own
        lr = torch.rand(1, failed.shape[1], height, width, generator=own).to(failed)
        try:
            _check_sr(model, on_multiples(model, lr, *others), lr)
        except Exception:  # the same again, or another
            return False
        return True

    return cure_of_failure(fits, failed.shape[2], failed.shape[3], where_it_says(model))


def on_multiples(model: nn.Module, lr: Tensor, *others: Tensor) -> Tensor:
    """`model(lr, *others)`, where need be on `lr` grown to a multiple of its trait `multiple`, and cropped."""
    height, width = lr.shape[-2:]
    multiple = traits_of(model).multiple
    padded = pad_to(lr, _up(height, multiple), _up(width, multiple))
    sr: Tensor = model(padded, *others)
    if padded is lr or not isinstance(sr, Tensor):  # what is none, its caller refuses
        return sr
    s = sr.shape[-1] // padded.shape[-1]
    return sr[..., : s * height, : s * width]


def _rounded_to_8(sr: Tensor) -> Tensor:
    return sr.mul_(255).round_().to(torch.uint8)


def _rounded_to_16(sr: Tensor) -> Tensor:
    return sr.float().mul_(65535).round_().to(torch.uint16)  # half precision ends at 65504


def overlap_for(model: nn.Module, inference: Inference) -> int:
    """The overlap of the model's tiles: a multiple of 16 that leaves none smaller than what the model takes.

    ValueError, beginning with `tile`, for a tile that is too small for it.
    """
    overlap = _up(max(inference.overlap, traits_of(model).smallest_input - 1), OVERLAPS)
    if isinstance(inference.tile, int) and inference.tile < overlap + GRID:
        raise ValueError(f"tile={inference.tile}: {overlap + GRID} or more, as tiles here overlap by {overlap}")
    return overlap


def check_size(model: nn.Module, lr: np.ndarray, file: Path) -> None:
    """Raises UserError for an LR image (h, w, C) that is smaller than what the model takes."""
    height, width = lr.shape[:2]
    least = traits_of(model).smallest_input
    if min(height, width) < least:
        name = type(model).__name__
        raise UserError(f"{file}: LR of {width}×{height} is too small for {name}, which needs {least}×{least} or more")


def _check_sr(model: nn.Module, sr: object, lr: Tensor) -> None:
    """Raises UserError for what is no SR of LR, at whatever scale."""
    name = network_name(model)
    if not isinstance(sr, Tensor):
        raise UserError(f"{name} gives a {type(sr).__name__}, not a tensor; let it return SR alone")
    times = sr.shape[-1] // lr.shape[-1] if sr.ndim == 4 else 0
    channels = lr.shape[1]
    if not times or sr.shape != (len(lr), channels, times * lr.shape[2], times * lr.shape[3]):
        raise UserError(f"{name} gives {tuple(sr.shape)} for LR {tuple(lr.shape)}; SR is (N, {channels}, s·H, s·W)")


def _up(length: int, multiple: int) -> int:
    return -(-length // multiple) * multiple
