"""What a model costs: parameters, dead parameters, FLOPs, activations, latency, memory.

Every function takes `model(lr)` as it is and leaves it as it was: what must run in another mode or on another device
runs on a copy.
"""

import copy
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from srbench.metrics.figures import Cost, Latency
from srbench.metrics.flops import Convention, FlopCounter
from srbench.metrics.memory import LiveBytes
from srbench.metrics.missing import Missing
from srbench.models.traits import traits_of, use_scale

BATCHES = (1, 2, 4, 8, 16)
LATENCY_INPUT = 256  # pixels of LR, as in the NTIRE challenges on efficient SR


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
    `beyond_fvcore`: operators counted here that fvcore takes for zero.
    """

    counts: dict[Convention, Count]
    products: int
    convolutions: int
    unknown: tuple[str, ...]
    beyond_fvcore: tuple[str, ...]

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
    them, one after another, by setting its `scale`.
    """
    try:
        copied = _copy(model, "meta").train()
        _backward(copied)
    except (NotImplementedError, RuntimeError):  # an operator that meta lacks, or a choice that depends on values
        copied = _copy(model, "cpu").train()
        _backward(copied)
    return {name: p.numel() for name, p in copied.named_parameters() if p.requires_grad and p.grad is None}


def complexity(model: nn.Module, height: int, width: int) -> Complexity:
    """FLOPs and activations for one LR image (1, 3, height, width), in eval mode, on the meta device.

    ValueError for a model that looks at values to decide what to run, or that computes outside torch.
    """
    copied = _copy(model, "meta").eval()
    with _explained(model), torch.inference_mode(), FlopCounter() as counter:
        copied(torch.empty(1, 3, height, width, device="meta"))
    return Complexity(
        counts={name: Count(flops, counter.activations.get(name)) for name, flops in counter.flops.items()},
        products=counter.products,
        convolutions=counter.convolutions,
        unknown=tuple(sorted(counter.unknown)),
        beyond_fvcore=tuple(sorted(counter.beyond_fvcore)),
    )


def cost_summary(model: nn.Module, scale: int) -> tuple[Cost, tuple[Missing, ...]]:
    """The costs of a table but for latency, and the reasons for those that are missing."""
    counted = parameters(model)
    dead = sum(dead_parameters(model).values()) if counted.trainable else 0
    known = Cost(counted.trainable, counted.frozen, dead)
    if not counted.trainable:
        return known, (Missing("flops", "network", "no network: fvcore counts multiply-adds of layers"),)
    try:
        counts = {name: complexity(model, *size) for name, size in standard_inputs(scale).items()}
        memory = round(peak_memory(model, LATENCY_INPUT, LATENCY_INPUT).bytes / 2**20, 3)
    except ValueError as error:
        return known, (Missing("flops", "network", str(error)),)
    if unknown := counts["256"].unknown:
        return known, (Missing("flops", "operator", f"operators that no table knows: {', '.join(unknown)}"),)
    figures = {f"flops_{name}": count.flops for name, count in counts.items()}
    figures |= {f"activations_{name}": count.activations for name, count in counts.items()}
    return replace(known, **figures, peak_memory_mb=memory), ()


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

    `repeats` passes are measured, fewer but `at_least` when they take longer than `seconds`; so is the warm-up cut.
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
    """As `latency`, for one batch size after another; `seconds` are those of each."""
    device = _device(model)
    copied = _copy(model, device).float().eval()
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    for batch in batches:
        lr = torch.rand(batch, 3, height, width, device=device)
        with torch.inference_mode(), exact_float32():
            _measure(copied, lr, warmup, 1, seconds)
            times = _measure(copied, lr, repeats, at_least, seconds)
        low, median, high = np.quantile(times, [0.1, 0.5, 0.9]).tolist()
        yield Latency(batch, height, width, median, low, high, torch.get_num_threads(), name, memory_format(copied))


def peak_memory(model: nn.Module, height: int, width: int, batch: int = 1) -> Memory:
    """Of one float32 pass: measured where the model is on a GPU, else added up tensor by tensor without computing.

    ValueError as `complexity`, unless the model is on a GPU.
    """
    device = _device(model)
    if device.type == "cuda":
        before = torch.cuda.memory_allocated(device)
        copied = _copy(model, device).float().eval()
        lr = torch.rand(batch, 3, height, width, device=device)
        torch.cuda.reset_peak_memory_stats(device)
        with torch.inference_mode(), exact_float32():
            copied(lr)
        torch.cuda.synchronize(device)
        return Memory(torch.cuda.max_memory_allocated(device) - before, "allocator")
    copied = _copy(model, "meta").float().eval()
    lr = torch.empty(batch, 3, height, width, device="meta")
    with _explained(model), torch.no_grad(), LiveBytes([*copied.parameters(), *copied.buffers(), lr]) as live:
        copied(lr)
    return Memory(live.peak, "tensors")


def memory_format(model: nn.Module) -> str:
    """How the weights lie in memory: `channels_last`, or `contiguous`."""
    kernels = [p for p in model.parameters() if p.ndim == 4]
    last = any(p.is_contiguous(memory_format=torch.channels_last) and not p.is_contiguous() for p in kernels)
    return "channels_last" if last else "contiguous"


def _copy(model: nn.Module, device: torch.device | str) -> nn.Module:
    with torch.inference_mode(False):
        return copy.deepcopy(model).to(device)


def _device(model: nn.Module) -> torch.device:
    """Where the model's tensors are; the CPU for a model without any."""
    return next((tensor.device for tensor in [*model.parameters(), *model.buffers()]), torch.device("cpu"))


def _backward(model: nn.Module) -> None:
    """Leaves the gradients of one training pass at each of the model's scales in its parameters."""
    with torch.inference_mode(False), torch.enable_grad():
        lr = torch.rand(2, 3, 48, 48, device=_device(model))
        for scale in traits_of(model).scales or [None]:
            if scale is not None:
                use_scale(model, scale)
            outputs = [leaf for leaf in tree_leaves(model(lr)) if isinstance(leaf, Tensor) and leaf.requires_grad]
            if outputs:
                torch.stack([output.sum() for output in outputs]).sum().backward()


def _measure(model: nn.Module, lr: Tensor, repeats: int, at_least: int, seconds: float) -> list[float]:
    """Milliseconds of each pass."""
    times: list[float] = []
    _wait_for(lr)  # a GPU may still be making the input
    while len(times) < repeats and (len(times) < at_least or sum(times) < 1000 * seconds):
        start = time.perf_counter()
        model(lr)
        _wait_for(lr)
        times.append(1000 * (time.perf_counter() - start))
    return times


def _wait_for(lr: Tensor) -> None:
    """Returns when the device has done what it was asked for; a GPU's operators return before they have run."""
    if lr.is_cuda:
        torch.cuda.synchronize(lr.device)


@contextmanager
def _explained(model: nn.Module) -> Iterator[None]:
    try:
        yield
    except (NotImplementedError, RuntimeError) as error:
        raise ValueError(
            f"{type(model).__name__} does not run without values (on torch's meta device): {error}"
        ) from error


@contextmanager
def exact_float32() -> Iterator[None]:
    """Without TF32, which a GPU's convolutions use by default."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            yield
    finally:
        torch.set_float32_matmul_precision(before)
