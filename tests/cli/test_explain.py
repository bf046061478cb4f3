"""`explain` on runs that srbench left itself."""

import pandas as pd
import pytest

from srbench.audits.conventions import CONVENTIONS
from srbench.cli.dispatch import perform
from srbench.core.errors import UserError
from tests.cli.conftest import TINY


def test_a_study_is_explained(srbench, monkeypatch, capsys):
    done = srbench(*srbench.data, *TINY)
    assert done.returncode == 0, done.stderr
    bicubic, carn = sorted(srbench.records("single"))
    scores = srbench.records("single")[carn]["scores"]["val"]
    done = srbench("explain", "runs/single", f"mine={scores['psnr']:.2f}")
    assert done.returncode == 0, done.stderr
    assert "note: " not in done.stdout
    assert f"  the run's protocol: {scores['psnr']:.3f} ({carn} val)" in done.stdout.splitlines()
    assert done.stdout.endswith("explain: reports/single/explain.md, reports/single/explain.csv\n")
    table = pd.read_csv(srbench.folder / "reports/single/explain.csv").set_index(["run", "convention"])
    assert len(table) == 2 * len(CONVENTIONS) + 2
    assert table.notna().all(axis=None)
    assert abs(table.loc[(carn, "the run's protocol"), "psnr"] - scores["psnr"]) < 2e-6
    assert abs(table.loc[(carn, "LR by matlab-symmetric"), "ssim"] - scores["ssim"]) < 2e-6
    assert table.loc[(carn, "LR by torch-bicubic"), "psnr"] != table.loc[(carn, "the run's protocol"), "psnr"]
    assert rf"\[2\] {carn}: y (luma, border scale)" in (srbench.folder / "reports/single/explain.md").read_text()

    monkeypatch.chdir(srbench.folder)
    perform(["explain", "runs/single", f"run={bicubic}", "dataset=val", "reports_dir=elsewhere"])
    assert len(pd.read_csv("elsewhere/single/explain.csv")) == len(CONVENTIONS) + 2
    (srbench.folder / "file").touch()
    with pytest.raises(UserError, match="reports_dir=file/x: file is no folder; set reports_dir=DIR"):
        perform(["explain", "runs/single", "reports_dir=file/x"])
    with pytest.raises(UserError, match="mine=good: a PSNR in dB is needed"):
        perform(["explain", "runs/single", "mine=good"])
