"""Images in one file that is mapped."""

import numpy as np
import pytest

from srbench.core.progress import silent
from srbench.data.memmap import Pile, build, images

IMAGES = {name: np.full((4, 5, 3), value, np.uint8) for name, value in (("a", 1), ("b", 2))}
TASKS = [((name,), (name,)) for name in IMAGES]


def make(name):
    return [IMAGES[name]]


@pytest.fixture
def pile(tmp_path):
    """One that is whole."""
    made = Pile(tmp_path / "pile", {name: image.shape[:2] for name, image in IMAGES.items()}, {"of": "a test"})
    build(made, make, TASKS, 1, silent)
    return made


def test_a_pile_holds_its_images(pile):
    assert pile.is_whole
    assert all((found == IMAGES[name]).all() for name, found in images(pile.folder).items())


@pytest.mark.parametrize("content", [b"", b"half", None])
@pytest.mark.parametrize("name", ["pixels.npy", "index.json"])
def test_a_pile_that_was_cut_off_is_made_again(pile, name, content):
    file = pile.folder / name
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    assert not pile.is_whole
    build(pile, make, TASKS, 1, silent)
    test_a_pile_holds_its_images(pile)
