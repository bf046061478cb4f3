"""One report of several studies: whose rows are whose, what counts once, and what is not compared."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from scipy import stats

from srbench.core.errors import UserError
from srbench.experiments.store.joined_studies import LONGEST, join_studies
from srbench.experiments.store.study import Study, open_study
from srbench.reports.columns import ScoreColumn
from srbench.reports.report import Report, build_report
from srbench.reports.write import rewrite_report, write_files, write_report
from tests.builders import RGB
from tests.reports.conftest import (
    BASE,
    BASE_WORDS,
    ON_FILES,
    OTHER,
    OTHER_WORDS,
    Builder,
    Outcome,
    imaged,
    psnr,
    row,
    scored,
)


@pytest.fixture
def builders(tmp_path: Path) -> tuple[Builder, Builder]:
    """Two studies, `a` and `b`."""
    return Builder(tmp_path / "runs" / "a"), Builder(tmp_path / "runs" / "b")


def both(*builders: Builder) -> Study:
    return join_studies([builder.study() for builder in builders])


def report_of(*builders: Builder) -> Report:
    return build_report(both(*builders))


def test_rows_of_all_stand_in_one_table_each_with_its_study(builders, tmp_path):
    a, b = builders
    a.run("carn", left=scored(37.0), hashed="0")
    b.run("mdrn", left=scored(38.0), hashed="1")
    folder = write_files(report_of(a, b), tmp_path / "reports")
    assert folder == tmp_path / "reports" / "a+b"
    lines = list(csv.DictReader((folder / "table.csv").read_text().splitlines()))
    assert [(line["model"], line["study"], line["set5.psnr"]) for line in lines] == [
        ("carn", "a", "37.0"),
        ("mdrn", "b", "38.0"),
    ]
    assert "| Model | Variant | Scale | Study |" in (folder / "table.md").read_text()


def test_the_report_of_one_study_names_no_study(builders, tmp_path):
    a, _ = builders
    a.run("carn", left=scored(37.0))
    alone = write_files(a.report(), tmp_path / "alone")
    twice = write_files(report_of(a, a), tmp_path / "twice")
    assert (alone / "table.md").read_bytes() == (twice / "table.md").read_bytes()
    assert "study" not in (alone / "table.csv").read_text().splitlines()[0].split(",")


def test_an_ablation_goes_on_in_another_study(builders):
    a, b = builders
    a.run("carn", BASE, words=BASE_WORDS, hashed="0", left=imaged(set5=[37.0, 38.0]))
    b.run("carn", OTHER, words=OTHER_WORDS, hashed="1", left=imaged(set5=[37.25, 38.25]))
    report = report_of(a, b)
    assert psnr(report, "1-2-1").delta == pytest.approx(0.25)
    assert row(report, "1-2-1").label == "1-2-1 study=b"
    assert len(report.sections) == 1


def test_seeds_of_two_studies_are_one_row(builders):
    a, b = builders
    for seed, builder in enumerate(builders):
        builder.run("carn", BASE, words=BASE_WORDS, seed=seed, hashed=f"{seed}", left=scored(37.0 + seed))
    report = report_of(a, b)
    (one,) = report.rows
    assert (one.seeds, one.settings, psnr(report, "1-1-1").mean) == (2, {"study": "a, b"}, 37.5)


def test_a_run_that_lies_in_two_studies_counts_once_and_the_one_that_is_done(builders):
    a, b = builders
    words = {"words": BASE_WORDS, "hashed": "0"}
    a.run("carn", BASE, **words)
    b.run("carn", BASE, **words, left=scored(37.0))
    study = both(a, b)
    (run,) = study.runs
    assert (run.status, run.studies, run.folder.parent.name) == ("done", ("a", "b"), "b")
    assert study.strange == ("1 run lies in more than one of the studies; each counts once",)


def test_a_run_is_in_the_ablations_of_both_studies(builders):
    a, b = builders
    place = replace(OTHER, ablation="se", variant="none")
    name = a.run("carn", BASE, words=BASE_WORDS, hashed="0", left=scored(37.0))
    known = a.study().runs[0].planned
    b.plan({name: replace(known, memberships=(place,))})
    (run,) = both(a, b).runs
    assert run.memberships == (BASE, place)


def test_scores_on_other_data_sets_are_joined_where_the_weights_are_the_same(builders):
    a, b = builders
    for builder, left in zip(builders, (scored(30.0), Outcome({"set14": {"psnr": 28.0}})), strict=True):
        builder.run("bicubic", hashed="0", left=left.with_facts(weights_sha256=None))
    (run,) = both(a, b).runs
    assert run.record.scores == {"set5": {"psnr": 30.0}, "set14": {"psnr": 28.0}}


def test_scores_that_are_joined_have_their_intervals(builders):
    gains = [0.1, 0.2, 0.6]
    for builder, dataset in zip(builders, ("set5", "set14"), strict=True):
        same = {"weights_sha256": "1"}
        left = [imaged(**{dataset: [30.0 + gain for gain in more]}).with_facts(**same) for more in ([0.0] * 3, gains)]
        builder.run("carn", BASE, words=BASE_WORDS, hashed="0", left=left[0])
        builder.run("carn", OTHER, words=OTHER_WORDS, hashed="1", left=left[1])
    found = row(report_of(*builders), "1-2-1").scores
    limits = stats.ttest_1samp(gains, 0).confidence_interval()
    for dataset in ("set5", "set14"):
        figures = found[ScoreColumn(dataset, "psnr")]
        assert (figures.delta_low, figures.delta_high) == pytest.approx(tuple(limits), abs=1e-6)


def test_of_two_trainings_of_one_run_one_counts_and_that_is_said(builders):
    a, b = builders
    name = a.run("carn", hashed="0", left=scored(37.0).with_facts(weights_sha256="1"))
    b.run("carn", hashed="0", left=Outcome({"set14": {"psnr": 1.0}}).with_facts(weights_sha256="2"))
    study = both(a, b)
    assert study.runs[0].record.scores == {"set5": {"psnr": 37.0}}
    assert study.strange == (f"{name}: that of b differs in weights from that of a, and is not counted",)
    assert study.runs[0].studies == ("a",)


def test_a_network_that_was_edited_between_two_studies_is_no_copy_of_itself(builders):
    for builder, code, value in zip(builders, ("df4e", "ae12"), (37.0, 38.0), strict=True):
        name = builder.run("mine", hashed="0", left=scored(value).with_facts(own_code={"net.Mine": code}))
    study = both(*builders)
    assert study.strange == (f"{name}: that of b differs in code of its own from that of a, and is not counted",)
    assert [one.settings["study"] for one in build_report(study).rows] == ["a"]


def test_two_runs_of_one_name_are_not_taken_for_one(builders):
    a, b = builders
    name = a.run("carn", hashed="0", left=scored(37.0))
    b.run("carn", hashed="0", words=("model=carn", "x=1"), left=scored(38.0))
    study = both(a, b)
    assert [run.studies for run in study.runs] == [("a",)]
    assert study.strange == (f"{name} of b: another run than that of a; it is not counted",)


def test_what_may_not_be_compared_is_refused_as_within_a_study(builders):
    a, b = builders
    a.run("carn", hashed="0", left=scored(37.0))
    a.run("mdrn", hashed="1", left=scored(38.0))
    b.run("edsr", hashed="2", left=Outcome({"set5": {"psnr": 40.0}}, on=replace(ON_FILES, protocol=RGB)))
    report = report_of(a, b)
    assert [row.scores[report.columns[0]].mean for row in report.rows] == [37.0, 38.0, None]
    assert report.refusals[0].reason.startswith("scored by rgb (rgb, border scale)")


@pytest.mark.parametrize(("version", "held"), [("0.1.9", 39.0), ("0.2.0", None), ("1.1.0", None)])
def test_results_compare_within_one_major_minor_of_srbench(builders, version, held):
    a, b = builders
    a.run("carn", hashed="0", left=scored(37.0))
    a.run("mdrn", hashed="1", left=scored(38.0))
    b.run("edsr", hashed="2", left=scored(39.0).with_facts(versions={"srbench": version}))
    report = report_of(a, b)
    assert psnr(report, model="edsr").mean == held
    reasons = [one.reason for one in report.refusals]
    assert len(reasons) == (held is None)
    assert all(
        f", srbench {version[:3]}; this column holds" in one and one.endswith(", srbench 0.1") for one in reasons
    )


def test_an_ablation_that_differs_is_told(builders):
    a, b = builders
    b.plan({}, {"atrous": {"title": "another"}})
    assert both(a, b).strange == ("ablation atrous: not the same in a, b; that of b is told",)


def test_studies_of_one_name_are_told_apart_by_their_folders(tmp_path):
    one, other = Builder(tmp_path / "here" / "mine"), Builder(tmp_path / "there" / "mine")
    one.run("carn", hashed="0", left=scored(37.0))
    other.run("mdrn", hashed="1", left=scored(37.0))
    study = both(one, other)
    assert [run.studies for run in study.runs] == [(str(one.folder),), (str(other.folder),)]
    assert "/" not in study.name


def test_the_name_of_many_studies_is_one_that_a_folder_can_have(tmp_path):
    builders = [Builder(tmp_path / f"{number}-{'x' * 20}") for number in range(20)]
    name = both(*builders).name
    assert len(name) <= LONGEST
    assert name.startswith(f"0-{'x' * 20}+19-more-")
    assert name != both(*builders[::-1]).name


def test_the_report_of_two_studies_does_not_replace_that_of_a_third_of_that_name(builders, tmp_path):
    a, b = builders
    third = Builder(tmp_path / "runs" / "a+b")
    for number, builder in enumerate((a, b, third)):
        builder.run("carn", hashed=f"{number}", left=scored(37.0))
    folder = write_report(third.folder, tmp_path / "reports")
    with pytest.raises(UserError, match=r"a\+b: holds the report of .*a\+b, another study"):
        write_files(report_of(a, b), tmp_path / "reports")
    rewrite_report(third.folder, tmp_path / "reports")
    assert folder.name == "a+b"


def test_a_study_that_is_added_does_not_change_how_the_first_is_read(builders):
    a, b = builders
    a.run("carn", hashed="0", left=scored(37.0))
    before = open_study(a.folder)
    both(a, b)
    assert open_study(a.folder) == before
