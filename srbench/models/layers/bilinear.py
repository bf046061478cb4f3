"""Bilinear interpolation of features that are trained."""

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from srbench.models.layers.full_precision import in_full_precision


def bilinear(features: Tensor, size: tuple[int, int]) -> Tensor:
    """(N, C, h, w) → (N, C, *size), corners not aligned.

    A GPU adds up the gradient of torch's own in whatever order its threads come; there it is two matrix products, of
    the same weights, in float32; but for torch.compile, which writes kernels of its own.
    """
    if not (features.is_cuda and features.requires_grad) or torch.compiler.is_compiling():
        return F.interpolate(features, size=size, mode="bilinear", align_corners=False)
    down, right = (_weights(*lengths, features.device) for lengths in zip(features.shape[2:], size, strict=True))
    with in_full_precision(features.device):
        output = down @ features.float() @ right.T
    return output.to(features.dtype)


@cache
def _weights(before: int, after: int, device: torch.device) -> Tensor:
    """(after, before): what each value counts for in those between them."""
    each = torch.eye(before)[None]
    return F.interpolate(each, size=after, mode="linear", align_corners=False)[0].T.contiguous().to(device)
