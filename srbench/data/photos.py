"""`data=photos`: photographs that scikit-image and Matplotlib bundle, so that the first command works offline.

Training: astronaut, coffee, motorcycle_left. Validation, in colour: chelsea, rocket, grace_hopper; in grey: camera,
coins, brick, grass, gravel, the last three of them textures. datasets.md says whose they are. motorcycle_right shows
the same scene as motorcycle_left and stays out, as do drawings, micrographs, and what states no licence.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from srbench.core.errors import UserError
from srbench.core.files import sha256
from srbench.data.digests import Stamp, file_stamp

# SHA-256 by the file's place in its package; equal in scikit-image 0.24 to 0.26 and Matplotlib 3.9 to 3.11.
TRAIN = {
    "skimage/data/astronaut.png": "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    "skimage/data/coffee.png": "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
    "skimage/data/motorcycle_left.png": "db18e9c4157617403c3537a6ba355dfeafe9a7eabb6b9b94cb33f6525dd49179",
}
VALID = {
    "skimage/data/chelsea.png": "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
    "skimage/data/rocket.jpg": "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
    "matplotlib/mpl-data/sample_data/grace_hopper.jpg": (
        "a8ca6d734765703b09728ab47fe59f473d93ae3967fc24c7c0288c3c7adb7130"
    ),
    "skimage/data/camera.png": "b0793d2adda0fa6ae899c03989482bff9a42d3d5690fc7e3648f2795d730c23a",
    "skimage/data/coins.png": "f8d773fc9cfa6f4d8e5942dc34d0a0788fcaed2a4fefbbed0aef5398d7ef4cba",
    "skimage/data/brick.png": "7966caf324f6ba843118d98f7a07746d22f6a343430add0233eca5f6eaaa8fcf",
    "skimage/data/grass.png": "b6b6022426b38936c43a4ac09635cd78af074e90f42ffa8227ac8b7452d39f89",
    "skimage/data/gravel.png": "c48615b451bf1e606fbd72c0aa9f8cc0f068ab7111ef7d93bb9b0f2586440c12",
}
GREY = tuple(f"skimage/data/{name}.png" for name in ("camera", "coins", "brick", "grass", "gravel"))


class Photos:
    """Three photographs to train on and eight to validate on, each checked by its SHA-256."""

    def train(self) -> list[Path]:
        """The files to train on. Raises UserError for one that is missing or altered."""
        return [_checked(name, digest) for name, digest in TRAIN.items()]

    def valid(self) -> list[Path]:
        """The files to validate on. Raises UserError for one that is missing or altered."""
        return [_checked(name, digest) for name, digest in VALID.items()]


def photographs_of(channels: int) -> list[Path]:
    """Those of the bundled photographs that can be read with so many channels. Raises UserError as `Photos` does."""
    return Photos().train() if channels == 3 else [_checked(name, VALID[name]) for name in GREY]


def _checked(name: str, digest: str) -> Path:
    package, _, place = name.partition("/")
    known = {"skimage": "scikit-image"}.get(package, package)
    folder = _package(package)
    if folder is None:
        raise UserError(f"data=photos: needs {known}; install it with: pip install {known}")
    path = folder / place
    if not path.is_file():
        raise UserError(f"data=photos: {path} is missing; reinstall {known} by pip, or use data=folder data.root=DIR")
    if _digest(path, file_stamp(path)) != digest:
        raise UserError(f"data=photos: {path} is not the photograph that srbench knows (its SHA-256 differs)")
    return path


@cache
def _package(name: str) -> Path | None:
    spec = find_spec(name)
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None


@cache  # every run of a grid asks
def _digest(path: Path, stamp: Stamp) -> str:
    return sha256(path)
