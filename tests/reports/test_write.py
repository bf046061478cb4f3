"""The files of a report."""

import shutil
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from srbench.core.errors import UserError
from srbench.experiments.store.record import Membership
from srbench.experiments.store.study import open_study
from srbench.reports.report import build_report
from srbench.reports.report_place import ReportOptions
from srbench.reports.write import rewrite_report, write_files, write_report
from tests.reports.conftest import BASE, OTHER, Outcome, scored

FILES = ["curves.png", "curves.svg", "index.html", "report.json", "table.csv", "table.md", "table.tex"]


def eight_runs(build) -> None:
    noise = np.random.default_rng(0)
    for model, rates in (("carn", ["1-1-1", "1-2-1", "2-4-2", "1-3-1"]), ("mossnet", ["1-1", "2-4", "1-2", "4-4"])):
        for place, variant in enumerate(rates):
            losses = (0.02 + 0.1 * np.exp(-np.arange(3000) / 300)) * noise.lognormal(0, 0.2, 3000)
            left = Outcome({"set5": {"psnr": 37.0 + place / 10}}, losses=losses.tolist())
            build.run(model, Membership("atrous", variant, place == 0), hashed=f"{place}", left=left)


def test_a_report_is_tables_and_curves(build, tmp_path):
    eight_runs(build)
    folder = write_report(build.folder, tmp_path / "reports")
    assert folder == tmp_path / "reports" / "mine"
    assert sorted(path.name for path in folder.iterdir()) == FILES
    table = pd.read_csv(folder / "table.csv")
    assert table.variant.tolist() == ["1-1-1", "1-2-1", "2-4-2", "1-3-1", "1-1", "2-4", "1-2", "4-4"]
    assert table["set5.psnr.delta"].round(6).tolist() == [0, 0.1, 0.2, 0.3] * 2


def test_curves_are_pictures_small_enough_to_mail(build, tmp_path):
    eight_runs(build)
    folder = write_report(build.folder, tmp_path)
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "curves.svg").stat().st_size < 400_000
    ET.parse(folder / "curves.svg")


def test_equal_runs_give_equal_bytes(build, tmp_path):
    eight_runs(build)
    first, second = (write_report(build.folder, tmp_path / name) for name in ("one", "two"))
    for name in FILES:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_a_report_that_was_built_is_written_without_its_records(build, tmp_path):
    build.run("carn", left=scored(37.0))
    report = build_report(open_study(build.folder))
    build.folder.rename(build.folder.with_name("gone"))
    folder = write_files(report, tmp_path)
    assert ",37.0," in (folder / "table.csv").read_text()


def test_a_study_without_training_has_no_curves_not_even_old_ones(build, tmp_path):
    left = Outcome({"set5": {"psnr": 37.0}}, losses=[1.0, 0.5])
    name = build.run("carn", left=left)
    folder = write_report(build.folder, tmp_path)
    assert (folder / "curves.svg").exists()
    (build.folder / name / "losses.csv").unlink()
    write_report(build.folder, tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == [name for name in FILES if not name.startswith("curves")]


def test_no_study_is_the_users_mistake_and_leaves_no_folder(tmp_path):
    with pytest.raises(UserError, match="no such study"):
        write_report(tmp_path / "runs" / "mine", tmp_path / "reports")
    assert not (tmp_path / "reports").exists()


def test_a_half_written_record_does_not_stop_the_report(build, tmp_path):
    build.run("carn", BASE, hashed="0", left=scored(37.0))
    name = build.run("carn", OTHER, hashed="1", left=scored(37.5))
    path = build.folder / name / "result.json"
    path.write_bytes(path.read_bytes()[:40])
    text = (write_report(build.folder, tmp_path) / "table.md").read_text()
    assert "failed: result.json: cannot be read (" in text
    assert "| carn | 1-2-1 | ×2 | –" in text


def test_a_report_is_written_again_as_it_was_asked_for(build, tmp_path):
    build.run("carn", left=scored(37.0))
    folder = write_report(build.folder, tmp_path, ReportOptions("carn"))
    asked = (folder / "table.csv").read_bytes()
    for name in {*FILES} - {"report.json"}:
        (folder / name).unlink(missing_ok=True)
    rewrite_report(build.folder, tmp_path)
    assert b"ntire_score" in asked
    assert (folder / "table.csv").read_bytes() == asked
    assert (folder / "table.md").exists()


def test_a_report_that_is_asked_for_anew_forgets_how_it_was_asked_for(build, tmp_path):
    build.run("carn", left=scored(37.0))
    write_report(build.folder, tmp_path, ReportOptions("carn"))
    folder = write_report(build.folder, tmp_path)
    rewrite_report(build.folder, tmp_path)
    assert b"ntire_score" not in (folder / "table.csv").read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == [name for name in FILES if not name.startswith("curves")]


@pytest.mark.parametrize("content", [b"", b"[]", b'{"ntire": 1}', b"[" * 10**5])
def test_what_says_nothing_of_how_a_report_was_asked_for_stops_none(build, tmp_path, content):
    build.run("carn", left=scored(37.0))
    folder = write_report(build.folder, tmp_path, ReportOptions("carn"))
    (folder / "report.json").write_bytes(content)
    rewrite_report(build.folder, tmp_path)
    assert b"ntire_score" not in (folder / "table.csv").read_bytes()


def test_a_report_is_not_replaced_by_that_of_another_study_of_the_same_name(build, tmp_path):
    build.run("carn", left=scored(37.0))
    folder = write_report(build.folder, tmp_path / "reports")
    before, copy = (folder / "table.csv").read_bytes(), tmp_path / "other" / build.folder.name
    shutil.copytree(build.folder, copy)
    with pytest.raises(UserError, match=r"reports/mine: holds the report of .*mine, another study of that name than"):
        write_report(copy, tmp_path / "reports")
    assert (folder / "table.csv").read_bytes() == before
    shutil.rmtree(build.folder)  # the copy is where the study has been moved to
    assert write_report(copy, tmp_path / "reports") == folder
