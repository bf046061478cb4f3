"""What a run is: what changes its identity and what does not, its stages, and the bicubic run beside it."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from srbench.core.errors import UserError
from srbench.core.paths import default_places
from srbench.data.images import write_image
from srbench.experiments.component import Component
from srbench.experiments.compose import build_on_meta, scales_that_compose
from srbench.experiments.messages import one_line
from srbench.experiments.store.record import Membership
from srbench.metrics.protocol import Protocol
from srbench.recipes.length import Length


@pytest.fixture
def images(tmp_path):
    """Folders of images: `a`, a copy of it, and one with other pixels."""
    for folder, seed in (("a", 0), ("other", 1)):
        (tmp_path / folder).mkdir()
        for number, pixels in enumerate(np.random.default_rng(seed).integers(0, 256, (3, 64, 64, 3), np.uint8)):
            write_image(tmp_path / folder / f"{number}.png", pixels)
    shutil.copytree(tmp_path / "a", tmp_path / "copy")
    return tmp_path


@pytest.mark.parametrize(
    "override",
    [
        "model=mossnet",
        "model.width=32",
        "scale=4",
        "seed=1",
        "recipe=waifu2x_study",
        "recipe.optimizer.lr=0.01",
        "recipe.stages.pixel.gradient_clip=1",
        "budget=full",
        "budget=none",
        "budget.steps=7",
        "precision=32",
        "data.degradation=noise",
        "model.reparameterise=series",
        "devices=2",
    ],
)
def test_what_fixes_the_weights_changes_the_hash(plan, override):
    assert plan(override).config_hash != plan().config_hash


@pytest.mark.parametrize(
    "override",
    [
        "study=other",
        "runs_dir=elsewhere",
        "reports_dir=elsewhere",
        "data_root=/data",
        "weights_dir=/weights",
        "device=cpu",
        "compile=true",
        "devices=1",
        "force=true",
        "labels=[{ablation:a,variant:v,baseline:true}]",
        "jobs=3",
        "mps=off",
        "retries=2",
        "fail_fast=true",
        "threads=3",
        "eval.datasets=[set5]",
        "eval.metrics=[psnr]",
        "protocol=rgb",
        "dry_run=true",
        "budget.val_every=7",
        "budget.keep=last",
        "~budget.keep",  # as of earlier versions
        "model.reparameterise=none",
        "budget.steps=500",
        "model.atrous=[1,1,1]",
    ],
)
def test_what_does_not_fix_the_weights_keeps_the_hash(plan, override):
    assert plan(override).config_hash == plan().config_hash


def test_a_backbone_of_ones_own_network_is_an_argument_as_any(plan):
    runs = [plan("model._target_=mine.Net", f"+model.backbone={name}") for name in ("resnet18", "resnet34")]
    assert len({run.config_hash for run in runs}) == 2


BEST = ["budget.keep=best", "budget.val_every=250"]


@pytest.mark.parametrize("word", ["budget.val_every=7", "protocol=rgb", "eval.tile=64"])
def test_what_chooses_the_best_weights_fixes_them(plan, word):
    assert plan(*BEST, word).config_hash != plan(*BEST).config_hash
    assert plan(*BEST).config_hash != plan().config_hash


def test_the_best_of_no_validation_is_refused(plan):
    with pytest.raises(UserError, match=r"budget\.keep=best: nothing is validated .*; set budget\.val_every=STEPS"):
        plan("budget.keep=best")


def test_the_pixels_of_the_training_images_count_and_their_place_does_not(plan, images):
    first, copy, other = (
        plan("data=folder", f"data.root={images / name}").config_hash for name in ("a", "copy", "other")
    )
    assert first == copy
    assert first != other


def test_other_images_in_the_same_folder_are_another_run(plan, images):
    words = ["data=folder", f"data.root={images / 'a'}"]
    before = plan(*words).config_hash
    shutil.copy(images / "other/1.png", images / "a/1.png")
    assert plan(*words).config_hash != before


def test_a_stages_own_training_images_count(plan, images):
    stage = f"+recipe.stages.pixel.data={{_target_:srbench.data.folders.Folder,root:'{images / 'a'}'}}"
    run = plan(stage)
    assert run.config_hash != plan().config_hash
    assert run.stages[0].data.name == "folder"
    assert run.data.name == "photos"


def test_training_images_that_are_not_there_are_told(plan, tmp_path):
    with pytest.raises(UserError, match=r"data=div2k: no .*DIV2K_train_HR; get it with"):
        plan("data=div2k", f"data_root={tmp_path}").config_hash  # noqa: B018


def test_the_folder_of_a_class_does_not_count_but_its_name_does(plan):
    run = plan()
    moved = replace(run, model=Component("elsewhere.CARN", run.model.arguments))
    assert moved.config_hash == run.config_hash
    renamed = replace(run, model=Component("srbench.models.carn.CARN2", run.model.arguments))
    assert renamed.config_hash != run.config_hash


def test_a_checkpoint_counts_by_its_content(plan, tmp_path):
    for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).write_bytes(content)
    a, b, c = (plan(f"checkpoint={tmp_path / name}").config_hash for name in "abc")
    assert a == b
    assert a != c


def test_the_start_of_a_stage_counts_by_its_content(plan, tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    words = f"+recipe.stages.pixel.start='{tmp_path / 'a'}'"
    before = plan(words).config_hash
    (tmp_path / "a").write_bytes(b"2")
    assert before != plan(words).config_hash != plan().config_hash


def test_a_runs_folder_is_found_again_under_another_variants_name(plan, tmp_path):
    first = plan(f"runs_dir={tmp_path}", "labels=[{ablation:a,variant:'1 1',baseline:true}]")
    assert first.memberships == (Membership("a", "1 1", True),)
    assert first.folder.name == f"carn-1_1-x2-s0-{first.config_hash[:8]}"
    first.folder.mkdir(parents=True)
    assert plan(f"runs_dir={tmp_path}", "labels=[{ablation:b,variant:none,baseline:true}]").folder == first.folder


@pytest.mark.parametrize("letter", ["x", "ü", "超"])
def test_a_name_of_any_length_has_a_folder(plan, tmp_path, letter):
    words = [f"runs_dir={tmp_path}", f"model._target_='my_package.M{letter * 300}'"]
    first = plan(*words, f"labels=[{{ablation:a,variant:'{letter * 300}',baseline:true}}]")
    first.folder.mkdir(parents=True)
    assert first.folder.name.endswith(f"-x2-s0-{first.config_hash[:8]}")
    assert plan(*words).folder == first.folder


def test_a_model_of_ones_own_is_named_after_its_class(plan):
    assert plan("model._target_=my_package.MyNet").name == "MyNet"


# Beside it


def test_the_bicubic_run_is_described_by_scale_data_and_places_only(plan):
    given = ["model=carn", "model.width=8", "seed=3", "scale=4", "data=folder", "data.root=/x", "budget.steps=5"]
    given += ["recipe.optimizer.lr=1", "recipe/schedule=constant", "eval.datasets=[set5]", "labels=[]", "study=s"]
    kept = ("scale=4", "data=folder", "data.root=/x", "eval.datasets=[set5]", "study=s")
    assert plan(*given).reference().overrides == ("model=bicubic", "budget=none", *kept)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["recipe=carn_paper"],
        ["recipe=carn_paper", "data=df2k"],
        ["data.degradation=noise", "protocol=rgb", "eval.datasets=[set5,val]", "scale=3", "seed=4", "precision=32"],
    ],
)
def test_the_bicubic_run_is_evaluated_on_what_the_run_beside_it_is(plan, words):
    run = plan(*words)
    reference = run.reference()
    assert (reference.data, reference.evaluation, reference.scale) == (run.data, run.evaluation, run.scale)
    assert (reference.stages, reference.model.class_name, reference.checkpoint) == ((), "Bicubic", None)


@pytest.mark.parametrize("words", [["recipe=carn_paper"], ["data.degradation=noise", "scale=3", "seed=4", "study=s"]])
def test_the_words_of_the_bicubic_run_describe_it(plan, words):
    reference = plan(*words).reference()
    again = plan(*reference.overrides)
    assert again == reference
    assert again.config_hash == reference.config_hash


# Its stages


def test_a_budget_picks_each_stages_length_and_a_number_stands_for_all(plan):
    assert plan().stages[0].length == Length(500, 8, 64, 0)
    assert plan("budget=full").stages[0].length == Length(200_000, 16, 128, 5000)
    words = ["budget=full", "budget.steps=7", "budget.batch_size=2", "budget.hr_patch=32", "budget.val_every=0"]
    assert plan(*words).stages[0].length == Length(7, 2, 32, 0)


@pytest.mark.parametrize("word", ["budget=none", "budget.steps=0"])
def test_without_a_budget_there_are_no_stages(plan, word):
    assert plan(word).stages == ()


@pytest.mark.parametrize(("scale", "patch"), [(2, 128), (3, 192), (4, 256)])
def test_a_recipe_s_patch_is_that_of_the_scale(plan, scale, patch):
    """carn.md 1.10: 64 pixels of LR at every scale."""
    assert plan("recipe=carn_paper", "budget=full", f"scale={scale}").stages[0].length.hr_patch == patch


def test_a_scale_without_a_patch_is_told(plan):
    with pytest.raises(UserError, match=r"budget\.hr_patch: the recipe has none for scale=8"):
        plan("recipe=carn_paper", "budget=full", "scale=8")
    run = plan("recipe=carn_paper", "budget=full", "scale=8", "budget.hr_patch=512")
    assert run.stages[0].length.hr_patch == 512


def test_a_patch_smaller_than_the_scale_is_told(plan):
    with pytest.raises(UserError, match=r"^budget\.hr_patch=2: a whole number from 3 on is needed"):
        plan("scale=3", "budget.hr_patch=2")


def test_what_the_recipe_says_is_every_stages(plan):
    run = plan("recipe.optimizer.lr=0.5", "recipe.ema=0.9")
    assert run.stages[0].recipe.arguments["optimizer"]["lr"] == 0.5
    assert run.stages[0].recipe.arguments["ema"] == 0.9


def test_a_stage_may_differ_from_its_recipe_in_a_part_of_a_node(plan):
    run = plan("recipe.stages.pixel.optimizer={lr:0.25}", "recipe.optimizer.weight_decay=0.5")
    optimizer = run.stages[0].recipe.arguments["optimizer"]
    assert (optimizer["lr"], optimizer["weight_decay"], optimizer["_target_"]) == (0.25, 0.5, "torch.optim.Adam")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["recipe.stages=null"], "recipe.stages: must map the name of each stage"),
        (["recipe.stages.pixel.batches=null"], r"recipe.stages.pixel.batches._target_: a class is needed"),
        (["recipe.stages.pixel._target_=5"], r"recipe.stages.pixel._target_=5: a class is needed"),
        (["recipe.epoch_steps=0"], r"recipe.stages.pixel.epoch_steps=0: a whole number from 1 on"),
        (["recipe.stages.pixel.quick=null"], r"recipe.stages.pixel.quick: must hold steps, batch_size"),
        (["model._target_=5"], r"model._target_=5: a class is needed"),
        (["data._target_="], r"data._target_="),
        (["protocol._target_=my.Protocol2"], r"protocol._target_=my.Protocol2: srbench.metrics.protocol.Protocol is"),
        (["protocol.channels=hue"], r"protocol: A protocol's channels are one of luma, luma_rounded, rgb, not hue"),
    ],
)
def test_a_config_that_is_none_is_told(plan, words, told):
    with pytest.raises(UserError, match=f"^{told}"):
        plan(*words)


# Its model


def test_wrong_arguments_of_a_model_are_told_in_one_line(plan):
    with pytest.raises(UserError, match="model=carn: atrous has 2 rates for 3 blocks"):
        build_on_meta(plan("model.atrous=[1,2]"))
    with pytest.raises(UserError, match=r"model=carn: .*fusion_groups"):
        build_on_meta(plan("model.fusion_groups=7"))


def test_the_scales_of_a_model_are_known():
    assert scales_that_compose(["model=mossnet", "scale=4"]) == [2]
    assert scales_that_compose([]) == [2, 3, 4, 8]
    assert scales_that_compose(["model.atrous=[1,2]"]) == []


def test_a_constructor_that_says_what_is_wrong_is_told_once(plan):
    run = plan("model=spandrel")
    with pytest.raises(UserError, match="give checkpoint=FILE") as error:
        build_on_meta(run)
    assert one_line(error.value) == str(error.value)


def test_a_protocol_is_more_than_its_name(plan):
    assert plan("protocol=y").evaluation.protocol == Protocol("y", "luma", "scale")
    assert plan("protocol=y", "protocol.border=0").evaluation.protocol.border == 0


@pytest.mark.parametrize(
    ("data", "weights"), [(None, None), ("~/data", "/a:/b")], ids=["by default", "by the environment"]
)
def test_data_and_weights_of_the_verbs_lie_where_those_of_a_run_do(data, weights, plan, monkeypatch):
    for name, value in (("SRBENCH_DATA", data), ("SRBENCH_WEIGHTS", weights)):
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
    places = {"data_root": data or "data", "weights_dir": weights or "~/.cache/srbench/weights"}
    config = plan().config
    assert default_places() == places == {key: config[key] for key in places}


def test_a_stage_knows_the_recipes_own_length_whatever_the_budget(plan):
    assert [plan(*words).stages[0].full_steps for words in (["budget.steps=3"], ["budget=full"])] == [200_000, 200_000]
