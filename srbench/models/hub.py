"""`checkpoint=`: a file of weights, or published weights by their name in checkpoints.yaml.

A file's name may have the wildcards * and ?, as in runs/STUDY/*/weights.safetensors, if it then means one file. `key`:
what a UserError calls the name.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from srbench.core.errors import UserError
from srbench.core.files import sha256
from srbench.core.paths import weights_folders
from srbench.core.suggest import did_you_mean, some_of
from srbench.models.weights import digest, load_weights, put_weights, read_weights

if TYPE_CHECKING:
    from torch import nn

    from srbench.core.progress import Listener

CATALOGUE = Path(__file__).with_name("checkpoints.yaml")
LARGEST = 1 << 30  # bytes of a published file, ten times those of the largest here


@dataclass(frozen=True)
class Published:
    """One published set of weights. `file`: its name in weights_dir; `address`: where the authors put it, under another
    name; `key`: where the weights stand in that file; `digest`: SHA-256 of the weights themselves; `training_data`: the
    data sets that they were trained on, None where nobody tells."""

    name: str
    model: str
    scales: tuple[int, ...]
    file: str
    address: str
    key: str | None
    digest: str
    licence: str
    source: str
    training_data: tuple[str, ...] | None

    @property
    def names(self) -> tuple[str, str]:
        """Of the files that may hold the weights: converted, and as downloaded."""
        return self.file, self.address.rpartition("/")[2]


@cache
def checkpoint_catalogue() -> tuple[Published, ...]:
    """What checkpoints.yaml lists, one entry a file."""
    content = yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))
    return tuple(_entries(content))


def _entries(content: dict[str, dict[str, Any]]) -> Iterator[Published]:
    for name, entry in content.items():
        told = entry.get("training_data")
        shared = {key: entry[key] for key in ("model", "licence", "source")}
        shared["training_data"] = None if told is None else tuple(told)
        for file in entry["files"]:
            yield Published(name=name, **shared, **{**file, "scales": tuple(file["scales"])})


def named(checkpoint: str, scale: int, key: str = "checkpoint") -> Published | None:
    """The catalogue's entry; None for a file, which may have any name. UserError for a scale without weights."""
    entries = [entry for entry in checkpoint_catalogue() if entry.name == checkpoint]
    if not entries:
        return None
    fitting = [entry for entry in entries if scale in entry.scales]
    if not fitting:
        scales = sorted(scale for entry in entries for scale in entry.scales)
        raise UserError(f"{key}={checkpoint}: published for scale={','.join(map(str, scales))}, not for {scale}")
    return fitting[0]


def identity(checkpoint: str, weights_dir: str, scale: int, key: str = "checkpoint") -> str:
    """SHA-256 of what `checkpoint` names: of published weights themselves, without a look at the disk, or of a file."""
    entry = named(checkpoint, scale, key)
    return entry.digest if entry else sha256(_file(checkpoint, weights_dir, key))


def at_hand(checkpoint: str, weights_dir: str, scale: int) -> Path | None:
    """Where the weights lie: in the current folder or in one of `weights_dir`; None for published ones that do not."""
    entry = named(checkpoint, scale)
    if entry is None:
        return _file(checkpoint, weights_dir)
    paths = (folder / name for folder in _folders(weights_dir) for name in entry.names)
    return next((path for path in paths if path.is_file()), None)


def fetch(checkpoint: str, weights_dir: str, scale: int, tell: "Listener") -> Path:
    """Where the weights lie, published ones downloaded into weights_dir if need be. UserError where that fails."""
    path, entry = at_hand(checkpoint, weights_dir, scale), named(checkpoint, scale)
    if path is None:
        from srbench.core.download import download

        assert entry is not None
        path = weights_folders(weights_dir)[0] / entry.names[1]
        download(entry.address, path, None, tell, at_most=LARGEST)
    return path


def load_checkpoint(model: "nn.Module", checkpoint: str, path: Path, scale: int) -> None:
    """Copies the weights at `path` into `model`. UserError if they are not what the catalogue says, or do not fit."""
    entry = named(checkpoint, scale)
    if entry is None:
        load_weights(model, path)
        return
    weights = read_weights(path, entry.key)
    if digest(weights) != entry.digest:
        raise UserError(f"checkpoint={checkpoint}: {path} does not hold the published weights; move it away")
    put_weights(model, weights, path)


def bring(model: "nn.Module", checkpoint: str, weights_dir: str, scale: int, tell: "Listener") -> None:
    """Copies what `checkpoint` names into `model`, downloaded if need be. UserError as `fetch` and `load`."""
    load_checkpoint(model, checkpoint, fetch(checkpoint, weights_dir, scale, tell), scale)


def _folders(weights_dir: str) -> list[Path]:
    return [Path(), *weights_folders(weights_dir)]


def _file(checkpoint: str, weights_dir: str, key: str = "checkpoint") -> Path:
    folders = _folders(weights_dir)
    for folder in folders:
        path = folder / Path(checkpoint).expanduser()
        if path.is_file():
            return path
        meant = sorted(filter(Path.is_file, map(Path, glob(str(path)))))  # noqa: PTH207  a Path's takes none from the root
        if len(meant) > 1:
            raise UserError(f"{key}={checkpoint}: may be {some_of([*map(str, meant)], 5)}; name the one that is meant")
        if meant:
            return meant[0]
    looked = ", ".join(str(folder.resolve()) for folder in folders)
    raise UserError(
        f"{key}={checkpoint}: no such file (looked in {looked}; weights_dir names further folders), and no such "
        f"published weights{did_you_mean(checkpoint, {entry.name for entry in checkpoint_catalogue()})}"
    )
