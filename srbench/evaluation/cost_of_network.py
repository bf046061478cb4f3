"""What one network costs, whatever it is."""

from typing import Any

from torch import nn

from srbench.evaluation.own_scale import own_scale
from srbench.metrics.cost import cost_summary, latency_summary
from srbench.metrics.figures import beyond_fvcore
from srbench.metrics.missing import Missing


def cost(model: nn.Module, scale: int | None = None, *, latency: bool = False) -> dict[str, Any]:
    """What a network from LR (N, 3, H, W) to SR costs, by the names of the columns of `benchmark`, in plain units.

    `params`: trainable parameters, of which `params_dead` are never reached by training; `params_frozen`: the others;
    `flops_720p`, `flops_256`: multiply-adds as fvcore counts, for LR of a 1280×720 image and of 256×256 pixels;
    `activations_720p`, …: outputs of convolutions and matrix products, `conv_activations_…` of convolutions alone, as
    the NTIRE challenges count; `peak_memory_mb`: MiB of one pass over 256×256; with `latency`, `latency_ms` of such a
    pass where the model is. None: not known; `missing` says why, by name. `beyond_fvcore`: what is counted that fvcore
    takes for zero.

    `scale`: where the model has none of its own and its output does not tell it. ValueError where nothing tells it.

    Examples:
        >>> import srbench
        >>> found = srbench.cost(srbench.load("carn_m", scale=4, weights=None))
        >>> found["params"], found["flops_720p"]
        (414787, 32489683200)
    """
    counted, uncounted = cost_summary(model, scale or own_scale(model))
    missing: tuple[Missing, ...] = uncounted
    time: dict[str, float] = {}
    if latency:
        measured, unmeasured = latency_summary(model)
        missing += unmeasured
        time = {"latency_ms": measured.median_ms} if measured else {}
    told = {"missing": {one.what: one.reason for one in missing}, "beyond_fvcore": beyond_fvcore(counted.beyond_fvcore)}
    return counted.numbers | time | told
