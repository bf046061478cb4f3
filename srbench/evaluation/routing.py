"""What ClassSR's routing does with the images of a data set, what that saves, and how long it takes."""

import time
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from srbench.core.hardware import wait_for
from srbench.core.pixel_format import white_of
from srbench.core.progress import Listener
from srbench.data.pairs import ImagePair
from srbench.metrics.cost import complexity
from srbench.metrics.exact_float32 import exact_float32
from srbench.metrics.figures import Routing
from srbench.models.classsr import ClassSR

TIMED = 10  # images of a data set
AT_ONCE = 512  # windows of an image that are timed together; bounds the memory of a large image


@torch.inference_mode()
def measure_routing(model: ClassSR, pairs: Sequence[ImagePair], device: str, tell: Listener) -> Routing:
    """Of each image the windows of each branch, and the costs of all, by `model.routing`; an image's windows are those
    of the whole image, also where it was evaluated in tiles.

    ValueError for a branch whose FLOPs cannot be counted. Raises UserError for an image that cannot be read.
    """
    model = model.eval().to(device).to(memory_format=torch.channels_last)
    full = ClassSR(model.branches[-1:], model.scale, model.patch, model.step).eval()
    windows: dict[str, tuple[int, ...]] = {}
    seconds = full_seconds = 0.0
    with exact_float32():
        for number, pair in enumerate(pairs):
            lr, _ = pair.read()
            image = torch.from_numpy(lr).permute(2, 0, 1)[None].to(device).float()
            image /= white_of(lr.dtype)
            routes = model.routes(image).flatten()
            windows[pair.name] = tuple(routes.bincount(minlength=len(model.names)).tolist())
            if number < TIMED:
                cut = model.windows(model.at_least_a_window(image))
                took = _by_turns([model, full], cut.split(AT_ONCE, dim=1), warm=number > 0)
                seconds, full_seconds = seconds + took[0], full_seconds + took[1]
            tell("routes windows", number + 1, len(pairs))
    routed, of_full = _flops(model, windows), _flops(full, {"": (1,)})
    return Routing(
        windows=windows,
        flops=routed[0],
        full_flops=of_full[0],
        classsr_flops=routed[1],
        full_classsr_flops=of_full[1],
        seconds=seconds,
        full_seconds=full_seconds,
        timed_images=min(len(pairs), TIMED),
        threads=torch.get_num_threads(),
        device=torch.cuda.get_device_name(device) if device.startswith("cuda") else device,
    )


def _by_turns(models: Sequence[ClassSR], chunks: Sequence[Tensor], warm: bool) -> list[float]:
    """The seconds that each model takes for all chunks."""
    if not warm:
        for model in models:
            model.super_resolve(chunks[0])
    return [sum(column) for column in zip(*([_seconds(one, chunk) for one in models] for chunk in chunks), strict=True)]


def _seconds(model: ClassSR, windows: Tensor) -> float:
    wait_for(windows.device)
    began = time.perf_counter()
    model.super_resolve(windows)
    wait_for(windows.device)
    return time.perf_counter() - began


def _flops(model: ClassSR, windows: dict[str, tuple[int, ...]]) -> tuple[float, float]:
    """Of a window in the mean, fvcore's and ClassSR's."""
    counts = [sum(column) for column in zip(*windows.values(), strict=True)]
    branches = [_of_window(branch, model.patch) for branch in model.branches]
    chooses = model.routing in ("hard", "soft") and model.classifier is not None
    own = _of_window(model.classifier, model.patch) if chooses and model.classifier else (0, 0)
    means = []
    for kind in (0, 1):
        each = [one[kind] for one in branches]
        mean = sum(n * one for n, one in zip(counts, each, strict=True)) / sum(counts)
        means.append(own[kind] + (sum(each) if model.routing == "soft" else mean))
    return means[0], means[1]


def _of_window(network: nn.Module, patch: int) -> tuple[int, int]:
    found = complexity(network, patch, patch)
    return found.flops, found.counts["classsr"].flops
