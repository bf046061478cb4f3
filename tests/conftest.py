"""Where the reference data lie, how a parity file is read, and a run from the words of its command."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from srbench.core.pixel_limit import MEGAPIXELS, limit_pixels
from srbench.data.images import write_image
from srbench.experiments.compose import compose_run
from srbench.experiments.spec import RunSpec
from tests.tiny_runs import SHORT, TINY

for of_the_user in ("SRBENCH_DATA", "SRBENCH_WEIGHTS"):  # tests have places of their own
    os.environ.pop(of_the_user, None)

SHARED = Path(os.environ.get("SRBENCH_SHARED", Path(__file__).parents[2] / "shared"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those marked `gpu` are skipped where there is none."""
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@dataclass(frozen=True)
class Parity:
    """One parity file: `reference["output_x2"]` is that array as a tensor; `weights` the `sd/` part in float32."""

    arrays: dict[str, np.ndarray]

    def __getitem__(self, name: str) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(self.arrays[name]))

    def __contains__(self, name: str) -> bool:
        return name in self.arrays

    @property
    def config(self) -> dict:
        return json.loads(str(self.arrays["config"]))

    @property
    def weights(self) -> dict[str, Tensor]:
        tensors = {name.removeprefix("sd/"): self[name] for name in self.arrays if name.startswith("sd/")}
        return {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference data; skips, and says why, where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"no reference data at {SHARED} (set SRBENCH_SHARED)")
    return SHARED


@pytest.fixture(scope="session")
def parity(shared: Path) -> Callable[[str], Parity]:
    """parity("abl_scse") reads reference/parity/abl_scse.npz."""

    def read(name: str) -> Parity:
        with np.load(shared / "reference" / "parity" / f"{name}.npz", allow_pickle=False) as file:
            return Parity({key: file[key] for key in file.files})

    return read


def assert_matches(output: Tensor, reference: Tensor) -> None:
    """Max abs error ≤ 1e-5 × max|reference|, the tolerance of the parity files."""
    torch.testing.assert_close(output, reference, rtol=0, atol=1e-5 * reference.abs().max().item())


@pytest.fixture
def plan() -> Callable[..., RunSpec]:
    """plan("model=carn", "scale=4"): the run that these words of a command line describe."""
    return lambda *words: compose_run([*words])


@pytest.fixture
def carn(plan, tmp_path, monkeypatch):
    """carn("seed=1"): a tiny one, trained for two steps on three images and validated on one."""
    monkeypatch.chdir(tmp_path)
    for number, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (4, 40, 48, 3), np.uint8)):
        folder = tmp_path / ("hr/valid" if number == 3 else "hr")
        folder.mkdir(parents=True, exist_ok=True)
        write_image(folder / f"{number}.png", pixels)
    fixed = [*TINY, *SHORT, "data=folder", "data.root=hr", "eval.metrics=[psnr]", "eval.latency=false"]
    return lambda *words: plan(*fixed, *words)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Two test processes share two cores."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def usual_limit() -> None:
    """On pixels: a command in this process may have set another."""
    limit_pixels(MEGAPIXELS)
