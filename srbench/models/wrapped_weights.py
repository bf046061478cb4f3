"""The weights of a network in what a training has left: under which name they stand, and behind which prefix.

Trainers save a network as `generator`, `model_state_dict` or `params_ema`, beside optimizers and other networks, and
its keys as `module.…`, `model.…`, `net_g.…` or `_orig_mod.…`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

DEPTH = 4
NO_WEIGHTS = (
    "optim",
    "sched",
    "grad",
    "loop",
    "callback",
    "scaler",
    "exp_avg",
    "momentum",
)  # of an optimizer, and so on
AVERAGED = ("ema", "average", "shadow", "swa")
OF_THE_NETWORK = {  # words before the keys of the network that is meant, where others stand beside it
    *("model", "module", "net", "network", "net_g", "netg", "generator", "gen", "g", "student"),
    *("ema", "model_ema", "ema_model", "net_g_ema", "generator_ema", "average", "averaged", "swa_model"),
    *("params", "params_ema", "state_dict"),
}


@dataclass(frozen=True)
class Found:
    """Tensors by name, and where they stood: the names of what they were in, then the prefix of their keys."""

    place: str
    weights: "dict[str, Tensor]"

    @property
    def is_averaged(self) -> bool:
        """Whether these are a training's averaged weights."""
        return any(word in self.place.lower() for word in AVERAGED)


def mappings_in(content: Any) -> list[Found]:
    """What there is of tensors by name in the content of a file, but for what an optimizer keeps."""
    return list(_mappings(content, "", DEPTH))


def unwrapped(found: Found) -> Iterator[Found]:
    """`found`, and what it is without the prefixes that a trainer may have put before its keys."""
    weights = {key.replace("_orig_mod.", ""): tensor for key, tensor in found.weights.items()}
    yield Found(found.place, weights)
    prefixes = {key[: end + 1] for key in weights for end in range(len(key)) if key[end] == "."}
    for prefix in sorted(prefixes, key=len):
        words = prefix.removesuffix(".").lower().split(".")
        behind = {key.removeprefix(prefix): tensor for key, tensor in weights.items() if key.startswith(prefix)}
        if len(behind) == len(weights) or all(word in OF_THE_NETWORK for word in words):
            yield Found(f"{found.place} {prefix}…".strip(), behind)


def chosen(founds: list[Found], equal: "Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], bool]") -> Found | None:
    """The one that is meant of several that fit: the averaged weights, or all if they are equal. None: who knows."""
    averaged = [one for one in founds if one.is_averaged]
    left = averaged or founds
    first = left[0]
    return first if all(equal(first.weights, other.weights) for other in left[1:]) else None


def _mappings(node: Any, place: str, depth: int) -> Iterator[Found]:
    import torch

    if not isinstance(node, Mapping) or depth == 0:
        return
    tensors = {key: value for key, value in node.items() if isinstance(key, str) and isinstance(value, torch.Tensor)}
    if tensors:
        yield Found(place, tensors)
    for key, value in node.items():
        if not any(word in str(key).lower() for word in NO_WEIGHTS):
            yield from _mappings(value, f"{place}.{key}".lstrip("."), depth - 1)
