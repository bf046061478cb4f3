"""The names of ClassSR's published code (XPixelGroup/ClassSR) where ours differ."""

import re
from collections.abc import Mapping

from torch import Tensor

OURS = {
    r"^module\.": "",  # left by data-parallel training
    r"\b(sub_mean|add_mean)\.(?!shifter)": r"\1.shifter.",
    r"\b(c\d+)\.(?=\d)": r"\1.body.",  # CARN's fusions
}


def from_classsr(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a branch, or of a whole ClassSR, under our names; all of them. Our own names stay as they are."""
    renamed = {}
    for name, tensor in weights.items():
        for pattern, replacement in OURS.items():
            name = re.sub(pattern, replacement, name)
        renamed[name] = tensor
    return renamed
