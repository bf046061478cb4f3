"""What a row was trained on, in the head, in notes and in the CSV."""

import csv
from typing import Any

from srbench.experiments.store.record import StageRecord, Training, TrainingData
from srbench.reports.comma_separated import table_csv
from srbench.reports.markdown import to_markdown
from tests.builders import certificate
from tests.reports.conftest import BASE, FIXED, OTHER, OTHER_WORDS, row, scored

SPEED: dict[str, Any] = {"steps_per_second": 7.5, "data_wait": 0.0, "final_loss": 0.02, "sessions": ()}
PHOTOS = TrainingData("photos", 3, "aabbccddeeff00112233")
TEXT = "photos (3 images, SHA-256 aabbccddeeff), recipe supervised, 500 steps of 8 patches of 64 pixels of HR a side"


def training(data: TrainingData = PHOTOS, *steps: int, recipe: str | None = "supervised") -> Training:
    names = ("pixel", "gan")
    stages = [
        StageRecord(name=names[n], steps=count, batch_size=8, hr_patch=64, training_data=data, **SPEED)
        for n, count in enumerate(steps or (500,))
    ]
    return Training(steps=sum(stage.steps for stage in stages), stages=tuple(stages), training_data=data, recipe=recipe)


def lines(report) -> list[dict[str, str]]:
    return list(csv.DictReader(table_csv(report).splitlines()))


def facts(report) -> dict[str, str]:
    return dict(report.facts)


def test_where_all_rows_agree_it_is_one_line_in_the_head(build):
    build.run("carn", BASE, hashed="0", left=scored(37.0).with_facts(train=training()))
    build.run("carn", OTHER, hashed="1", words=OTHER_WORDS, left=scored(37.5).with_facts(train=training()))
    report = build.report()
    assert facts(report)["trained on"] == TEXT
    assert f"- trained on: {TEXT}" in to_markdown(report)
    assert [one.remarks for one in report.rows] == [(), ()]


def test_where_rows_differ_each_says_what_it_was_trained_on(build):
    other = TrainingData("folder", 9, "99887766554433221100")
    build.run("carn", hashed="0", left=scored(37.0).with_facts(train=training()))
    build.run("mossnet", hashed="1", left=scored(37.5).with_facts(train=training(other, 100, 50, recipe=None)))
    report = build.report()
    assert facts(report)["trained on"] == "not all alike: see the notes on the models"
    assert row(report).remarks == (f"trained on {TEXT}",)
    told = "folder (9 images, SHA-256 998877665544), recipe not recorded, 100 then 50 steps of 8 patches of 64"
    assert row(report, model="mossnet").remarks[0].startswith(f"trained on {told}")
    assert f"</sup> trained on {TEXT}<br>" in to_markdown(report)


def test_other_images_of_the_same_name_and_number_are_not_the_same(build):
    other = TrainingData("photos", 3, "99887766554433221100")
    build.run("carn", hashed="0", left=scored(37.0).with_facts(train=training()))
    build.run("mossnet", hashed="1", left=scored(37.5).with_facts(train=training(other)))
    assert len({one.remarks for one in build.report().rows}) == 2


def test_the_csv_has_it_in_columns_of_its_own(build):
    build.run("carn", hashed="0", left=scored(37.0).with_facts(train=training()))
    build.run("bicubic", hashed="1", left=scored(33.0).with_facts(train=FIXED))
    bicubic, carn = lines(build.report())
    names = ("data", "images", "sha256", "recipe", "steps", "batch", "patch", "start")
    expected = ["photos", "3", "aabbccddeeff00112233", "supervised", "500", "8", "64", ""]
    assert [carn[f"train_{name}"] for name in names] == expected
    assert [bicubic[f"train_{name}"] for name in names] == [""] * len(names)


def test_a_study_without_training_has_no_such_columns(build):
    build.run("carn", left=scored(37.0).with_facts(train=FIXED))
    report = build.report()
    assert "train_data" not in lines(report)[0]
    assert "trained on" not in facts(report)


def test_weights_that_were_trained_further_are_not_the_published_ones(build):
    words = ("model=carn_m", "checkpoint=carn_m")
    build.run("carn_m", words=words, left=scored(37.6).with_facts(train=training()))
    report = build.report()
    assert row(report, model="carn_m").remarks == ("trained further from carn_m: no measurement of those weights",)
    assert facts(report)["trained on"] == f"{TEXT}, from carn_m"
    assert lines(report)[0]["train_start"] == "carn_m"


def test_weights_as_they_were_published_have_no_remark(build):
    build.run("carn_m", words=("model=carn_m", "checkpoint=carn_m"), left=scored(37.6).with_facts(train=FIXED))
    assert row(build.report(), model="carn_m").remarks == ()


def test_a_data_set_that_was_scored_after_an_edit_is_told(build):
    left = scored(37.0, set14=33.0).with_facts(own_code={"net.Mine": "aaaa"})
    code = {"set5": "aaaa", "set14": "bbbb"}
    certificates = {name: certificate(code={"net.Mine": digest}) for name, digest in code.items()}
    build.run("mine", left=left.with_facts(certificates=certificates))
    (only,) = build.report().rows
    assert only.remarks == ("set14 scored by net.Mine as edited since (bbbb, not aaaa)",)
