"""Scores of images that are there, as somebody else's network has left them."""

import numpy as np
import pandas as pd
import pytest

from srbench.cli.score import score
from srbench.core.errors import UserError
from srbench.data.images import write_image


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
    table, missing = score(*folders, 2, ["psnr", "ssim", "niqe"], "rgb", "")
    assert list(table) == ["image", "psnr", "ssim"]
    assert list(table.image) == ["a", "ab", "b"]
    assert table.psnr.between(41, 43).all()  # uniform noise of variance 4
    assert "96×192" in missing["niqe"]


def test_what_does_not_pair_or_fit_is_told(folders):
    sr, hr = folders
    write_image(hr / "b.png", np.zeros((42, 32, 3), np.uint8))
    with pytest.raises(UserError, match=r"bx2\.png is 32×40, .*b\.png 32×42 \(scale=2\)"):
        score(sr, hr, 2, ["psnr"], "y", "")
    (hr / "b.png").unlink()
    with pytest.raises(UserError, match=r"3 SR images for 2 HR images; .*bx2\.png is of no HR image"):
        score(sr, hr, 2, ["psnr"], "y", "")
    (sr / "ax2.png").unlink()
    with pytest.raises(UserError, match=r"no SR images for .*a\.png"):
        score(sr, hr, 2, ["psnr"], "y", "")
    with pytest.raises(UserError, match="protocol=yy: no such protocol, did you mean y"):
        score(sr, hr, 2, ["psnr"], "yy", "")


def test_the_command_prints_a_table_and_writes_it(srbench, shared):
    golden = shared / "reference/metrics"
    sr = srbench.folder / "bicubic"
    sr.mkdir()
    for path in golden.glob("*_bicubic_x4.png"):
        (sr / path.name).symlink_to(path)
    hr = shared / "data/benchmark/Set5/HR"
    words = ["scale=4", "metrics=psnr,niqe", f"out={srbench.folder / 'scores.csv'}"]
    done = srbench("score", str(sr), str(hr), *words)
    assert done.returncode == 0, done.stderr
    assert "28.4302" in done.stdout.splitlines()[-1]
    table = pd.read_csv(srbench.folder / "scores.csv")
    expected = {
        row["image"]: row for row in pd.read_json(golden / "set5_bicubic.json").to_dict("records") if row["scale"] == 4
    }
    for row in table.itertuples():
        assert row.psnr == pytest.approx(expected[row.image]["psnr_y"], abs=1e-6)
        assert row.niqe == pytest.approx(expected[row.image]["niqe_basicsr"], abs=0.005)
