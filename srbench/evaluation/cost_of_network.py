"""What one network costs, whatever it is."""

from typing import Any

from torch import nn

from srbench.evaluation.own_network import check_network
from srbench.evaluation.own_scale import agreed_scale
from srbench.metrics.cost import cost_summary, latency_summary
from srbench.metrics.figures import beyond_fvcore
from srbench.metrics.usual_torch import usual_torch
from srbench.models.traits import at_scale


@usual_torch()
def cost(model: nn.Module, scale: int | None = None, *, latency: bool = False) -> dict[str, Any]:
    """What a network from LR (N, 3, H, W) to SR costs, by the names of the columns of `benchmark`, in plain units.

    `params`: trainable parameters, of which `params_dead` are never reached by training; `params_frozen`: the others;
    `flops_720p`, `flops_256`: multiply-adds as fvcore counts, for LR of a 1280×720 image and of 256×256 pixels;
    `activations_720p`, …: outputs of convolutions and matrix products, `conv_activations_…` of convolutions alone, as
    the NTIRE challenges count; `peak_memory_mb`: MiB of one pass over 256×256; with `latency`, `latency_ms` of such a
    pass where the model is. None: not known; `missing` says why, by name: `flops` for all counts, `params_dead`,
    `memory`, `latency`. `beyond_fvcore`: what is counted that fvcore takes for zero. The model stays as it is.

    `scale`: where the model has several, or none of its own that its output tells. ValueError where nothing tells it,
    and where the output tells another.

    Examples:
        >>> import srbench
        >>> found = srbench.cost(srbench.load("carn_m", scale=4, weights=None))
        >>> found["params"], found["flops_720p"]
        (414787, 32489683200)
    """
    check_network(model)
    times = agreed_scale(model, scale)
    with at_scale(model, times):
        counted, missing = cost_summary(model, times)
        measured, unmeasured = latency_summary(model) if latency else (None, ())
    missing += unmeasured
    time = {"latency_ms": measured.median_ms if measured else None} if latency else {}
    told = {"missing": {one.what: one.reason for one in missing}, "beyond_fvcore": beyond_fvcore(counted.beyond_fvcore)}
    return counted.numbers | time | told
