import pytest

from srbench.core.errors import UserError
from srbench.data import photos
from srbench.data.images import read_image


def test_the_split_is_the_documented_one():
    data = photos.Photos()
    assert [file.stem for file in data.train()] == ["astronaut", "coffee", "motorcycle_left"]
    assert [file.stem for file in data.valid()] == ["chelsea", "rocket"]


def test_every_photograph_can_be_cut_into_patches():
    data = photos.Photos()
    assert all(min(read_image(file).shape[:2]) >= 256 for file in [*data.train(), *data.valid()])


def test_an_altered_photograph_is_refused(monkeypatch):
    monkeypatch.setitem(photos.VALID, "chelsea.png", "0" * 64)
    with pytest.raises(UserError, match=r"chelsea\.png is not the photograph that srbench knows"):
        photos.Photos().valid()
