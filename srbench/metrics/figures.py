"""What a network costs, as values."""

from collections.abc import Iterable, Sequence
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


@dataclass(frozen=True)
class Routing:
    """How a network that gives each window of an image to one of its branches did so on a data set.

    `windows`: by image, how many went to each branch, from the easiest on; where all run, how many would. `flops`: of a
    window in the mean, the classifier's included, and `full_flops`, those of the last branch: fvcore's, where a
    multiply-add is one, and a transposed convolution counts at its input's positions. `classsr_flops` and
    `full_classsr_flops`: as Kong et al., CVPR 2021, count, where a multiply-add is two, and a transposed convolution
    counts at its output's positions. `seconds`, `full_seconds`: of the windows of the first `timed_images` images, as
    routed and all through the last branch, which took turns. Raises ValueError for windows and costs of which there are
    no shares.
    """

    windows: dict[str, tuple[int, ...]]
    flops: float
    full_flops: float
    classsr_flops: float
    full_classsr_flops: float
    seconds: float
    full_seconds: float
    timed_images: int
    threads: int
    device: str

    def __post_init__(self) -> None:
        counts = list(self.windows.values())
        below = any(number < 0 for one in counts for number in one)
        if len({len(one) for one in counts}) > 1 or below or not sum(map(sum, counts)):
            raise ValueError("A routing needs windows, as many numbers of them for each image, none below 0.")
        for name in ("full_flops", "full_classsr_flops", "full_seconds"):
            if not getattr(self, name) > 0:
                raise ValueError(f"A routing's {name} must be above 0, not {getattr(self, name)}.")

    @property
    def shares(self) -> tuple[float, ...]:
        """Of each branch, of all windows."""
        totals = [sum(counts) for counts in zip(*self.windows.values(), strict=True)]
        return tuple(total / sum(totals) for total in totals)


def routed_costs(routings: Iterable[Routing]) -> dict[str, float]:
    """By name of table.ROUTED_COSTS, over all windows of these data sets; empty without any."""
    found = [(sum(map(sum, one.windows.values())), one) for one in routings]
    windows = sum(count for count, _ in found)
    if not windows:
        return {}

    def mean(name: str) -> float:
        return float(sum(count * getattr(one, name) for count, one in found) / windows)

    seconds, full_seconds = (sum(getattr(one, name) for _, one in found) for name in ("seconds", "full_seconds"))
    return {
        "flops_routed": mean("flops"),
        "flops_routed_share": mean("flops") / mean("full_flops"),
        "classsr_flops_routed": mean("classsr_flops"),
        "classsr_flops_routed_share": mean("classsr_flops") / mean("full_classsr_flops"),
        "time_routed_share": seconds / full_seconds,
    }
