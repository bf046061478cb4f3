"""What a model costs: parameters, dead parameters, FLOPs, activations, latency, memory.

Every function takes `model(lr)` as it is and leaves it as it was: what must run in another mode or on another device
runs on a copy.
"""

import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Literal, TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from srbench.core.allocator import LARGE, freed_memory_kept
from srbench.core.hardware import is_out_of_memory, wait_for
from srbench.metrics.exact_float32 import exact_float32
from srbench.metrics.figures import Cost, Latency
from srbench.metrics.flops import Convention, FlopCounter
from srbench.metrics.image_reads import ImageReads
from srbench.metrics.memory import LiveBytes
from srbench.metrics.missing import Kind, Missing
from srbench.metrics.network_copy import copy_to
from srbench.metrics.weight_flow import WeightFlow
from srbench.models.traits import image_channels_of, traits_of, use_scale

BATCHES = (1, 2, 4, 8, 16)
TRAINING_INPUT = 48  # pixels of LR a side that a backward pass is tried with
NAMED = 3  # of the weights that no operator read; the others are told by their number
LONGEST = 20.0  # seconds, after which a network has been passed often enough, however seldom that was
LATENCY_INPUT = 256  # pixels of LR, as in the NTIRE challenges on efficient SR

Found = TypeVar("Found")


@dataclass(frozen=True)
class Parameters:
    """Numbers of elements; a tensor that several modules share counts once."""

    trainable: int
    frozen: int


@dataclass(frozen=True)
class Count:
    """What one convention (see `flops.py`) makes of one forward pass; None where it counts no activations."""

    flops: int
    activations: int | None


@dataclass(frozen=True)
class Complexity:
    """The counts of one forward pass in eval mode.

    `products`: of fvcore's FLOPs those of convolutions and matrix products, nothing estimated, each multiply-add
    once. `convolutions`: 2-D convolutions that ran. `unknown`: operators that no table knows, taken for zero.
    `unread`: weights that the model's code took, and of which no operator that is counted or known to be free carried
    anything into the output. With one of these two, the counts may be too low. `beyond_fvcore`: operators counted here
    that fvcore takes for zero.
    """

    counts: dict[Convention, Count]
    products: int
    convolutions: int
    unknown: tuple[str, ...]
    unread: tuple[str, ...]
    beyond_fvcore: tuple[str, ...]

    @property
    def too_low(self) -> Missing | None:
        """Why the counts may be too low; None where they are not."""
        if self.unknown:
            return Missing("flops", "operator", f"operators that no table knows: {', '.join(self.unknown)}")
        if self.unread:
            more = f" and {len(self.unread) - NAMED} more" if len(self.unread) > NAMED else ""
            names = f"{', '.join(self.unread[:NAMED])}{more}"
            return Missing("flops", "operator", f"no counted operator read what the network takes: {names}")
        return None

    @property
    def flops(self) -> int:
        """fvcore's; one multiply-add is one FLOP."""
        return self.counts["fvcore"].flops

    @property
    def activations(self) -> int:
        """fvcore's: elements that convolutions and matrix products put out."""
        return cast(int, self.counts["fvcore"].activations)


@dataclass(frozen=True)
class Memory:
    """Peak bytes of one forward pass, weights and input included, and what they are.

    `allocator`: what torch's CUDA allocator gave out, workspaces included. `tensors`: the tensors alive at once,
    workspaces excluded; the same on every machine.
    """

    bytes: int
    source: Literal["allocator", "tensors"]


def standard_inputs(scale: int) -> dict[str, tuple[int, int]]:
    """Height and width of the two LR inputs that FLOPs are given for.

    `720p`: ⌊720/s⌋ × ⌊1280/s⌋, as CARN's paper; `256`: 256×256, as the NTIRE challenges on efficient SR.
    """
    return {"720p": (720 // scale, 1280 // scale), "256": (256, 256)}


def parameters(model: nn.Module) -> Parameters:
    """What an optimizer would train, and what is frozen."""
    count = {True: 0, False: 0}
    for parameter in model.parameters():
        count[parameter.requires_grad] += parameter.numel()
    return Parameters(trainable=count[True], frozen=count[False])


def dead_parameters(model: nn.Module) -> dict[str, int]:
    """The trainable tensors that training never reaches, by name, with their numbers of elements.

    Their gradient is None, not merely 0, after a backward pass in train mode. A model with `scales` is run at each of
    them, one after another, by setting its `scale`. ValueError for a model that cannot be trained.
    """
    try:
        copied = copy_to(model, "meta").train()
        _backward(copied)
    except Exception:  # an operator that meta lacks, or a choice that depends on values
        with explained(f"{type(model).__name__} cannot be trained"):
            copied = copy_to(model, _device(model)).train()
            _backward(copied)
    return {name: p.numel() for name, p in copied.named_parameters() if p.requires_grad and p.grad is None}


def complexity(model: nn.Module, height: int, width: int) -> Complexity:
    """FLOPs and activations for one LR image (1, 3, height, width), in eval mode, on the meta device; where the model
    is, with values, if meta lacks an operator. The image is larger where the model takes no such sides.

    ValueError for a model that looks at values to decide what to run, or that computes outside torch.
    """
    return _without_values(model, _counted, (1, *traits_of(model).size_for(height, width)))


def _counted(model: nn.Module, lr: Tensor) -> Complexity:
    lr = lr.to(float_type(model))
    with torch.inference_mode():
        flow = WeightFlow(model, lr)
        with FlopCounter(flow) as counter:
            output = model(lr)
        unread = flow.unread(output)
    return Complexity(
        counts={name: Count(flops, counter.activations.get(name)) for name, flops in counter.flops.items()},
        products=counter.products,
        convolutions=counter.convolutions,
        unknown=tuple(sorted(counter.unknown)),
        unread=unread,
        beyond_fvcore=tuple(sorted(counter.beyond_fvcore)),
    )


def cost_summary(model: nn.Module, scale: int) -> tuple[Cost, tuple[Missing, ...]]:
    """The costs of a table but for latency, and the reasons for those that are missing."""
    counted = parameters(model)
    dead, missing = _dead(model) if counted.trainable else (0, ())
    known = Cost(counted.trainable, counted.frozen, dead)
    try:
        counts = {name: complexity(model, *size) for name, size in standard_inputs(scale).items()}
    except ValueError as error:
        return known, (*missing, _uncounted(model, str(error)))
    if not any(count.flops for count in counts.values()) and not _has_weights(model):
        return known, (*missing, _uncounted(model, ""))
    if too_low := next((count.too_low for count in counts.values() if count.too_low), None):
        return known, (*missing, too_low)
    figures = dict[str, int | None]()
    for name, count in counts.items():
        ntire = count.counts["ntire"]
        figures |= {f"flops_{name}": count.flops, f"activations_{name}": count.activations}
        figures |= {f"ntire_flops_{name}": ntire.flops, f"conv_activations_{name}": ntire.activations}
    beyond = tuple(sorted({name for count in counts.values() for name in count.beyond_fvcore}))
    memory, unmeasured = _peak(model)
    return replace(known, **figures, peak_memory_mb=memory, beyond_fvcore=beyond), (*missing, *unmeasured)


def latency_summary(model: nn.Module) -> tuple[Latency | None, tuple[Missing, ...]]:
    """The time of one image of the standard input where the model is, or the reason why there is none."""
    try:
        with explained(f"{type(model).__name__} does not run on {LATENCY_INPUT}×{LATENCY_INPUT} pixels"):
            return latency(model, LATENCY_INPUT, LATENCY_INPUT), ()
    except ValueError as error:
        kind: Kind = "memory" if is_out_of_memory(error) else "network"
        return None, (Missing("latency", kind, str(error)),)


def latency(
    model: nn.Module,
    height: int,
    width: int,
    batch: int = 1,
    repeats: int = 50,
    warmup: int = 5,
    seconds: float = 2.0,
    at_least: int = 5,
) -> Latency:
    """How long a batch of LR images takes where the model is, in float32 without TF32, data transfer excluded.

    `repeats` passes are measured, fewer but `at_least` when they take longer than `seconds`, and fewer still, but one,
    when they take longer than LONGEST; so is the warm-up cut.
    The images are larger where the model takes no such sides.
    """
    (measured,) = latencies(model, height, width, (batch,), repeats, warmup, seconds, at_least)
    return measured


def latencies(
    model: nn.Module,
    height: int,
    width: int,
    batches: Sequence[int] = BATCHES,
    repeats: int = 50,
    warmup: int = 5,
    seconds: float = 2.0,
    at_least: int = 5,
) -> Iterator[Latency]:
    """As `latency`, for one batch size after another; `seconds` are those of each. On a GPU in the memory layout that
    is faster for the batch: channels_last alone would rank depthwise networks below what they can do."""
    device = _device(model)
    copied = copy_to(model, device).float().eval()
    height, width = traits_of(model).size_for(height, width)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    for batch in batches:
        lr = torch.rand(batch, image_channels_of(model), height, width, device=device)
        with torch.inference_mode(), exact_float32(), _memory_of_passes(model, lr):
            if device.type == "cuda":
                lr = _laid_out(copied, lr, warmup, seconds)
            time_passes(copied, lr, warmup, 1, seconds)
            times = time_passes(copied, lr, repeats, at_least, seconds)
        low, median, high = np.quantile(times, [0.1, 0.5, 0.9]).tolist()
        yield Latency(batch, height, width, median, low, high, torch.get_num_threads(), name, memory_format(copied))


def _memory_of_passes(model: nn.Module, lr: Tensor) -> AbstractContextManager[None]:
    """A CPU's passes take a third longer where each clears its memory anew, which hangs on what the process did before;
    what is LARGE may need the memory more."""
    pixels = lr.shape[0] * lr.shape[2] * lr.shape[3] * cast(int, getattr(model, "scale", 1)) ** 2
    return freed_memory_kept() if lr.device.type == "cpu" and pixels <= LARGE else nullcontext()


def _laid_out(model: nn.Module, lr: Tensor, repeats: int, seconds: float) -> Tensor:
    """Leaves the weights of `model` in the faster layout, and gives `lr` in it."""
    times: dict[torch.memory_format, float] = {}
    for layout in (torch.contiguous_format, torch.channels_last):
        images = lr.contiguous(memory_format=layout)
        model.to(memory_format=layout)
        time_passes(model, images, repeats, 1, seconds)
        times[layout] = float(np.median(time_passes(model, images, repeats, 1, seconds)))
    fastest = min(times, key=lambda layout: times[layout])
    model.to(memory_format=fastest)
    return lr.contiguous(memory_format=fastest)


def peak_memory(model: nn.Module, height: int, width: int, batch: int = 1) -> Memory:
    """Of one float32 pass: measured where the model is on a GPU, else added up tensor by tensor, without computing
    unless meta lacks an operator.

    ValueError as `complexity`; for a model on a GPU where it does not run there.
    """
    device = _device(model)
    height, width = traits_of(model).size_for(height, width)
    if device.type == "cuda":
        with explained(f"{type(model).__name__} does not run on {width}×{height} pixels"):
            return _allocated(model, torch.rand(batch, image_channels_of(model), height, width, device=device))
    return _without_values(model, _live, (batch, height, width))


def _allocated(model: nn.Module, lr: Tensor) -> Memory:
    before = torch.cuda.memory_allocated(lr.device) - lr.nbytes
    copied = copy_to(model, lr.device).float().eval()
    torch.cuda.reset_peak_memory_stats(lr.device)
    with torch.inference_mode(), exact_float32():
        copied(lr)
    torch.cuda.synchronize(lr.device)
    return Memory(torch.cuda.max_memory_allocated(lr.device) - before, "allocator")


def _live(model: nn.Module, lr: Tensor) -> Memory:
    model = model.float()
    with torch.no_grad(), LiveBytes([*model.parameters(), *model.buffers(), lr]) as live:
        model(lr)
    return Memory(live.peak, "tensors")


def memory_format(model: nn.Module) -> str:
    """How the weights lie in memory: `channels_last`, or `contiguous`."""
    kernels = [p for p in model.parameters() if p.ndim == 4]
    last = any(p.is_contiguous(memory_format=torch.channels_last) and not p.is_contiguous() for p in kernels)
    return "channels_last" if last else "contiguous"


def _without_values(model: nn.Module, found: Callable[[nn.Module, Tensor], Found], size: tuple[int, int, int]) -> Found:
    """What is `found` of a copy in eval mode and of LR on the meta device: batch, height and width are its `size`.

    Where meta lacks an operator, or something of the model lies elsewhere, found with values where the model is. It
    does not count there if it depends on the image: the ValueError of meta then says so.
    """
    (batch, height, width), channels = size, image_channels_of(model)
    try:
        with explained(f"{type(model).__name__} does not run without values (on torch's meta device)"):
            return found(copy_to(model, "meta").eval(), torch.empty(batch, channels, height, width, device="meta"))
    except ValueError as error:
        device = _device(model)
        if device.type == "meta":
            raise
        dark = torch.zeros(batch, channels, height, width, device=device)
        one = _of_an_image(model, found, dark, error)
        if _of_an_image(model, found, torch.rand_like(dark), error) != one:
            raise ValueError(f"{error}; what it runs depends on what the image shows") from error
        return one


def _of_an_image(
    model: nn.Module, found: Callable[[nn.Module, Tensor], Found], lr: Tensor, without: ValueError
) -> Found:
    """With values. ValueError, after what it is `without` them, where they decide what runs, and where it fails."""
    reads, one = ImageReads(lr), None
    try:
        with reads:
            one = found(copy_to(model, lr.device).eval(), lr)
    except Exception:  # whatever somebody else's network does, or an ImageReadError
        if not reads.names:
            raise without from without.__cause__
    if reads.names or one is None:
        told = ", ".join(sorted(reads.names))
        raise ValueError(f"{without}; what it runs may depend on what the image shows ({told})") from without
    return one


def _peak(model: nn.Module) -> tuple[float | None, tuple[Missing, ...]]:
    try:
        return round(peak_memory(model, LATENCY_INPUT, LATENCY_INPUT).bytes / 2**20, 3), ()
    except ValueError as error:
        return None, (Missing("memory", "network", str(error)),)


def _dead(model: nn.Module) -> tuple[int | None, tuple[Missing, ...]]:
    try:
        return sum(dead_parameters(model).values()), ()
    except ValueError as error:
        return None, (Missing("params_dead", "network", str(error)),)


def _uncounted(model: nn.Module, reason: str) -> Missing:
    nothing = "no network: fvcore counts multiply-adds of layers, and here are no weights"
    reasons = (nothing if not _has_weights(model) else "", reason)
    return Missing("flops", "network", "; ".join(filter(None, reasons)))


def _has_weights(model: nn.Module) -> bool:
    return any(True for _ in [*model.parameters(), *model.buffers()])


def _device(model: nn.Module) -> torch.device:
    """Where the model's tensors are; the CPU for a model without any."""
    return next((tensor.device for tensor in [*model.parameters(), *model.buffers()]), torch.device("cpu"))


def float_type(model: nn.Module) -> torch.dtype:
    """Of the numbers that the model takes: those of its first weights."""
    tensors = [*model.parameters(), *model.buffers()]
    return next((tensor.dtype for tensor in tensors if tensor.is_floating_point()), torch.float32)


def _backward(model: nn.Module) -> None:
    """Leaves the gradients of one training pass at each of the model's scales in its parameters."""
    with torch.inference_mode(False), torch.enable_grad():
        size = traits_of(model).size_for(TRAINING_INPUT, TRAINING_INPUT)
        lr = torch.rand(2, image_channels_of(model), *size, device=_device(model)).to(float_type(model))
        for scale in traits_of(model).scales or [None]:
            if scale is not None:
                use_scale(model, scale)
            outputs = [leaf for leaf in tree_leaves(model(lr)) if isinstance(leaf, Tensor) and leaf.requires_grad]
            if outputs:
                torch.stack([output.sum() for output in outputs]).sum().backward()


def time_passes(
    network: Callable[[Tensor], object], lr: Tensor, repeats: int, at_least: int, seconds: float
) -> list[float]:
    """Milliseconds of each pass: `repeats`, fewer but `at_least` when they take longer than `seconds`, and fewer still,
    but one, when they take longer than LONGEST."""
    times: list[float] = []
    wait_for(lr.device)  # a GPU may still be making the input
    while len(times) < repeats and sum(times) < 1000 * (seconds if len(times) >= at_least else max(seconds, LONGEST)):
        start = time.perf_counter()
        network(lr)
        wait_for(lr.device)
        times.append(1000 * (time.perf_counter() - start))
    return times


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Whatever somebody else's network raises, as a ValueError in one line."""
    try:
        yield
    except Exception as error:
        told = textwrap.shorten(str(error) or type(error).__name__, 300, placeholder=" …")
        raise ValueError(f"{what}: {told}") from error
