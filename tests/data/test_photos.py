import pytest

from srbench.core.errors import UserError
from srbench.data import photos
from srbench.data.images import read_image
from srbench.data.resize import imresize
from srbench.metrics.protocol import Protocol
from srbench.metrics.scorer import make_scorer


def test_the_split_is_the_documented_one():
    data = photos.Photos()
    assert [file.stem for file in data.train()] == ["astronaut", "coffee", "motorcycle_left"]
    assert [file.stem for file in data.valid()] == [
        *("chelsea", "rocket", "grace_hopper"),
        *("camera", "coins", "brick", "grass", "gravel"),
    ]


def test_every_photograph_can_be_cut_into_patches():
    data = photos.Photos()
    assert all(min(read_image(file).shape[:2]) >= 256 for file in [*data.train(), *data.valid()])


def test_an_altered_photograph_is_refused(monkeypatch):
    monkeypatch.setitem(photos.VALID, "skimage/data/chelsea.png", "0" * 64)
    with pytest.raises(UserError, match=r"chelsea\.png is not the photograph that srbench knows"):
        photos.Photos().valid()


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_every_photograph_to_validate_on_has_every_score_at_every_scale(scale):
    scorer = make_scorer(["ssim", "niqe"], Protocol("y", "luma"), [])
    for file in photos.Photos().valid():
        hr = read_image(file)
        hr = hr[: hr.shape[0] // scale * scale, : hr.shape[1] // scale * scale]
        (found,) = scorer.of_images([(imresize(imresize(hr, 1 / scale), scale), hr, scale)])
        assert found.missing == (), file


def test_no_photograph_to_validate_on_is_trained_on_or_stands_there_twice():
    files = [*photos.TRAIN.values(), *photos.VALID.values()]
    assert len(set(files)) == 11
    assert len(photos.VALID) >= 8


def test_a_photograph_that_its_package_lacks_is_told_with_the_package(monkeypatch):
    monkeypatch.setitem(photos.VALID, "matplotlib/mpl-data/sample_data/none.jpg", "0" * 64)
    with pytest.raises(UserError, match=r"none\.jpg is missing; reinstall matplotlib by pip, or use data=folder"):
        photos.Photos().valid()
