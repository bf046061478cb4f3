"""Records, plans, scores and losses broken byte by byte: the rest of the study is told, and its numbers are its own."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis.strategies import lists, sampled_from

from srbench.core.errors import UserError
from srbench.experiments.store.standing import look
from srbench.experiments.store.study import open_study
from srbench.reports.report import build_report
from srbench.reports.write import write_files
from tests.cli.conftest import make_images
from tests.faults.fuzzing import breaks, broken, tries
from tests.reports.conftest import BASE, BASE_WORDS, OTHER, OTHER_WORDS, Builder, imaged

FILES = ("result.json", "scores.csv", "losses.csv", "progress.json", "heartbeat-1", "config.yaml", "plans")
LIGHT = ("result.json", "scores.csv", "progress.json", "heartbeat-1", "plans")


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """Two runs that are done, by two plans; files of the second are broken."""
    build = Builder(tmp_path_factory.mktemp("good") / "mine")
    for number, (place, words) in enumerate([(BASE, BASE_WORDS), (OTHER, OTHER_WORDS)]):
        name = build.run("carn", place, words=words, hashed=f"0{number}", left=imaged(set5=[30.0 + number, 31.0, 33.5]))
        build.write_losses(name, {"main": [1 / step for step in range(1, 40)]})
    run = next(build.folder.glob("carn-1-2-1-*"))
    (run / "config.yaml").write_text("model: {_target_: srbench.models.carn.CARN}\nscale: 2\n")
    (run / "progress.json").write_text('{"part": "train", "stage": "loss 0.1", "done": 7, "total": 50, "rate": 0.5}')
    (run / "heartbeat-1").write_text('{"host": "a", "pid": 1, "machine": "b", "born": "c", "claim": "d"}')
    return build.folder


def victim(study: Path, name: str) -> Path:
    """The file of that name of the run that is broken, or the plan that only it is in."""
    if name == "plans":
        return sorted((study / "plans").iterdir())[-1]
    return next(study.glob("carn-1-2-1-*")) / name


def with_broken(study: Path, name: str, how: list, to: Path) -> Path:
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(study, to)
    path = victim(to, name)
    content = path.read_bytes()
    for one in how:
        content = broken(content, one)
    path.write_bytes(content)
    return to


@tries(100)
@given(name=sampled_from(LIGHT), how=lists(breaks, min_size=1, max_size=2))
def test_whatever_is_broken_the_other_run_keeps_its_state_and_its_scores(study, tmp_path, name, how):
    standing = look(with_broken(study, name, how, tmp_path / "mine"))
    base = next(one for one in standing.runs if one.run.name.startswith("carn-1-1-1"))
    assert base.state == "done"
    assert base.run.record.scores["set5"]["psnr"] == 31.5
    assert all("\n" not in line for line in standing.study.strange)
    assert all("\n" not in one.run.error for one in standing.runs)


@tries(12)
@given(name=sampled_from(FILES), how=lists(breaks, min_size=1, max_size=2))
def test_whatever_is_broken_the_report_is_written_with_the_other_runs_numbers(study, tmp_path, name, how):
    folder = with_broken(study, name, how, tmp_path / "mine")
    report = build_report(open_study(folder))
    found = [row for row in report.rows if row.variant == "1-1-1"]
    assert [score.mean for row in found for column, score in row.scores.items() if column.metric == "psnr"][:1] == [
        31.5
    ]
    write_files(report, tmp_path / "reports")


def test_a_study_in_a_folder_of_images_is_none(tmp_path):
    make_images(tmp_path / "plans", 1)
    with pytest.raises(UserError, match=r"plans/0\.png|no study") as told:
        look(tmp_path)
    assert len(str(told.value).splitlines()) == 1
