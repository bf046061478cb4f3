"""The networks of torchvision's whose features LPIPS and perceptual losses compare (backbones.yaml), and how they get
into weights_dir."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml

from srbench.core import progress
from srbench.core.errors import UserError
from srbench.core.files import sha256
from srbench.data.catalog.fetch import alone, downloaded
from srbench.models.weights import digest, read_weights

CATALOGUE = Path(__file__).with_name("backbones.yaml")


@dataclass(frozen=True)
class Backbone:
    """A network of torchvision's, of which the convolutional part is used. `file`: that part's name in weights_dir;
    `sha256`: of the file at `address`; `digest`: of the part, as `srbench.models.weights.digest` computes it."""

    name: str
    title: str
    file: str
    address: str
    bytes: int
    sha256: str
    licence: str
    terms: str
    cite: str
    digest: str | None = None


@cache
def backbones() -> dict[str, Backbone]:
    """By name."""
    content: dict[str, dict[str, Any]] = yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))
    return {name: Backbone(name=name, **entry) for name, entry in content.items()}


def backbone_file(name: str, folders: Sequence[Path], key: str) -> Path:
    """Where the backbone's convolutional part lies. Raises UserError, naming `key`, for no such backbone, and for one
    that is in none of `folders`, with what to do."""
    known = backbones()
    if name not in known:
        raise UserError(f"{key}={name}: choose from {', '.join(known)}")
    entry = known[name]
    for folder in folders:
        if (folder / entry.file).is_file():
            return folder / entry.file
    looked = ", ".join(map(str, folders)) or "no folder at all"
    raise UserError(
        f"{key}={name}: {entry.file} is not there (looked in {looked}); python -m srbench data get {name} "
        "brings it, or set weights_dir"
    )


def backbone_identity(name: str, folders: Sequence[Path], key: str) -> str:
    """The digest of the backbone's weights, else SHA-256 of the file. UserError as `backbone_file`."""
    known = backbones().get(name)
    return known.digest if known and known.digest else sha256(backbone_file(name, folders, key))


def get_backbone(entry: Backbone, folders: Sequence[Path], patience: float | None = None) -> None:
    """Writes the convolutional part into the first of `folders`, unless one of them holds it. `patience`: as for
    `download`."""
    found = [folder / entry.file for folder in folders if (folder / entry.file).is_file()]
    if found:
        print(f"{entry.name}: is there already ({found[0]})")
        return
    if not folders:
        raise UserError("weights_dir=: names no folder")
    target, path = folders[0] / entry.file, folders[0] / entry.address.rpartition("/")[2]
    with progress.bar(entry.name) as tell, alone(path):
        if target.is_file():
            return
        with downloaded(entry.address, path, entry.sha256, None, tell, entry.bytes, patience):
            _keep_features(entry, path, target)
        print(target)


def _keep_features(entry: Backbone, path: Path, target: Path) -> None:
    from safetensors.torch import save_file

    weights = {k: v.detach().contiguous() for k, v in read_weights(path).items() if k.startswith("features.")}
    if entry.digest and digest(weights) != entry.digest:
        raise UserError(f"{path}: does not hold {entry.title}'s convolutional part; delete it and repeat the command")
    partial = target.with_name(f".{target.name}.{uuid4().hex}")
    try:
        save_file(weights, partial)
        partial.replace(target)
    except OSError as error:
        raise UserError(f"{target}: cannot be written ({error})") from error
    finally:
        partial.unlink(missing_ok=True)
