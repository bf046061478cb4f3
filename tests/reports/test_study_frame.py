"""A study as one table in long form."""

from math import isnan

import pytest
from pandas.testing import assert_frame_equal

from srbench.core.errors import UserError
from srbench.core.progress import silent
from srbench.experiments.store.packs import pack_study
from srbench.metrics.figures import Cost
from srbench.metrics.missing import Missing
from srbench.reports.study_frame import read_study
from tests.builders import latency
from tests.reports.conftest import BASE, OTHER, Outcome

SE = BASE.__class__("se", "none", True)


def test_each_figure_has_a_row(build):
    left = Outcome(images={"set5": [33.0, 34.0]})
    build.run("carn", OTHER, left=left.with_facts(cost=Cost(params=964_163), latency=(latency(),)))
    table = read_study(str(build.folder))
    psnr = table[table.metric == "psnr"].iloc[0]
    assert (psnr.study, psnr.status, psnr.model, psnr["class"]) == (build.folder.name, "done", "carn", "CARN")
    assert (psnr.ablation, psnr.variant, psnr.baseline, psnr.scale, psnr.seed) == ("atrous", "1-2-1", False, 2, 0)
    assert (psnr.dataset, psnr.value, psnr.reason) == ("set5", 33.5, "")
    assert psnr.certificate.startswith("y (luma, border scale), 2 images (LR: file), HR aaaa")
    values = table.set_index("metric").value
    assert (values["params"], values["latency_ms"]) == (964_163, 38.5)


def test_a_pack_gives_what_its_study_gives(build, tmp_path):
    build.run("carn", BASE, left=Outcome(images={"set5": [33.0, 34.0]}))
    expected = read_study(build.folder)
    pack_study(build.folder, tmp_path / "reports" / build.folder.name, tmp_path / "mine.zip", silent)
    assert_frame_equal(read_study(tmp_path / "mine.zip"), expected)


def test_a_shared_baseline_stands_once_in_each_ablation(build):
    build.run("carn", BASE, SE, left=Outcome(images={"set5": [33.0]}))
    psnr = read_study(build.folder).query("metric == 'psnr'")
    assert list(zip(psnr.ablation, psnr.variant, psnr.baseline, strict=True)) == [
        ("atrous", "1-1-1", True),
        ("se", "none", True),
    ]


def test_what_is_missing_has_its_reason(build):
    lacking = (Missing("lpips", "weights", "no weights"), Missing("set5.niqe", "image", "too small"))
    build.run("carn", OTHER, left=Outcome(images={"set5": [33.0]}).with_facts(missing=lacking))
    build.run("carn", BASE, left=Outcome().with_facts(status="failed", error="it diverged"))
    build.run("carn", hashed="11112222")
    table = read_study(build.folder)
    told = table[table.value.isna()]
    found = list(zip(told.status, told.dataset, told.metric, told.reason, strict=True))
    assert found == [
        ("done", "", "lpips", "no weights"),
        ("done", "set5", "niqe", "too small"),
        ("failed", "", "", "it diverged"),
        ("missing", "", "", "not run yet"),
    ]
    assert all(map(isnan, told.value))


def test_no_study_is_told(tmp_path):
    with pytest.raises(UserError, match="no such study"):
        read_study(tmp_path / "runs/none")
