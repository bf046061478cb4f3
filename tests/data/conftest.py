"""A cache that is no one's own, and images to cut patches from."""

from pathlib import Path

import numpy as np
import pytest

from srbench.data.images import write_image


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three images of noise: 50×40, 50×41 and 50×42."""
    random = np.random.default_rng(0)
    for i in range(3):
        write_image(tmp_path / f"{i}.png", random.integers(0, 256, (40 + i, 50, 3), np.uint8))
    return sorted(tmp_path.glob("*.png"))
