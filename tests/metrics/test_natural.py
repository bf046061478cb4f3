"""NIQE against golden scores, its plain form and closed forms; the perceptual index against arithmetic."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy.io import savemat
from scipy.stats import laplace, norm

from benchmarks.metrics import niqe_block_by_block
from srbench.cli.data import get_data
from srbench.cli.verbs import DataGetVerb
from srbench.core.errors import UserError
from srbench.data.resize import imresize
from srbench.metrics.available import MetricUnavailable
from srbench.metrics.ma_model import check_ma_model
from srbench.metrics.metric_files import METRIC_FILES
from srbench.metrics.natural import (
    PI,
    _fit,
    _halve,
    _halve_in_float32,
    _luma,
    _model,
    niqe,
    niqe_pyiqa,
    perceptual_index,
)
from tests.http_server import Page, serve
from tests.metrics.conftest import CASES, read


@pytest.fixture
def photo(shared):
    return read(shared / "data" / "benchmark" / "Set5" / "HR" / "baby.png").copy()


@pytest.mark.parametrize(("image", "scale"), CASES)
def test_set5_scores_of_basicsr(image, scale, golden):
    sr, _, scores = golden(image, scale)
    assert niqe(sr, scale) == pytest.approx(scores["niqe_basicsr"], abs=5e-4)


@pytest.mark.parametrize(("image", "scale"), CASES)
def test_set5_scores_of_pyiqa(image, scale, golden):
    sr, _, scores = golden(image, scale)
    assert niqe_pyiqa(sr) == pytest.approx(scores["niqe_pyiqa"], abs=1e-5)


@pytest.mark.parametrize("grey", [0, 100, 255])
@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value")
def test_flat_bars_are_treated_as_in_the_plain_form(grey, photo):
    photo[:130] = photo[-130:] = grey
    assert niqe(photo, 4) == pytest.approx(niqe_block_by_block(_luma(photo[4:-4, 4:-4])), abs=1e-5)


def test_the_border_does_not_count(photo):
    framed = np.pad(photo, ((6, 6), (6, 6), (0, 0)), constant_values=255)
    assert niqe(framed, 6) == niqe(photo, 0)


def test_what_fills_no_block_does_not_count(photo):
    assert niqe(photo[: 2 * 96 + 95, : 3 * 96 + 95], 0) == niqe(photo[: 2 * 96, : 3 * 96], 0)


def test_noise_and_blur_are_less_natural_than_a_photo(photo):
    noisy = np.clip(photo + np.random.default_rng(0).normal(0, 25, photo.shape), 0, 255).astype(np.uint8)
    blurred = imresize(imresize(photo, 1 / 4), 4.0)
    assert niqe(photo, 0) + 2 < min(niqe(noisy, 0), niqe(blurred, 0))


def test_half_the_size_is_matlab_s():
    plane = np.random.default_rng(0).integers(0, 256, (96, 192)).astype(np.float64)
    np.testing.assert_allclose(_halve(plane), imresize(plane, 0.5), rtol=0, atol=1e-12)
    np.testing.assert_allclose(_halve_in_float32(plane), imresize(plane, 0.5), rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("distribution", "shape", "width"), [(norm, 2, 2**0.5), (laplace, 1, 1)], ids=["Gauss", "Laplace"]
)
def test_a_fit_finds_the_distribution_that_values_come_from(distribution, shape, width):
    """exp(−(|x| / β)^α) with α = 2 and β = σ √2 for a Gaussian, α = 1 and β = its scale for a Laplacian."""
    values = distribution.ppf((np.arange(9216) + 0.5) / 9216)
    skewed = np.where(values < 0, values, 1.5 * values)
    shapes, left, right, _ = _fit(np.stack([values, 3 * values, skewed]).reshape(3, 96, 96), _model())
    assert shapes[:2] == pytest.approx([shape, shape], abs=0.01)
    assert left == pytest.approx([width, 3 * width, width], rel=0.05)
    assert right == pytest.approx([width, 3 * width, 1.5 * width], rel=0.05)


@pytest.mark.parametrize(
    ("image", "border", "message"),
    [
        (np.zeros((96, 191, 3), np.uint8), 0, "96×192 pixels or more without the border, not 96×191"),
        (np.zeros((104, 199, 3), np.uint8), 4, "not 104×199 with a border of 4"),
        (np.zeros((20, 20, 3), np.uint8), 200, "border of 200"),
        (np.zeros((200, 200), np.uint8), 0, "shape"),
        (np.zeros((200, 200, 3)), 0, "float64"),
        (np.full((200, 200, 3), 9, np.uint8), 0, "of 4 blocks .* 4 are flat"),
    ],
)
def test_an_image_that_has_no_score_is_refused(image, border, message):
    with pytest.raises(ValueError, match=message):
        niqe(image, border)


def test_two_blocks_are_enough(photo):
    assert np.isfinite(niqe(photo[:104, :200], 4))


def test_the_perceptual_index_by_hand():
    assert perceptual_index(ma=8.5, niqe=3.25) == 2.375  # ½ (1.5 + 3.25)


def test_missing_weights_are_named_with_their_folders_and_the_fix(tmp_path):
    with pytest.raises(
        MetricUnavailable,
        match=r"^PI needs NRQM_model\.mat, looked for in .*; get it with: python -m srbench data get nrqm, or set",
    ) as error:
        PI([tmp_path, tmp_path / "cache"])
    assert f"{tmp_path}, {tmp_path / 'cache'}" in str(error.value)


def test_a_missing_pyiqa_is_named_with_the_fix(tmp_path, monkeypatch):
    (tmp_path / "NRQM_model.mat").touch()
    monkeypatch.setitem(sys.modules, "pyiqa", None)  # so that importing it fails, wherever this runs
    with pytest.raises(MetricUnavailable, match=r"pip install 'srbench\[pi\]' \(its licence is non-commercial\)$"):
        PI([tmp_path])


def write_ma_model(path, forests=3, fields=7):
    """As MATLAB's file: a struct of forests, each a struct, and of a linear model."""
    rf = np.empty((1, forests), object)
    for number in range(forests):
        rf[0, number] = {f"field{n}": np.zeros((2, 2)) for n in range(fields)}
    savemat(path, {"model": {"rf": rf, "linear": np.zeros((3, 1))}})


def test_a_file_that_holds_mas_model_is_taken(tmp_path):
    write_ma_model(tmp_path / "m.mat")
    check_ma_model(tmp_path / "m.mat")


@pytest.mark.parametrize("content", [b"", b"no model", bytes(4096), None])
def test_a_file_that_does_not_hold_mas_model_is_one_line(tmp_path, content, monkeypatch):
    monkeypatch.setattr("srbench.metrics.table.find_spec", lambda name: True)  # as if pyiqa were there
    path = tmp_path / "NRQM_model.mat"
    if content is None:
        savemat(path, {"x": np.ones(3)})
    else:
        path.write_bytes(content)
    with pytest.raises(MetricUnavailable) as error:
        PI([tmp_path])
    told = str(error.value)
    assert told.startswith(f"{path}: does not hold Ma's model (")
    assert told.endswith("); move it away, then get it with: python -m srbench data get nrqm")
    assert "\n" not in told


@pytest.mark.parametrize(("forests", "fields"), [(2, 7), (3, 4)])
def test_other_forests_are_not_mas_model(tmp_path, forests, fields):
    write_ma_model(tmp_path / "m.mat", forests, fields)
    with pytest.raises(ValueError, match="does not hold Ma's model"):
        check_ma_model(tmp_path / "m.mat")


def test_mas_model_is_fetched_checked_and_put_beside_the_other_weights(tmp_path, monkeypatch, capsys):
    write_ma_model(tmp_path / "theirs.mat")
    weights = tmp_path / "weights"
    with serve() as server:
        here = server.add("/m.mat", Page((tmp_path / "theirs.mat").read_bytes()))
        monkeypatch.setitem(METRIC_FILES, "nrqm", replace(METRIC_FILES["nrqm"], address=here))
        for _ in range(2):
            get_data(DataGetVerb(wanted="NRQM", data_root=tmp_path, weights_dir=[weights]))
    assert len(server.log) == 1
    assert (weights / "NRQM_model.mat").read_bytes() == (tmp_path / "theirs.mat").read_bytes()
    assert capsys.readouterr().out.endswith(f"nrqm: is there already ({weights / 'NRQM_model.mat'})\n")


def test_what_came_in_place_of_mas_model_is_not_kept(tmp_path, monkeypatch):
    with serve() as server:
        here = server.add("/m.mat", Page(b"<html>not found</html>"))
        monkeypatch.setitem(METRIC_FILES, "nrqm", replace(METRIC_FILES["nrqm"], address=here))
        with pytest.raises(UserError, match=r"NRQM_model\.mat: does not hold Ma's model .*; it was deleted: repeat"):
            get_data(DataGetVerb(wanted="nrqm", data_root=tmp_path, weights_dir=[tmp_path]))
    assert not (tmp_path / "NRQM_model.mat").exists()
