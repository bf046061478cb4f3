"""What a network costs, as values."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """`params`: trainable ones; `params_dead`: those of them that training never reaches. FLOPs (fvcore's, a
    multiply-add is one), activations (of convolutions and matrix products, as fvcore counts; `conv_…`: of convolutions
    alone, as NTIRE counts) and FLOPs by NTIRE's rules, for the two standard inputs; MiB of one pass over 256×256 pixels
    of LR. None: unknown. `beyond_fvcore`: operators counted although fvcore takes them for zero."""

    params: int | None = None
    params_frozen: int | None = None
    params_dead: int | None = None
    flops_720p: int | None = None
    flops_256: int | None = None
    activations_720p: int | None = None
    activations_256: int | None = None
    peak_memory_mb: float | None = None
    ntire_flops_720p: int | None = None
    ntire_flops_256: int | None = None
    conv_activations_720p: int | None = None
    conv_activations_256: int | None = None
    beyond_fvcore: tuple[str, ...] = ()

    @property
    def numbers(self) -> dict[str, float | None]:
        """Those of the fields that are one, by name."""
        return {name: value for name, value in vars(self).items() if name != "beyond_fvcore"}


def beyond_fvcore(operators: Sequence[str]) -> str:
    """For a note: the operators that FLOPs hold and fvcore leaves out; "" for none."""
    return f"counted here, taken for zero by fvcore itself: {', '.join(operators)}" if operators else ""


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
