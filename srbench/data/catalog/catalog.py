"""What datasets.yaml lists: data sets, where they are to be had and where they belong."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from srbench.core.paths import default_places
from srbench.data.images import SUFFIXES

CATALOGUE = Path(__file__).with_name("datasets.yaml")


@dataclass(frozen=True)
class Archive:
    """A zip or a tar. `into`: the folder below data_root that its tree belongs in; `holds`: what it brings, as paths
    below data_root. `checksum_by`: who computed its `sha256` or `md5`. Where `bytes`, its size, is unknown: `about`, in
    words, and `at_most`, at which a download stops."""

    name: str
    address: str
    holds: tuple[str, ...]
    into: str = "."
    bytes: int | None = None
    about: str | None = None
    at_most: int | None = None
    sha256: str | None = None
    md5: str | None = None
    checksum_by: str | None = None


@dataclass(frozen=True)
class SetFolder:
    """`path` below data_root holds `images` images, in folders of its own or not. `digest`: their `pixel_digest`."""

    path: str
    images: int
    digest: str | None = None

    def found(self, data_root: Path) -> int:
        """The number of images that are there."""
        return count_images(data_root / self.path)


@dataclass(frozen=True)
class DataSet:
    """One entry. `parts`: the sets of which it is the union; `by_hand`: what to do where nothing can be downloaded
    ({root} stands for data_root). `mean_size`: width and height of the HR images, on average."""

    name: str
    title: str
    what: str
    images: int
    licence: str
    cite: str
    home: str | None = None
    folders: tuple[SetFolder, ...] = ()
    archives: tuple[Archive, ...] = ()
    parts: tuple[str, ...] = ()
    about: str | None = None
    sizes: str | None = None
    mean_size: tuple[int, int] | None = None
    terms: str | None = None
    by_hand: str | None = None
    note: str | None = None

    @property
    def evaluated(self) -> SetFolder | None:
        """The HR images that `eval.datasets` means by its name; None for a set to train on."""
        ends = f"benchmark/{self.name}/hr", f"{self.name}/{self.name}_valid_hr"
        return next((folder for folder in self.folders if folder.path.lower() in ends), None)

    @property
    def all_folders(self) -> tuple[SetFolder, ...]:
        """Its own, and those of its parts."""
        return self.folders + tuple(folder for part in self.parts for folder in catalogue()[part].all_folders)

    @property
    def all_archives(self) -> tuple[Archive, ...]:
        """Its own, and those of its parts."""
        return self.archives + tuple(archive for part in self.parts for archive in catalogue()[part].all_archives)


@cache
def catalogue() -> dict[str, DataSet]:
    """The data sets, by name, in the file's order."""
    content = _content()
    archives = {name: _archive(name, entry) for name, entry in content["archives"].items()}
    return {name: _data_set(name, entry, archives) for name, entry in content["sets"].items()}


def missing_part(name: str, images: int) -> str:
    """`7 of 109 images`, where a set known by `name` has another number of images to evaluate on than `images`; else
    empty."""
    entry = catalogue().get(name)
    whole = entry.evaluated.images if entry and entry.evaluated else images
    return "" if whole == images else f"{images} of {whole} images"


def page() -> str:
    """datasets.md with {table}, {sets} and {backbones} where the entries belong."""
    return str(_content()["page"])


def get_command(name: str, data_root: Path) -> str:
    """`; get it with: …`, which a message about a missing set ends with; empty where the catalogue has no such set."""
    if name.lower() not in catalogue():
        return ""
    usual = Path(default_places()["data_root"]).expanduser()
    elsewhere = "" if data_root == usual else f" data_root={data_root}"
    return f"; get it with: python -m srbench data get {name.lower()}{elsewhere}"


def count_images(folder: Path) -> int:
    """Images in `folder` and the folders in it; 0 where it does not exist."""
    return sum(
        Path(name).suffix.lower() in SUFFIXES and not name.startswith(".")
        for _, _, names in os.walk(folder)
        for name in names
    )


def _content() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(CATALOGUE.read_text(encoding="utf-8"))
    return content


def _archive(name: str, entry: Mapping[str, Any]) -> Archive:
    return Archive(name=name, **{**entry, "holds": tuple(entry["holds"])})


def _data_set(name: str, entry: Mapping[str, Any], archives: Mapping[str, Archive]) -> DataSet:
    digests = entry.get("digests", {})
    folders = (SetFolder(path, images, digests.get(path)) for path, images in entry.get("folders", {}).items())
    own = {
        "folders": tuple(folders),
        "archives": tuple(archives[archive] for archive in entry.get("archives", [])),
        "parts": tuple(entry.get("parts", [])),
        "mean_size": tuple(entry["mean_size"]) if "mean_size" in entry else None,
    }
    return DataSet(name=name, **{key: value for key, value in entry.items() if key != "digests"} | own)
