"""SR images in files against their HR images: which are pairs, and what does not fit."""

import numpy as np
import pytest

from srbench.core.errors import UserError
from srbench.data.images import write_image
from srbench.evaluation.sr_files import score_files, score_pairs
from srbench.metrics.protocol import Protocol
from srbench.metrics.scorer import make_scorer


def score(sr, hr, metrics):
    return score_files(score_pairs(sr, hr), 2, make_scorer(metrics, Protocol("rgb", "rgb"), []), lambda *_: None)


@pytest.fixture
def folders(tmp_path):
    rng = np.random.default_rng(0)
    for folder in ("sr", "hr"):
        (tmp_path / "x2" / folder).mkdir(parents=True)
    for name in ("a", "ab", "b"):
        hr = rng.integers(0, 256, (41, 32, 3), np.uint8)
        write_image(tmp_path / "x2" / "hr" / f"{name}.png", hr)
        noise = rng.integers(-3, 4, (40, 32, 3))
        write_image(tmp_path / "x2" / "sr" / f"{name}x2.png", np.clip(hr[:40] + noise, 0, 255).astype(np.uint8))
    return tmp_path / "x2" / "sr", tmp_path / "x2" / "hr"


def test_images_pair_by_name_and_hr_is_cropped(folders):
    table, missing = score(*folders, ["psnr", "ssim", "niqe"])
    assert list(table) == ["image", "psnr", "ssim"]
    assert list(table.image) == ["a", "ab", "b"]
    assert table.psnr.between(41, 43).all()  # uniform noise of variance 4
    (niqe,) = missing
    assert (niqe.what, niqe.kind) == ("niqe", "image")
    assert "96×192" in niqe.reason


def test_what_does_not_pair_or_fit_is_told(folders):
    sr, hr = folders
    write_image(hr / "b.png", np.zeros((42, 32, 3), np.uint8))
    with pytest.raises(UserError, match=r"bx2\.png is 32×40, .*b\.png 32×42 \(scale=2\)"):
        score(sr, hr, ["psnr"])
    (hr / "b.png").unlink()
    with pytest.raises(UserError, match=r"3 SR images for 2 HR images; .*bx2\.png is of no HR image"):
        score(sr, hr, ["psnr"])
    (sr / "ax2.png").unlink()
    with pytest.raises(UserError, match=r"no SR images for .*a\.png"):
        score(sr, hr, ["psnr"])
