"""What each key refuses, what it takes for something else, and that the shipped config is what it must be."""

import pytest
import yaml
from omegaconf import OmegaConf, open_dict

from srbench.core.errors import UserError
from srbench.experiments.presets import compose_run
from srbench.experiments.schema import GROUPS, KEYS, check_keys

NULLABLE = {"checkpoint", "recipe.gradient_clip", "recipe.fixed_patches"}


@pytest.fixture(scope="module")
def shipped():
    return compose_run([]).config


def checked(config, word):
    """The config with the `word` of a command line in it, after a look at it."""
    config = config.copy()
    key, _, value = word.partition("=")
    OmegaConf.update(config, key, yaml.safe_load(value), merge=False)
    check_keys(config)
    return config


@pytest.mark.parametrize("key", sorted(set(KEYS) - NULLABLE))
def test_null_is_refused_where_it_means_nothing(shipped, key):
    with pytest.raises(UserError) as error:
        checked(shipped, f"{key}=null")
    assert str(error.value) == f"{key}=null: {KEYS[key].must}"


@pytest.mark.parametrize("key", sorted(NULLABLE))
def test_null_is_taken_where_it_means_something(shipped, key):
    assert OmegaConf.select(checked(shipped, f"{key}=null"), key) is None


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("eval.datasets=[null]", "eval.datasets=[null]: names of data sets are needed, as in [val,set5]"),
        ("eval.datasets=[]", "eval.datasets=[]: names of data sets"),
        ("eval.metrics=[]", "eval.metrics=[]: names of metrics are needed, as in [psnr,ssim]"),
        ("eval.metrics=[psnr,null]", "eval.metrics=[psnr,null]: names of metrics"),
        ("eval.save_images=-1", "eval.save_images=-1: all, or a number of images"),
        ("eval.save_images=true", "eval.save_images=true: all, or a number of images"),
        ("eval.latency=foo", "eval.latency=foo: true or false"),
        ("eval.latency=1", "eval.latency=1: true or false"),
        ("scale=1.5", "scale=1.5: a whole number from 1 on"),
        ("scale=0", "scale=0: a whole number from 1 on"),
        ("scale=true", "scale=true: a whole number from 1 on"),
        ("seed=-1", "seed=-1: a whole number from 0 on"),
        ("seed=9223372036854775808", "seed=9223372036854775808: a whole number"),
        ("labels=foo", "labels=foo: is filled in by a grid; leave it out"),
        ("labels=[{ablation: se}]", "labels=[{'ablation': 'se'}]: is filled in by a grid"),
        ("checkpoint=[a]", "checkpoint=[a]: a file, a published name or null"),
        ("device=0", "device=0: auto, cpu, cuda or cuda:N"),
        ("precision=true", "precision=true: auto, 32, bf16 or 16"),
        ("threads=0", "threads=0: auto, or a number from 1 on"),
        ("jobs=1.5", "jobs=1.5: auto, or a number from 1 on"),
        ("study=", "study=null: a name is needed"),
        ("study=''", "study=: a name is needed"),
        ("study=true", "study=true: a name is needed"),
        ("runs_dir=[a]", "runs_dir=[a]: a folder is needed"),
        ("budget.steps=1.5", "budget.steps=1.5: a whole number from 0 on"),
        ("budget.hr_patch={2: 64,3: x}", "budget.hr_patch={2: 64, 3: 'x'}: a number of pixels"),
        ("recipe.gradient_clip=0", "recipe.gradient_clip=0: a number above 0, or null"),
        ("recipe.fixed_patches=0", "recipe.fixed_patches=0: a number of patches from 1 on, or null"),
        ("model._target_=5", "model._target_=5: a class is needed"),
        ("eval=null", "eval=null: must hold the keys datasets, metrics, save_images, latency and more"),
        ("eval=foo", "eval=foo: must hold the keys"),
    ],
)
def test_what_it_must_be_is_told(shipped, word, told):
    with pytest.raises(UserError) as error:
        checked(shipped, word)
    assert str(error.value).startswith(told)


@pytest.mark.parametrize(
    ("word", "read"),
    [
        ("study=2024", "2024"),
        ("study=.nan", "nan"),
        ("runs_dir=7", "7"),
        ("checkpoint=5", "5"),
        ("eval.datasets=set5", ["set5"]),
        ("eval.datasets=[5,val]", ["5", "val"]),
        ("eval.metrics=psnr", ["psnr"]),
        ("eval.save_images=0", 0),
        ("eval.save_images=all", "all"),
        ("precision=32", 32),
        ("budget.hr_patch={2: 64}", {2: 64}),
        (
            "labels=[{ablation: se,variant: none,baseline: true}]",
            [OmegaConf.create({"ablation": "se", "variant": "none", "baseline": True})],
        ),
    ],
)
def test_what_is_meant_well_is_taken(shipped, word, read):
    found = OmegaConf.select(checked(shipped, word), word.partition("=")[0])
    assert found == read
    assert type(found) is type(read) or OmegaConf.is_config(found)


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_without_a_choice_lists_what_there_is(shipped, group, tmp_path, monkeypatch):
    (tmp_path / "conf" / group).mkdir(parents=True)
    (tmp_path / "conf" / group / "aa_mine.yaml").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=f"^{group}=null: choose one of aa_mine, "):
        checked(shipped, f"{group}=null")
    config = shipped.copy()
    OmegaConf.set_struct(config, False)
    del config[group]
    with pytest.raises(UserError, match=f"^{group}: choose one of aa_mine, "):
        check_keys(config)


def test_a_key_that_was_taken_away_is_named(shipped):
    config = shipped.copy()
    OmegaConf.set_struct(config, False)
    del config.eval["metrics"]
    with pytest.raises(UserError, match=r"^eval\.metrics: must be there: names of metrics are needed"):
        check_keys(config)


def test_every_run_is_checked(plan):
    with pytest.raises(UserError, match=r"^seed=null: a whole number from 0 on"):
        plan("seed=null")
    run = plan("study=2024", "runs_dir=7", "eval.metrics=psnr")
    assert str(run.study_dir) == "7/2024"
    assert run.config.eval.metrics == ["psnr"]
    assert run.config_hash == plan().config_hash


def test_keys_of_training_are_asked_for_only_where_there_is_training(shipped):
    config = shipped.copy()
    with open_dict(config):
        del config.budget["batch_size"]
    with pytest.raises(UserError, match=r"budget\.batch_size: must be there"):
        check_keys(config)
    config.budget.steps = 0
    check_keys(config)
