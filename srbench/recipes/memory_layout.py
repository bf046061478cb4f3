"""The order of a network's numbers in a GPU's memory, measured where nobody chose it: channels_last suits its units for
matrices, and slows depthwise convolutions down, by up to a third."""

import hashlib
import json
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, cast, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srbench.core import hardware
from srbench.core.errors import first_line_with_type
from srbench.core.files import write_file
from srbench.core.lock_files import locked_if_possible
from srbench.core.paths import cache_folder
from srbench.metrics.network_copy import copy_to
from srbench.models.traits import image_channels_of, traits_of
from srbench.recipes.captured import WARM_UP, Graphs
from srbench.recipes.length import Length
from srbench.recipes.outcome import USUAL, Layout
from srbench.recipes.training_memory import HALF

log = logging.getLogger(__name__)

FORMATS: dict[Layout, torch.memory_format] = {
    "channels_last": torch.channels_last,
    "contiguous": torch.contiguous_format,
}
BY = 1.03  # times as fast must another be, so that the noise of a measurement changes nothing
TURNS, PASSES = 5, 10  # the fastest turn counts: other runs may be at work on the GPU


def fastest_layout(model: nn.Module, length: Length, precision: str, device: torch.device, graphs: Graphs) -> Layout:
    """In which `model` trains fastest on batches of such a length: passes forward and back by L1, as a graph. Measured
    once for its class and the shapes of its weights, so that variants of one network are laid out alike, its batches,
    precision, GPU and torch, and kept in the user's cache; of runs that begin together one measures, and the others
    wait for what it finds."""
    shapes = {name: list(weight.shape) for name, weight in model.named_parameters()}
    what = [type(model).__qualname__, shapes, length.batch_size, length.hr_patch, getattr(model, "scale", 1), precision]
    about = [*what, hardware.describe_device(str(device)), torch.__version__]
    key = hashlib.sha256(json.dumps(about).encode()).hexdigest()[:32]
    kept = cache_folder("layouts") / f"{key}.json"
    with locked_if_possible(kept.with_suffix(".lock")):
        if there := _read(kept):
            return there
        try:
            seconds = {layout: _seconds(model, layout, length, precision, device, graphs) for layout in FORMATS}
        except Exception as error:  # whatever somebody's network does; the training will say it in its own words
            log.warning("memory_format=auto: %s, as nothing could be measured (%s)", USUAL, first_line_with_type(error))
            return USUAL
        finally:
            torch.cuda.empty_cache()
        fastest = min(seconds, key=lambda layout: seconds[layout] * (1 if layout == USUAL else BY))
        times = ", ".join(f"{layout} {1000 * one:.2f} ms" for layout, one in seconds.items())
        log.info("memory_format=auto: %s (%s)", fastest, times)
        with suppress(OSError):  # the cache only saves time
            write_file(kept, json.dumps({"fastest": fastest, "seconds": seconds, "of": about}, indent=1).encode())
    return fastest


def _read(kept: Path) -> Layout | None:
    """None where nothing is kept, or something else."""
    try:
        told: Any = json.loads(kept.read_text(encoding="utf-8"))["fastest"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return cast(Layout, told) if told in get_args(Layout) else None


def _seconds(
    model: nn.Module, layout: Layout, length: Length, precision: str, device: torch.device, graphs: Graphs
) -> float:
    """Of a pass forward and back."""
    copied = copy_to(model, device).train().to(memory_format=FORMATS[layout])
    scale = cast(int, getattr(model, "scale", 1))
    small = length.hr_patch // scale
    channels = image_channels_of(model)
    shapes = [(length.batch_size, channels, small, small), *_thumbnail(model, length.batch_size)]
    inputs = [torch.rand(shape, device=device).contiguous(memory_format=FORMATS[layout]) for shape in shapes]
    hr = torch.rand(length.batch_size, channels, small * scale, small * scale, device=device)
    step = partial(_step, copied, inputs, hr.contiguous(memory_format=FORMATS[layout]), HALF.get(precision))
    for _ in range(WARM_UP):
        graphs.run(step)
    try:
        replay = graphs.capture(step)
    except Exception:  # what the training will run as it is written, too
        replay = partial(graphs.run, step)
    return min(_timed(replay, graphs) for _ in range(TURNS))


def _thumbnail(model: nn.Module, batch: int) -> list[tuple[int, int, int, int]]:
    side = traits_of(model).thumbnail
    return [(batch, image_channels_of(model), side, side)] if side else []


def _step(model: nn.Module, inputs: list[Tensor], hr: Tensor, half: torch.dtype | None) -> None:
    with torch.autocast(hr.device.type, half, enabled=half is not None, cache_enabled=False):
        sr = model(*inputs)
    F.l1_loss(sr.float(), hr).backward()
    for weight in model.parameters():
        weight.grad = None


def _timed(replay: Callable[[], None], graphs: Graphs) -> float:
    replay()
    graphs.mark()()
    began = time.perf_counter()
    for _ in range(PASSES):
        replay()
    graphs.mark()()
    return (time.perf_counter() - began) / PASSES
