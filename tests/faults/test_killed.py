"""Two stages with other batches, patches, losses and learning rates, killed by SIGKILL: at five places, and whenever
the disk is touched."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from srbench.recipes.fit import fit
from tests.faults.training_to_kill import PLACES, TOUCHES
from tests.recipes.toys import a_session, small_carn, two_stages, weights

LEFT = {
    "first stage": {"last.ckpt"},
    "rows ahead": {"last.ckpt"},
    "half a checkpoint": {"last.ckpt", "partial"},
    "between": {"1-pixel.safetensors"},
    "second stage": {"last.ckpt", "1-pixel.safetensors"},
}


def left(folder: Path) -> set[str]:
    """What lies there beside rows."""
    names = {path.name for path in folder.rglob("*") if path.is_file()} - {"losses.csv", "validation.csv"}
    return {"partial" if name.startswith(".") else name for name in names}


@pytest.fixture(scope="module")
def calm(files, tmp_path_factory):
    """The folder of an uninterrupted training, and its result."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("calm")
    result, _ = fit(small_carn(), two_stages(files), folder, a_session())
    stages = [line.partition(",")[0] for line in (folder / "losses.csv").read_text().splitlines()]
    assert stages == ["stage", *["pixel"] * 12, *["detail"] * 10]
    return folder, result


@pytest.fixture(scope="module")
def killed(files, tmp_path_factory):
    """Holds a folder for each of PLACES and TOUCHES."""
    folder = tmp_path_factory.mktemp("killed")
    words = [sys.executable, "-m", "tests.faults.training_to_kill", str(folder), str(files[0].parent)]
    done = subprocess.run(words, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("place", PLACES)
def test_a_training_that_is_killed_leaves_what_it_can_go_on_with(killed, place):
    assert left(killed / place) == LEFT[place]


@pytest.mark.parametrize("place", [*PLACES, *map(str, TOUCHES)])
def test_a_killed_training_goes_on_to_the_same_end(files, calm, killed, place, tmp_path):
    (expected_folder, expected), folder = calm, shutil.copytree(killed / place, tmp_path / place)
    result, _ = fit(small_carn(), two_stages(files), folder, a_session())
    assert torch.equal(weights(result), weights(expected))
    for name in ("losses.csv", "validation.csv"):
        assert (folder / name).read_bytes() == (expected_folder / name).read_bytes()
    assert left(folder) == {"1-pixel.safetensors", "2-detail.safetensors"}
