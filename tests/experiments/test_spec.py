"""Identity: what changes the hash of a run, and what does not."""

import pytest

from srbench.core.errors import UserError
from srbench.core.paths import default_places
from srbench.experiments.messages import explain
from srbench.experiments.spec import build_on_meta, reference_overrides, scales_that_build


@pytest.mark.parametrize(
    "override",
    [
        "model=mossnet",
        "model.width=32",
        "scale=4",
        "seed=1",
        "recipe=carn_paper",
        "recipe.optimizer.lr=0.01",
        "budget=full",
        "budget.steps=7",
        "precision=32",
        "data=folder",
    ],
)
def test_what_fixes_the_weights_changes_the_hash(plan, override):
    extra = ["data.root=/x"] if override == "data=folder" else []
    assert plan(override, *extra).config_hash != plan().config_hash


@pytest.mark.parametrize(
    "override",
    [
        "study=other",
        "runs_dir=elsewhere",
        "reports_dir=elsewhere",
        "data_root=/data",
        "weights_dir=/weights",
        "device=cpu",
        "force=true",
        "labels=[{ablation:a,variant:v,baseline:true}]",
        "jobs=3",
        "threads=3",
        "eval.datasets=[set5]",
        "eval.metrics=[psnr]",
        "protocol=rgb",
        "dry_run=true",
    ],
)
def test_what_does_not_fix_the_weights_keeps_the_hash(plan, override):
    assert plan(override).config_hash == plan().config_hash


def test_the_root_of_a_data_folder_does_not_count(plan):
    hashes = {plan("data=folder", f"data.root={root}").config_hash for root in ("/a", "/b")}
    assert len(hashes) == 1


def test_a_checkpoint_counts_by_its_content(plan, tmp_path):
    for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).write_bytes(content)
    a, b, c = (plan(f"checkpoint={tmp_path / name}").config_hash for name in "abc")
    assert a == b
    assert a != c


def test_a_default_that_is_spelled_out_is_the_same_run(plan):
    assert plan("model.atrous=[1,1,1]", "model.se=none").config_hash == plan().config_hash


def test_a_runs_folder_is_found_again_under_another_variants_name(plan, tmp_path):
    first = plan(f"runs_dir={tmp_path}", "labels=[{ablation:a,variant:'1 1',baseline:true}]")
    assert first.folder.name == f"carn-1_1-x2-s0-{first.config_hash[:8]}"
    first.folder.mkdir(parents=True)
    assert plan(f"runs_dir={tmp_path}", "labels=[{ablation:b,variant:none,baseline:true}]").folder == first.folder


def test_a_model_of_ones_own_is_named_after_its_class(plan):
    assert plan("model._target_=my_package.MyNet").name == "MyNet"


def test_the_bicubic_run_keeps_scale_data_and_places_only(plan):
    given = ["model=carn", "model.width=8", "seed=3", "scale=4", "data=folder", "data.root=/x", "budget.steps=5"]
    given += ["recipe.optimizer.lr=1", "recipe/schedule=constant", "eval.datasets=[set5]", "labels=[]", "study=s"]
    kept = ["scale=4", "data=folder", "data.root=/x", "eval.datasets=[set5]", "study=s"]
    assert reference_overrides(plan(*given)) == ["model=bicubic", "budget=none", *kept]


def test_the_bicubic_run_has_the_data_that_the_recipe_chose(plan):
    paper = plan("recipe=carn_paper")
    assert reference_overrides(paper) == ["model=bicubic", "budget=none", "data=div2k"]
    assert plan(*reference_overrides(paper)).config.data == paper.config.data
    assert reference_overrides(plan("recipe=carn_paper", "data=df2k"))[2:] == ["data=df2k"]


def test_wrong_arguments_of_a_model_are_told_in_one_line(plan):
    with pytest.raises(UserError, match="model=carn: atrous has 2 rates for 3 blocks"):
        build_on_meta(plan("model.atrous=[1,2]"))
    with pytest.raises(UserError, match=r"model=carn: .*fusion_groups"):
        build_on_meta(plan("model.fusion_groups=7"))


def test_the_scales_of_a_model_are_known(plan):
    assert scales_that_build(plan("model=mossnet", "scale=4")) == [2]
    assert scales_that_build(plan()) == [2, 3, 4, 8]
    assert scales_that_build(plan("model.atrous=[1,2]")) == []


@pytest.mark.parametrize(("scale", "patch"), [(2, 128), (3, 192), (4, 256)])
def test_a_recipe_s_patch_is_that_of_the_scale(plan, scale, patch):
    """carn.md 1.10: 64 pixels of LR at every scale."""
    assert plan("recipe=carn_paper", "budget=full", f"scale={scale}").hr_patch == patch


def test_a_scale_without_a_patch_is_told(plan):
    with pytest.raises(UserError, match=r"budget\.hr_patch: the recipe has none for scale=8"):
        plan("recipe=carn_paper", "budget=full", "scale=8").hr_patch  # noqa: B018
    assert plan("recipe=carn_paper", "budget=full", "scale=8", "budget.hr_patch=512").hr_patch == 512


def test_a_constructor_that_says_what_is_wrong_is_told_once(plan):
    run = plan("model=spandrel")
    with pytest.raises(UserError, match="give checkpoint=FILE") as error:
        build_on_meta(run)
    assert explain(error.value) == str(error.value)


def test_a_protocol_is_more_than_its_name(plan):
    assert plan("protocol=y").protocol == {"name": "y", "channels": "luma", "border": "scale"}
    assert plan("protocol=y", "protocol.border=0").protocol["border"] == 0


@pytest.mark.parametrize(
    ("data", "weights"), [(None, None), ("~/data", "/a:/b")], ids=["by default", "by the environment"]
)
def test_data_and_weights_of_the_verbs_lie_where_those_of_a_run_do(data, weights, plan, monkeypatch):
    for name, value in (("SRBENCH_DATA", data), ("SRBENCH_WEIGHTS", weights)):
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
    places = {"data_root": data or "data", "weights_dir": weights or "~/.cache/srbench/weights"}
    config = plan().config
    assert default_places() == places == {key: config[key] for key in places}
