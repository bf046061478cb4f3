"""What the package fvcore itself counts, which must run the network on values."""

import logging
import warnings
from importlib.metadata import version

import torch
from torch import nn

from srbench.metrics.cost import Count, explained
from srbench.metrics.network_copy import copy_to
from srbench.models.traits import image_channels_of, traits_of


def fvcore_version() -> str:
    """Of the package that is installed."""
    return version("fvcore")


def fvcore_count(model: nn.Module, height: int, width: int) -> Count:
    """FLOPs and activations of one LR image (1, 3, height, width) in eval mode, on the CPU. The image is larger where
    the model takes no such sides. ValueError for a model that fvcore cannot trace."""
    with warnings.catch_warnings(), explained(f"fvcore does not trace {type(model).__name__}"):
        warnings.simplefilter("ignore")  # torch.jit is deprecated
        from fvcore.nn import ActivationCountAnalysis, FlopCountAnalysis

        copied = copy_to(model, "cpu").eval()
        lr = torch.rand(1, image_channels_of(model), *traits_of(model).size_for(height, width))
        analyses = (FlopCountAnalysis(copied, lr), ActivationCountAnalysis(copied, lr))
        logging.getLogger("fvcore.nn.jit_analysis").setLevel(logging.ERROR)  # names every operator that it leaves out
        flops, activations = (int(one.total()) for one in analyses)
    return Count(flops, activations)
