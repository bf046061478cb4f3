"""Pairs with a degradation: what is made of which file, and what the scores say of it."""

import numpy as np
import pytest

from srbench.core.errors import UserError
from srbench.data.catalog.catalog import catalogue
from srbench.data.chains import parse_degradation
from srbench.data.folders import benchmark_pairs
from srbench.data.images import write_image
from srbench.data.pairs import ImagePair, digests, lr_source, shrink, sizes_fit
from srbench.data.resize import imresize
from srbench.data.resizers import RESIZERS

RANDOM = np.random.default_rng(0)
HR = RANDOM.integers(0, 256, (17, 21, 3), np.uint8)
LR = RANDOM.integers(0, 256, (8, 10, 3), np.uint8)  # nobody's LR of that HR: what is read shows


@pytest.fixture
def pair(tmp_path):
    """A pair degraded as given, with or without an LR file."""
    write_image(tmp_path / "a.png", HR)
    write_image(tmp_path / "ax2.png", LR)

    def make(degradation, file=True, scale=2):
        lr_file = tmp_path / "ax2.png" if file else None
        return ImagePair("a", tmp_path / "a.png", lr_file, scale, parse_degradation(degradation))

    return make


def test_without_a_resizer_the_lr_file_is_degraded(pair):
    lr, hr = pair("blur").read()
    np.testing.assert_array_equal(lr, parse_degradation("blur")(LR, 2, np.random.default_rng()))
    np.testing.assert_array_equal(hr, HR[:16, :20])
    assert lr_source([pair("blur")]).resizer == "file + gaussian-blur k=5 σ=1.5"


def test_where_there_is_no_file_our_lr_is_degraded(pair):
    lr, hr = pair("blur", file=False).read()
    np.testing.assert_array_equal(
        lr, parse_degradation("blur")(imresize(HR[:16, :20], 1 / 2), 2, np.random.default_rng())
    )
    np.testing.assert_array_equal(hr, HR[:16, :20])
    assert lr_source([pair("blur", file=False)]).resizer == "matlab-symmetric + gaussian-blur k=5 σ=1.5"


@pytest.mark.parametrize("file", [True, False])
def test_a_resizer_makes_lr_from_hr_whether_there_is_a_file_or_not(pair, file):
    lr, hr = pair("pil-lanczos", file).read()
    np.testing.assert_array_equal(lr, RESIZERS["pil-lanczos"](HR[:16, :20], 2))
    np.testing.assert_array_equal(hr, HR[:16, :20])
    assert lr_source([pair("pil-lanczos", file)]).resizer == "pil-lanczos"
    chain = lr_source([pair(["blur", "opencv-area", "jpeg"], file)])
    assert chain.resizer == "gaussian-blur k=5 σ=1.5 + opencv-area + jpeg q=75"


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_sizes_fit_at_every_scale(pair, scale):
    lr, hr = pair(["blur", "torch-bicubic", "noise"], file=False, scale=scale).read()
    assert hr.shape == (17 // scale * scale, 21 // scale * scale, 3)
    assert lr.shape == (17 // scale, 21 // scale, 3)


def test_a_pair_is_the_same_at_each_reading(pair):
    first, second = pair("noise"), pair([{"noise": {"sigma": 0.1}}])
    np.testing.assert_array_equal(first.read()[0], first.read()[0])
    np.testing.assert_array_equal(first.read()[0], second.read()[0])


def test_a_pair_without_degradation_is_as_it_was(pair):
    np.testing.assert_array_equal(pair(None).read()[0], LR)
    assert lr_source([pair(None)]).resizer == "file"
    assert lr_source([pair(None, file=False)]).resizer == "matlab-symmetric"


def test_an_image_smaller_than_the_scale_is_named(pair):
    with pytest.raises(UserError, match=r"a\.png: 21×17 is smaller than scale=18"):
        pair("pil-bicubic", scale=18).read()


@pytest.mark.parametrize(
    ("hr", "fits"),
    [((16, 20), True), ((17, 21, 3), True), ((18, 20), False), ((16, 22), False), ((15, 20), False), ((16, 19), False)],
)
def test_hr_may_exceed_sr_by_less_than_the_scale(hr, fits):
    assert sizes_fit(hr, (16, 20, 3), 2) == fits


def test_digests_are_the_catalogues_and_of_what_is_used(shared, pair):
    known = {folder.path: folder.digest for folder in catalogue()["set5"].folders}
    found = digests(benchmark_pairs(shared / "data", "Set5", 3))
    assert found == (known["benchmark/Set5/HR"], known["benchmark/Set5/LR_bicubic/X3"])
    assert digests([pair(None, file=False)])[1] is None
    assert digests([pair("pil-bicubic")])[1] is None  # makes LR from HR: the file is not read
    assert digests([pair("blur")])[1] == digests([pair(None)])[1]


def test_a_cache_that_cannot_be_written_costs_time_only(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    np.testing.assert_array_equal(shrink(HR[:16, :20], 2), imresize(HR[:16, :20], 1 / 2))
