"""Files of weights: what they may hold, and how it enters a model."""

import hashlib
import inspect
import pickle
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from srbench.core.errors import UserError
from srbench.core.suggest import some_of
from srbench.models.wrapped_weights import Found, chosen, mappings_in, unwrapped

if TYPE_CHECKING:  # torch takes a second to import, and a plan needs only the files' names
    from torch import Size, Tensor, nn


def load_weights(model: "nn.Module", path: Path) -> None:
    """Copies the weights of a file into `model`, as `put_weights`, wherever in the file they stand: of several that
    fit, the averaged ones. UserError for a file that cannot be read, and for one without weights that fit, or with
    several."""
    content = _content(path)
    founds = mappings_in(content)
    if not founds:
        raise UserError(f"checkpoint={path}: holds no weights by name{_there(content)}")
    own = model.state_dict()
    variants = [variant for found in founds for variant in unwrapped(found)]
    ours = [Found(one.place, _in_our_names(model, one.weights)) for one in variants]
    named = [one for one in ours if one.weights.keys() == own.keys()]
    shaped = [one for one in named if not _other_shapes(one.weights, own)]
    if fitting := shaped or named[:1]:
        meant = chosen(fitting, _equal)
        if meant is None:
            places = ", ".join(one.place or "the top" for one in fitting)
            raise UserError(f"checkpoint={path}: holds several weights that fit, at {places}; save those meant alone")
        put_weights(model, meant.weights, path)
        return
    nearest = max(variants, key=lambda one: len(own.keys() & one.weights.keys()))
    put_weights(model, nearest.weights, path, nearest.place)


def put_weights(model: "nn.Module", weights: "dict[str, Tensor]", path: Path, place: str = "") -> None:
    """Copies `weights` into `model`, strictly: under our names, or under the authors' as the model's `from_published`
    maps them.

    Raises UserError, naming `path` and the `place` in it, for weights that are not finite, and for those of another
    network: the line names the missing, the unexpected and the wrongly shaped keys.
    """
    own = model.state_dict()
    weights = _in_our_names(model, weights)
    missing, unexpected = sorted(own.keys() - weights.keys()), sorted(weights.keys() - own.keys())
    others = _other_shapes(weights, own)
    shapes = [f"{key} is {_shape(weights[key])}, not {_shape(own[key])}" for key in others]
    if missing or unexpected or shapes:
        parts = [_listed("missing", missing), _listed("unexpected", unexpected), _listed("of another shape", shapes)]
        where = f" ({place})" if place else ""
        takes_one = "image_channels" in inspect.signature(type(model)).parameters
        if takes_one and _is_of_one_channel([(weights[key].shape, own[key].shape) for key in others]):
            parts.append("they are of images of one channel: +model.image_channels=1")
        told = f"not weights of this {type(model).__name__}: {'; '.join(filter(None, parts))}"
        raise UserError(f"checkpoint={path}{where}: {told}")
    bad = [key for key, tensor in weights.items() if not tensor.isfinite().all()]
    if bad:
        raise UserError(
            f"checkpoint={path}: {_listed('not finite', bad)}; a training that diverged leaves such weights"
        )
    if not any(tensor.is_meta for tensor in own.values()):  # a plan only asks whether they fit
        model.load_state_dict(weights)


def read_weights(path: Path, key: str | None = None) -> "dict[str, Tensor]":
    """The tensors of a safetensors file, or of what torch.save wrote, by name; the content decides, not the suffix.

    What torch.save wrote may hold the weights themselves or under `key`; without one, the averaged ones, or those of
    the first name that has any. Raises UserError for a file that is neither, and for one that holds more than tensors:
    to unpickle Python objects is to run code.
    """
    content = _content(path)
    founds = mappings_in(content.get(key) if key and isinstance(content, dict) and key in content else content)
    if not founds:
        raise UserError(f"checkpoint={path}: holds no weights by name{_there(content)}")
    meant = next((found for found in founds if found.is_averaged), founds[0])
    return {name.removeprefix("module."): tensor for name, tensor in meant.weights.items()}  # of DataParallel


def _content(path: Path) -> Any:
    """Of a file: tensors by name, or what torch.save was given. UserError as `read_weights`."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        with path.open("rb") as file:
            head = file.read(9)
        if head[8:] == b"{":  # eight bytes of length, then JSON
            return load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(f"checkpoint={path}: cannot be read as safetensors: {error}") from error
    return _unpickled(path)


def _unpickled(path: Path) -> Any:
    import torch

    try:
        # Given a path, torch goes by its suffix. Its warning of pickle protocols comes before an error that says more.
        with path.open("rb") as file, warnings.catch_warnings(action="ignore"):
            return torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
        if "global" in str(error).lower():  # a name to import, which is how a pickle runs code
            raise UserError(
                f"checkpoint={path}: holds Python objects beside tensors, which could run code; refused. "
                "Save its state_dict alone, best as .safetensors"
            ) from error
        raise UserError(f"checkpoint={path}: cannot be read as weights (.safetensors or .pth)") from error


def _there(content: Any) -> str:
    """What a file holds instead of weights."""
    if not isinstance(content, dict):
        return f", but a {type(content).__name__}"
    return f", but {', '.join(map(str, list(content)[:8]))}" if content else ""


def digest(weights: "Mapping[str, Tensor]") -> str:
    """SHA-256, in hex, of names, shapes and float32 values: the same for every file that holds the same weights."""
    import torch

    content = hashlib.sha256()
    for name in sorted(weights):
        tensor = weights[name]
        content.update(f"{name}{tuple(tensor.shape)}".encode())
        content.update(tensor.detach().to("cpu", torch.float32).contiguous().numpy().tobytes())
    return content.hexdigest()


def network_digest(model: "nn.Module") -> str | None:
    """The digest of a network's weights, wherever they lie; None for a network without any."""
    weights = model.state_dict()
    return digest(weights) if weights else None


def _in_our_names(model: "nn.Module", weights: "dict[str, Tensor]") -> "dict[str, Tensor]":
    if not hasattr(model, "from_published") or weights.keys() == model.state_dict().keys():
        return weights
    try:
        mapped: dict[str, Tensor] = model.from_published(weights)  # type: ignore[operator]
    except (KeyError, ValueError):
        return weights  # weights of another network: what is wrong with them is told by their own names
    return mapped


def _other_shapes(weights: "Mapping[str, Tensor]", own: "Mapping[str, Tensor]") -> list[str]:
    """The keys of weights that have another shape than ours."""
    return [key for key in own if key in weights and weights[key].shape != own[key].shape]


def _equal(one: "Mapping[str, Tensor]", other: "Mapping[str, Tensor]") -> bool:
    return one.keys() == other.keys() and all(tensor.equal(other[key]) for key, tensor in one.items())


def _is_of_one_channel(shapes: "Sequence[tuple[Size, Size]]") -> bool:
    """Whether weights of these shapes, and ours, differ as those for images of one channel do from those for three."""
    differing = {pair for one, own in shapes for pair in zip(one, own, strict=False) if pair[0] != pair[1]}
    return (1, 3) in differing and all(3 * one == own for one, own in differing)


def _shape(tensor: "Tensor") -> str:
    return "×".join(map(str, tensor.shape)) or "a scalar"


def _listed(kind: str, names: list[str], most: int = 5) -> str:
    if not names:
        return ""
    return f"{len(names)} {kind} ({some_of(names, most)})"
