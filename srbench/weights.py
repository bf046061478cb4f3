"""Files of weights: where they are looked for, and how they enter a model."""

import hashlib
import os
import pickle
from pathlib import Path
from typing import TYPE_CHECKING

from srbench.errors import UserError

if TYPE_CHECKING:  # torch takes a second to import, and a plan needs only the files' names
    from torch import Tensor, nn


def weights_folders(weights_dir: str) -> list[Path]:
    """The folders of `weights_dir`, which are separated as in PATH."""
    return [Path(part).expanduser() for part in weights_dir.split(os.pathsep) if part]


def find_weights(checkpoint: str, weights_dir: str) -> Path:
    """The file that `checkpoint` names: from the current folder, then from `weights_dir`. UserError if none is."""
    folders = [Path(), *weights_folders(weights_dir)]
    for folder in folders:
        path = folder / Path(checkpoint).expanduser()
        if path.is_file():
            return path
    looked = ", ".join(str(folder.resolve()) for folder in folders)
    raise UserError(f"checkpoint={checkpoint}: no such file (looked in {looked}; weights_dir names further folders)")


def sha256(path: Path) -> str:
    """Of the file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_weights(model: "nn.Module", path: Path) -> None:
    """Copies the weights of a .safetensors or .pth file into `model`, strictly.

    A .pth may hold the weights themselves or under `params_ema`, `params` or `state_dict`. Raises UserError for a file
    that is no such thing or that holds more than tensors, and for weights of another network: the line names the
    missing, the unexpected and the wrongly shaped keys.
    """
    weights = read_weights(path)
    own = model.state_dict()
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
    model.load_state_dict(weights)


def read_weights(path: Path) -> "dict[str, Tensor]":
    """The tensors of a .safetensors or .pth file by name. Raises UserError for a file that is neither."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise UserError(f"checkpoint={path}: cannot be read as safetensors: {error}") from error
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
        if "global" in str(error).lower():  # a name to import, which is how a pickle runs code
            raise UserError(
                f"checkpoint={path}: holds Python objects beside tensors, which could run code; refused. "
                "Save its state_dict alone, best as .safetensors"
            ) from error
        raise UserError(f"checkpoint={path}: cannot be read as weights (.safetensors or .pth)") from error
    for key in ("params_ema", "params", "state_dict"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise UserError(f"checkpoint={path}: holds no weights by name")
    return content


def _shape(tensor: "Tensor") -> str:
    return "×".join(map(str, tensor.shape)) or "a scalar"


def _listed(kind: str, names: list[str], most: int = 5) -> str:
    if not names:
        return ""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{len(names)} {kind} ({', '.join(names[:most])}{more})"
