"""python -m srbench score: images that are there, as somebody else's network has left them."""

import pandas as pd
import pytest


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


def test_a_set_of_metrics_is_asked_for_by_its_name(srbench, shared):
    sr = shared / "reference/metrics/baby_bicubic_x4.png"
    hr = shared / "data/benchmark/Set5/HR/baby.png"
    done = srbench("score", str(sr), str(hr), "scale=4", "metrics=psnr,perceptual", f"weights_dir={shared / 'weights'}")
    assert done.returncode == 0, done.stderr
    heads, _, mean, *reasons = done.stdout.splitlines()
    assert heads.split() == ["image", "psnr", "lpips", "niqe_pyiqa", "niqe"]
    assert mean.split()[:-1] == ["mean", "31.7845", "0.3025", "7.3098"]  # pyiqa: 7.309831
    assert [line.partition(":")[0] for line in reasons] == ["dists", "clipiqa", "maniqa", "musiq", "ntire_perceptual"]
