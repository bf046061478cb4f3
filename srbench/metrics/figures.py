"""What a network costs, as values."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """`params`: trainable ones; `params_dead`: those of them that training never reaches. FLOPs (fvcore's, a
    multiply-add is one) and activations, for the two standard inputs; MiB of one pass over 256×256 pixels of LR. None:
    unknown."""

    params: int | None = None
    params_frozen: int | None = None
    params_dead: int | None = None
    flops_720p: int | None = None
    flops_256: int | None = None
    activations_720p: int | None = None
    activations_256: int | None = None
    peak_memory_mb: float | None = None


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
    memory_format: str
