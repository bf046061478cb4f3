"""`data=photos`: photographs that scikit-image bundles, so that the first command works offline.

Train: astronaut, coffee, motorcycle_left. Validation: chelsea, rocket. motorcycle_right shows the same scene as
motorcycle_left and stays out.
"""

import hashlib
from importlib.util import find_spec
from pathlib import Path

from srbench.core.errors import UserError

TRAIN = {
    "astronaut.png": "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    "coffee.png": "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
    "motorcycle_left.png": "db18e9c4157617403c3537a6ba355dfeafe9a7eabb6b9b94cb33f6525dd49179",
}
VALID = {
    "chelsea.png": "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
    "rocket.jpg": "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
}


class Photos:
    """Three photographs to train on and two to validate on, each checked by its SHA-256."""

    def train(self) -> list[Path]:
        """The files to train on. Raises UserError for one that is missing or altered."""
        return [_checked(name, digest) for name, digest in TRAIN.items()]

    def valid(self) -> list[Path]:
        """The files to validate on. Raises UserError for one that is missing or altered."""
        return [_checked(name, digest) for name, digest in VALID.items()]


def _checked(name: str, digest: str) -> Path:
    spec = find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise UserError("data=photos: needs scikit-image; install it with: pip install scikit-image")
    path = Path(spec.submodule_search_locations[0]) / "data" / name
    if not path.is_file():
        raise UserError(f"data=photos: {path} is missing; reinstall scikit-image, or use data=folder data.root=DIR")
    if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        raise UserError(f"data=photos: {path} is not the photograph that srbench knows (its SHA-256 differs)")
    return path
