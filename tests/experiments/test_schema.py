"""What each key of a config refuses, what it takes for something else, and that the shipped config is right."""

import copy
import re
from typing import Any

import pytest
import yaml

from srbench.core.errors import UserError
from srbench.core.pixel_limit import MEGAPIXELS
from srbench.experiments.compose import compose_run
from srbench.experiments.schema import read_crops, read_keys

NULLABLE = {"checkpoint", "budget.steps", "budget.batch_size", "budget.hr_patch", "budget.val_every", "eval.tile"}
KEYS = {
    *(
        "scale",
        "seed",
        "precision",
        "device",
        "threads",
        "jobs",
        "mps",
        "study",
        "runs_dir",
        "reports_dir",
        "data_root",
    ),
    *("weights_dir", "labels", "force", "dry_run", "budget.length", "eval.datasets", "eval.metrics"),
    *("retries", "fail_fast"),
    *("eval.save_images", "eval.latency", "eval.overlap", "eval.memory_gb", "eval.self_ensemble", "max_megapixels"),
}


@pytest.fixture(scope="module")
def shipped() -> dict[str, Any]:
    return compose_run([]).config


def read(config, word):
    """The value of a key once the `word` of a command line is in the config."""
    config = copy.deepcopy(config)
    key, _, value = word.partition("=")
    group, _, name = key.rpartition(".")
    (config[group] if group else config)[name] = yaml.safe_load(value)
    keys = read_keys(config)
    return getattr(getattr(keys, group) if group else keys, name)


@pytest.mark.parametrize("key", sorted(KEYS))
def test_null_is_refused_where_it_means_nothing(shipped, key):
    with pytest.raises(UserError, match=rf"^{key}=(null|\[null\]): "):
        read(shipped, f"{key}=null")


@pytest.mark.parametrize("key", sorted(NULLABLE))
def test_null_is_taken_where_it_means_something(shipped, key):
    assert read(shipped, f"{key}=null") is None


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("eval.datasets=[null]", "eval.datasets=[null]: names of data sets are needed, as in [val,set5]"),
        ("eval.metrics=[]", "eval.metrics=[]: names of metrics are needed, as in [psnr,ssim]"),
        ("eval.metrics=[psnr,null]", "eval.metrics=[psnr,null]: names of metrics"),
        ("eval.save_images=-1", "eval.save_images=-1: all, or a number of images"),
        ("eval.save_images=true", "eval.save_images=true: all, or a number of images"),
        ("eval.latency=foo", "eval.latency=foo: true or false"),
        ("eval.latency=1", "eval.latency=1: true or false"),
        ("eval.tile=0", "eval.tile=0: auto, null (never any tiles) or a number of pixels"),
        ("eval.memory_gb=0", "eval.memory_gb=0: a number above 0"),
        ("max_megapixels=0", "max_megapixels=0: a number above 0"),
        ("max_megapixels=many", "max_megapixels=many: a number above 0"),
        ("eval.crop_border=0", "eval.crop_border: no such key in eval (there are datasets, latency, "),
        ("sede=1", "sede: no such key, did you mean seed?"),
        ("scale=1.5", "scale=1.5: a whole number from 1 on"),
        ("scale=0", "scale=0: a whole number from 1 on"),
        ("scale=true", "scale=true: a whole number from 1 on"),
        ("seed=-1", "seed=-1: a whole number from 0 on"),
        ("seed=9223372036854775808", "seed=9223372036854775808: a whole number"),
        ("labels=foo", "labels=foo: is filled in by a grid; leave it out"),
        ("labels=[{ablation: 1, variant: '2', baseline: true}]", "labels=[{'ablation': 1, "),
        ("labels=[{ablation: se}]", "labels=[{'ablation': 'se'}]: is filled in by a grid"),
        ("checkpoint=[a]", "checkpoint=[a]: a file, a published name or null"),
        ("device=0", "device=0: auto, cpu, cuda, cuda:N or mps"),
        ("memory_format=nchw", "memory_format=nchw: auto, channels_last or contiguous"),
        ("capture=1", "capture=1: auto, true or false"),
        ("capture=maybe", "capture=maybe: auto, true or false"),
        ("mps=true", "mps=true: auto or off"),
        ("mps=on", "mps=true: auto or off"),
        ("precision=true", "precision=true: auto, 32, bf16 or 16"),
        ("threads=0", "threads=0: auto, or a number from 1 on"),
        ("jobs=1.5", "jobs=1.5: auto, or a number from 1 on"),
        ("study=", "study=null: a name is needed"),
        ("study=''", "study=: a name is needed"),
        ("study=true", "study=true: a name is needed"),
        ("runs_dir=[a]", "runs_dir=[a]: a folder is needed"),
        ("budget.steps=1.5", "budget.steps=1.5: a whole number from 0 on"),
        ("budget.batch_size=0", "budget.batch_size=0: a whole number from 1 on"),
        ("budget.hr_patch={2: 64}", "budget.hr_patch={2: 64}: a number of pixels"),
        ("eval=null", "eval=null: must hold the keys datasets, metrics, save_images, latency and more"),
        ("eval=foo", "eval=foo: must hold the keys"),
        ("budget=null", "budget=null: choose one of full, none, quick"),
    ],
)
def test_what_it_must_be_is_told(shipped, word, told):
    with pytest.raises(UserError) as error:
        read(shipped, word)
    assert str(error.value).startswith(told)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("study=2024", "2024"),
        ("study=.nan", "nan"),
        ("runs_dir=7", "7"),
        ("checkpoint=5", "5"),
        ("eval.datasets=set5", ["set5"]),
        ("eval.datasets=[5,val]", ["5", "val"]),
        ("eval.datasets=[]", []),
        ("eval.metrics=psnr", ["psnr"]),
        ("eval.save_images=0", 0),
        ("eval.save_images=all", "all"),
        ("eval.memory_gb=2", 2.0),
        ("eval.tile=256", 256),
        ("precision=32", 32),
    ],
)
def test_what_is_meant_well_is_taken(shipped, word, value):
    found = read(shipped, word)
    assert found == value
    assert type(found) is type(value)


def test_a_key_that_was_taken_away_is_named(shipped):
    config = copy.deepcopy(shipped)
    del config["eval"]["metrics"]
    with pytest.raises(UserError, match=r"^eval\.metrics: must be there: names of metrics are needed"):
        read_keys(config)


@pytest.mark.parametrize("group", ["model", "recipe", "data", "protocol", "logger", "budget"])
def test_a_group_without_a_choice_lists_what_there_is(group, tmp_path, monkeypatch):
    (tmp_path / "conf" / group).mkdir(parents=True)
    (tmp_path / "conf" / group / "aa_mine.yaml").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=f"^{group}: choose one of aa_mine, "):
        compose_run([f"~{group}"])


def test_every_run_is_checked(plan):
    with pytest.raises(UserError, match=r"^seed=null: a whole number from 0 on"):
        plan("seed=null")
    run = plan("study=2024", "runs_dir=7", "eval.metrics=psnr")
    assert str(run.places.study_dir) == "7/2024"
    assert run.evaluation.metrics == ("psnr",)
    assert run.config_hash == plan().config_hash


def test_a_config_from_before_the_limit_on_pixels_has_the_usual_one(shipped):
    config = {key: value for key, value in shipped.items() if key != "max_megapixels"}
    assert read_keys(config).max_megapixels == shipped["max_megapixels"] == MEGAPIXELS


def test_off_is_off_in_yaml_and_on_a_command_line(shipped, plan):
    assert read(shipped, "mps=off") is False
    words = [["mps=off"], ["mps=false"], ["mps=auto"], []]
    assert [plan(*one).mps for one in words] == ["off", "off", "auto", "auto"]


@pytest.mark.parametrize(
    ("report", "told"),
    [
        ({"crops": [1]}, "report.crops=[1]: {IMAGE: [x, y, width, height], ...} is needed, in pixels of HR"),
        ({"crops": {"a": [1, 2, 3]}}, "report.crops={'a': [1, 2, 3]}: {IMAGE: [x, y, width, height], ...} is needed"),
        ({"crops": {"a": [1, 2, 3, "x"]}}, "report.crops={'a': [1, 2, 3, 'x']}: {IMAGE: [x, y, width, height], ...}"),
        ({"crop": 1}, "report.crop: no such key in report, did you mean crops?"),
        (3, "report=3: set report.crops=VALUE"),
    ],
)
def test_crops_that_are_none_are_told(report, told):
    with pytest.raises(UserError, match=f"^{re.escape(told)}"):
        read_crops({"report": report})


def test_crops_are_boxes_by_image(shipped):
    assert read_crops(shipped) == read_crops({}) == {}
    assert read_crops({"report": {"crops": {"set5/baby": [1, 2, 3, 4]}}}) == {"set5/baby": (1, 2, 3, 4)}
