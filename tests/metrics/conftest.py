"""Set5, enlarged bicubically, with its scores by reference implementations."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

CASES = [(image, scale) for image in ("baby", "bird", "butterfly", "head", "woman") for scale in (2, 3, 4)]


def read(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.fixture(scope="session")
def golden(shared: Path) -> Callable[[str, int], tuple[np.ndarray, np.ndarray, dict]]:
    """golden("baby", 2): SR, HR cropped to a multiple of the scale, and the scores of the one against the other."""
    folder = shared / "reference" / "metrics"
    rows = json.loads((folder / "set5_bicubic.json").read_text())
    scores = {(row["image"], row["scale"]): row for row in rows}

    def case(image: str, scale: int) -> tuple[np.ndarray, np.ndarray, dict]:
        sr = read(folder / f"{image}_bicubic_x{scale}.png")
        hr = read(shared / "data" / "benchmark" / "Set5" / "HR" / f"{image}.png")
        return sr, hr[: sr.shape[0], : sr.shape[1]], scores[image, scale]

    return case
