from dataclasses import replace

import pytest

from srbench.experiments.literature import entries
from srbench.experiments.store.results import add_to_plan
from srbench.reports.comparison import comparison
from srbench.reports.markup import to_latex, to_markdown
from srbench.reports.published import published

ENTRY = {
    "checkpoint": "mdrn",
    "model": "mdrn",
    "network": "MDRN",
    "source": "slides",
    "reason": {"set14": "another LR", "any": "rounded luma"},
    "scores": {"2": {"set5": {"psnr": 38.0, "ssim": 0.96}, "set14": {"psnr": 33.0}, "b100": {"psnr": 32.0}}},
}


@pytest.fixture
def study(build, scored):
    record = scored(38.01, set14=33.05, b100=32.4, urban100=30.0)
    build.run("mdrn", hashed="0", scale=2, overrides=["model=mdrn", "checkpoint=mdrn"], record=record)
    build.run("mdrn", hashed="1", scale=3, overrides=["model=mdrn", "checkpoint=mdrn"], record=scored(34.0))
    build.run("mdrn", hashed="2", scale=2, seed=1, overrides=["model=mdrn"], record=scored(38.2))
    plan = {"study": "study", "published": {"mdrn": [ENTRY]}, "runs": {}}
    add_to_plan(build.folder, plan)
    return build.study()


def test_each_published_score_stands_beside_the_measured_one(study):
    table = published(study).set_index(["scale", "dataset"])
    assert len(table) == 5  # the run without published weights has no row
    assert list(table.loc[2].difference) == pytest.approx([0.01, 0.05, 0.4, float("nan")], nan_ok=True)
    verdicts = ["within 0.01 dB", "within 0.05 dB", "beyond", "nothing published"]
    assert list(table.loc[2].verdict) == verdicts
    assert list(table.loc[2].reason) == ["", "another LR", "rounded luma", ""]
    assert table.loc[(3, "set5"), "verdict"] == "nothing published"


def test_a_silent_source_says_nothing_where_another_speaks(build, scored):
    silent = {**ENTRY, "source": "paper", "scores": {}}
    build.run("mdrn", hashed="0", overrides=["checkpoint=mdrn"], record=scored(38.01))
    add_to_plan(build.folder, {"study": "study", "published": {"mdrn": [silent, ENTRY]}, "runs": {}})
    assert list(published(build.study()).source) == ["slides"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"protocol": "rgb (rgb, border scale)"},
            "published under luma with border = scale, measured under rgb (rgb, border scale)",
        ),
        (
            {"protocol": "y (luma, border 0)"},
            "published under luma with border = scale, measured under y (luma, border 0)",
        ),
        (
            {"protocol": "y (luma, border scale), self-ensemble ×8"},
            "published under luma with border = scale, measured under y (luma, border scale), self-ensemble ×8",
        ),
        ({"resizer": "file, file + noise"}, "published for LR by MATLAB's bicubic, measured on file + noise"),
    ],
)
def test_a_run_under_other_conditions_is_not_compared(change, reason, study):
    runs = study.runs.assign(**change)
    table = published(replace(study, runs=runs)).set_index(["scale", "dataset"])
    assert table.loc[2].difference.isna().all()
    assert list(table.loc[2].verdict) == ["not comparable"] * 3 + ["nothing published"]
    assert set(table.loc[2].reason) == {reason, ""}


@pytest.mark.parametrize(
    ("maker", "verdict"),
    [("pil-bicubic", "not comparable"), ("matlab-replicate and opencv-cubic", "beyond"), ("unknown", "beyond")],
)
def test_lr_files_by_another_resizer_are_not_compared(maker, verdict, build, scored):
    record = scored(37.0) | {"lr_made_by": {"set5": maker}}
    build.run("mdrn", hashed="0", overrides=["checkpoint=mdrn"], record=record)
    add_to_plan(build.folder, {"study": "study", "published": {"mdrn": [ENTRY]}, "runs": {}})
    (row,) = published(build.study()).itertuples()
    assert row.verdict == verdict
    told = f"published for LR by MATLAB's bicubic, measured on LR files by {maker}"
    assert (row.reason == told) == (verdict == "not comparable")


def test_the_table_is_in_the_reports(study):
    table = comparison(study)
    text = to_markdown(table, study)
    assert "## Published against measured" in text
    assert "| ×2 | set14 | 33.00 | – | 33.0500 |" in text
    assert "within 0.05 dB<sup>" in text
    assert "another LR" in to_latex(table, study)


def test_every_published_score_has_a_source_and_lies_in_the_range_of_luma_psnr():
    found = entries(["carn_m", "mdrn", "safmn", "gfmn", "safmn_ntire", "mdrn_s"])
    assert set(found) == {"bicubic", "carn_m", "mdrn", "safmn", "gfmn", "safmn_ntire", "mdrn_s"}
    for entry in (entry for several in found.values() for entry in several):
        assert entry["source"]
        for scores in (s for sets in entry["scores"].values() for s in sets.values()):
            assert 24 < scores["psnr"] < 40
            assert 0.7 < scores.get("ssim", 0.9) < 1
    assert entries([None]) == {}
