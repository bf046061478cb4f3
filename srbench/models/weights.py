"""Files of weights: what they may hold, and how it enters a model."""

import hashlib
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from srbench.core.errors import UserError

if TYPE_CHECKING:  # torch takes a second to import, and a plan needs only the files' names
    from torch import Tensor, nn


def load_weights(model: "nn.Module", path: Path) -> None:
    """Copies the weights of a file into `model`, as `put_weights`. UserError for one that `read_weights` refuses."""
    put_weights(model, read_weights(path), path)


def put_weights(model: "nn.Module", weights: "dict[str, Tensor]", path: Path) -> None:
    """Copies `weights` into `model`, strictly: under our names, or under the authors' as the model's `from_published`
    maps them.

    Raises UserError, naming `path`, for weights that are not finite, and for those of another network: the line names
    the missing, the unexpected and the wrongly shaped keys.
    """
    own = model.state_dict()
    if weights.keys() != own.keys() and hasattr(model, "from_published"):
        weights = _mapped(model, weights)
    missing, unexpected = sorted(own.keys() - weights.keys()), sorted(weights.keys() - own.keys())
    shapes = [
        f"{key} is {_shape(weights[key])}, not {_shape(own[key])}"
        for key in own
        if key in weights and weights[key].shape != own[key].shape
    ]
    if missing or unexpected or shapes:
        parts = [_listed("missing", missing), _listed("unexpected", unexpected), _listed("of another shape", shapes)]
        raise UserError(
            f"checkpoint={path}: not weights of this {type(model).__name__}: {'; '.join(filter(None, parts))}"
        )
    bad = [key for key, tensor in weights.items() if not tensor.isfinite().all()]
    if bad:
        raise UserError(
            f"checkpoint={path}: {_listed('not finite', bad)}; a training that diverged leaves such weights"
        )
    if not any(tensor.is_meta for tensor in own.values()):  # a plan only asks whether they fit
        model.load_state_dict(weights)


def read_weights(path: Path, key: str | None = None) -> "dict[str, Tensor]":
    """The tensors of a safetensors file, or of what torch.save wrote, by name; the content decides, not the suffix.

    What torch.save wrote may hold the weights themselves or under `key`; without one, under `params_ema`, `params` or
    `state_dict`, the first that is there. Raises UserError for a file that is neither, and for one that holds more
    than tensors: to unpickle Python objects is to run code.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        with path.open("rb") as file:
            head = file.read(9)
        if head[8:] == b"{":  # eight bytes of length, then JSON
            return load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(f"checkpoint={path}: cannot be read as safetensors: {error}") from error
    return _of_pickle(path, key)


def _of_pickle(path: Path, key: str | None) -> "dict[str, Tensor]":
    import torch

    try:
        # Given a path, torch goes by its suffix. Its warning of pickle protocols comes before an error that says more.
        with path.open("rb") as file, warnings.catch_warnings(action="ignore"):
            content = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
        if "global" in str(error).lower():  # a name to import, which is how a pickle runs code
            raise UserError(
                f"checkpoint={path}: holds Python objects beside tensors, which could run code; refused. "
                "Save its state_dict alone, best as .safetensors"
            ) from error
        raise UserError(f"checkpoint={path}: cannot be read as weights (.safetensors or .pth)") from error
    for name in [key] if key else ["params_ema", "params", "state_dict"]:
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
            break
    if not isinstance(content, dict) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise UserError(f"checkpoint={path}: holds no weights by name")
    return {name.removeprefix("module."): tensor for name, tensor in content.items()}  # of DataParallel


def digest(weights: "Mapping[str, Tensor]") -> str:
    """SHA-256, in hex, of names, shapes and float32 values: the same for every file that holds the same weights."""
    import torch

    content = hashlib.sha256()
    for name in sorted(weights):
        tensor = weights[name]
        content.update(f"{name}{tuple(tensor.shape)}".encode())
        content.update(tensor.to(torch.float32).contiguous().numpy().tobytes())
    return content.hexdigest()


def _mapped(model: "nn.Module", weights: "dict[str, Tensor]") -> "dict[str, Tensor]":
    try:
        mapped: dict[str, Tensor] = model.from_published(weights)  # type: ignore[operator]
    except (KeyError, ValueError):
        return weights  # weights of another network: what is wrong with them is told by their own names
    return mapped


def _shape(tensor: "Tensor") -> str:
    return "×".join(map(str, tensor.shape)) or "a scalar"


def _listed(kind: str, names: list[str], most: int = 5) -> str:
    if not names:
        return ""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{len(names)} {kind} ({', '.join(names[:most])}{more})"
