"""Networks on the meta device, without memory for their weights, and what they cost there."""

import torch
from torch import nn


def on_meta(network: type[nn.Module], **factors) -> nn.Module:
    with torch.device("meta"):
        return network(**factors)


def convolution_cost(model: nn.Module, height: int, width: int) -> tuple[int, int, int]:
    """Multiply-adds, output elements and number of the convolutions, as NTIRE's counter takes them."""
    calls = []

    def count(conv, inputs, output):
        calls.append((output.numel() * conv.weight[0].numel(), output.numel()))

    hooks = [m.register_forward_hook(count) for m in model.modules() if isinstance(m, nn.Conv2d)]
    with torch.inference_mode():
        model(torch.empty(1, 3, height, width, device="meta"))
    for hook in hooks:
        hook.remove()
    return sum(flops for flops, _ in calls), sum(outputs for _, outputs in calls), len(calls)
