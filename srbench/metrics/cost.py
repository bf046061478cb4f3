"""What a model costs: parameters, dead parameters, FLOPs, activations, latency, memory.

Every function takes `model(lr)` as it is and leaves it as it was: what must run in another mode or on another device
runs on a copy.
"""

import copy
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from srbench.metrics.flops import FlopCounter
from srbench.metrics.memory import LiveBytes


@dataclass(frozen=True)
class Parameters:
    """Numbers of elements; a tensor that several modules share counts once."""

    trainable: int
    frozen: int


@dataclass(frozen=True)
class Complexity:
    """fvcore's counts of one forward pass in eval mode; one multiply-add is one FLOP.

    `unknown`: operators that no table knows, taken for zero. `beyond_fvcore`: operators counted here that fvcore takes
    for zero.
    """

    flops: int
    activations: int
    unknown: tuple[str, ...]
    beyond_fvcore: tuple[str, ...]


@dataclass(frozen=True)
class Latency:
    """Milliseconds of one forward pass of a whole batch: median, 10 % and 90 % quantiles."""

    batch: int
    height: int
    width: int
    median_ms: float
    q10_ms: float
    q90_ms: float
    threads: int
    device: str


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
        counter.flops, counter.activations, tuple(sorted(counter.unknown)), tuple(sorted(counter.beyond_fvcore))
    )


def latency(
    model: nn.Module,
    height: int,
    width: int,
    batch: int = 1,
    repeats: int = 50,
    warmup: int = 5,
    seconds: float = 2.0,
) -> Latency:
    """How long a batch of LR images takes where the model is, in float32 without TF32, data transfer excluded.

    `repeats` passes are measured, fewer but at least 5 when they take longer than `seconds`; so is the warm-up cut.
    """
    device = _device(model)
    copied = _copy(model, device).float().eval()
    lr = torch.rand(batch, 3, height, width, device=device)
    with torch.inference_mode(), exact_float32():
        _measure(copied, lr, warmup, 1, seconds)
        times = _measure(copied, lr, repeats, 5, seconds)
    low, median, high = np.quantile(times, [0.1, 0.5, 0.9]).tolist()
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return Latency(batch, height, width, median, low, high, torch.get_num_threads(), name)


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
        for scale in getattr(model, "scales", None) or [None]:
            if scale is not None:
                model.scale = scale
            outputs = [leaf for leaf in tree_leaves(model(lr)) if isinstance(leaf, Tensor) and leaf.requires_grad]
            if outputs:
                torch.stack([output.sum() for output in outputs]).sum().backward()


def _measure(model: nn.Module, lr: Tensor, repeats: int, at_least: int, seconds: float) -> list[float]:
    """Milliseconds of each pass."""
    times: list[float] = []
    while len(times) < repeats and (len(times) < at_least or sum(times) < 1000 * seconds):
        start = time.perf_counter()
        model(lr)
        if lr.is_cuda:
            torch.cuda.synchronize(lr.device)
        times.append(1000 * (time.perf_counter() - start))
    return times


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
