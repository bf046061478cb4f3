"""What can be known of a run's words is told before it starts."""

from pathlib import Path

import pytest
import torch
from hydra.types import RunMode
from omegaconf import OmegaConf
from safetensors.torch import save_file

from srbench.core.errors import UserError
from srbench.experiments.checks import check_run
from srbench.experiments.compose import build_on_meta
from srbench.experiments.recipe_keys import refuse_unread_files
from srbench.experiments.whole_images import picture_side
from srbench.models.fsrcnn import FSRCNN
from srbench.models.mossnet import MossNet


@pytest.fixture
def checked(plan):
    def run(*words: str) -> None:
        spec = plan("model=fsrcnn", "eval.metrics=[psnr]", *words)
        assert spec.config_hash  # which reads the files of weights, as a grid does
        check_run(spec, build_on_meta(spec))

    return run


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("recipe.schedule=null", "recipe.stages.pixel: schedule is None, .* as in recipe/schedule=cosine"),
        ("recipe.optimizer=adamw", "recipe.stages.pixel: optimizer is adamw, .* as in recipe/optimizer=adam"),
        ("recipe.loss=mse", "recipe.stages.pixel: loss is mse, .* as in recipe/loss=l1"),
        ("+recipe.optimizer.momentum=0.9", "recipe.stages.pixel.optimizer.momentum: Adam takes no momentum"),
        ("recipe.loss._target_=torch.nn.ReLU", "recipe.stages.pixel.loss: ReLU fails on SR and HR: TypeError"),
        ("+recipe.loss.reduction=none", "recipe.stages.pixel.loss: L1Loss gives no single finite number"),
        ("recipe.loss._target_=torch.optim.Adam", "recipe.stages.pixel: Adam.__init__.* missing .*'params'"),
        ("recipe.loss._target_=torch.nn.L1Los", "recipe.stages.pixel: torch.nn.L1Los: torch.nn has no L1Los"),
        ("recipe.optimizer._target_=torch.nn.L1Loss", "recipe.stages.pixel.optimizer.lr: L1Loss takes no lr"),
        (
            "recipe.schedule._target_=torch.nn.Identity",
            "recipe.stages.pixel.schedule.eta_min: Identity takes no eta_min",
        ),
        (
            "recipe.schedule._target_=torch.nn.Identity ~recipe.schedule.eta_min",
            "recipe.stages.pixel.schedule: Identity is",
        ),
        ("recipe.optimizer.lr=-1", "recipe.stages.pixel: its optimizer .*Invalid learning rate: -1"),
        ("recipe.optimizer.lr=fast", "recipe.stages.pixel: its optimizer or schedule cannot be made: TypeError"),
        ("recipe.gradient_clip=strong", "recipe.stages.pixel.gradient_clip=strong: Supervised takes a number"),
        ("recipe.ema=2", "recipe.stages.pixel: ema is 2; it must be a number from 0 to 1"),
        ("recipe.accumulate=0", "recipe.stages.pixel: accumulate is 0; it must be a whole number"),
        (
            "recipe.stages.pixel._target_=types.SimpleNamespace",
            "recipe.stages.pixel._target_: SimpleNamespace is no Recipe",
        ),
        ("+recipe.stages.pixel.los=1", "recipe.stages.pixel.los: Supervised takes no los, did you mean loss"),
        ("+recipe.stages.pixel.batches.turn=4", "recipe.stages.pixel.batches.turn: .* did you mean turns"),
        ("+data.rot=x", "data.rot: Photos takes no rot"),
    ],
)
def test_words_that_are_no_recipe_are_refused_before_a_run(checked, word, line):
    with pytest.raises(UserError, match=f"^{line}"):
        checked(*word.split())


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("+recipe.batch_size=4", "recipe.batch_size: no such key that a stage reads .there are accumulate, ema, "),
        ("+recipe.stages.pixel.quick.stepss=4", "recipe.stages.pixel.quick.stepss: no such key, did you mean steps"),
        ("+logger.project=x", "logger.project: no such key"),
        ("+protocol.bordr=3", "protocol.bordr: Protocol takes no bordr, did you mean border"),
        ("+eval.crop_border=0", "eval.crop_border: no such key in eval"),
        ("+budget.max_steps=3", "budget.max_steps: no such key in budget, did you mean steps"),
        ("+trainer.max_steps=3", "trainer: no such key"),
    ],
)
def test_a_key_that_nothing_reads_is_refused(checked, word, line):
    with pytest.raises(UserError, match=f"^{line}"):
        checked(word)


def test_an_argument_that_the_network_does_not_take_is_told_with_the_nearest(plan):
    with pytest.raises(UserError, match=r"^model\.widht: CARN takes no widht, did you mean width\?"):
        build_on_meta(plan("+model.widht=3"))


def test_a_shared_key_that_no_stage_reads_is_refused_where_it_was_typed(plan):
    with pytest.raises(UserError, match=r"^recipe\.multi_scale: no such key that a stage reads"):
        plan("recipe=waifu2x_study", "recipe.multi_scale=true")
    plan("recipe=waifu2x_study", "recipe.patches.count=9")


def test_a_key_whose_value_changes_no_stage_is_refused(plan):
    with pytest.raises(UserError, match=r"^recipe\.loss\._target_: no such key that a stage reads"):
        plan("++recipe.stages.pixel.loss={_target_: torch.nn.MSELoss}", "recipe.loss._target_=torch.nn.L1Loss")


def test_a_length_may_be_told_for_another_budget(plan):
    words = ["recipe.stages.pixel.quick.steps=7", "recipe.stages.pixel.full.steps=9"]
    assert [plan(*words, f"budget={name}").stages[0].length.steps for name in ("quick", "full")] == [7, 9]


def test_a_row_that_is_only_evaluated_takes_what_the_others_read(plan):
    assert not plan("model=bicubic", "budget=none", "recipe.stages.pixel.full.steps=9").stages


def test_a_recipe_of_ones_own_sets_nothing_that_it_does_not_read(loader):
    recipe = OmegaConf.to_container(loader.load_configuration("config", ["recipe=waifu2x_study"], RunMode.RUN).recipe)
    refuse_unread_files(recipe)  # which leaves multi_scale as supervised.yaml has it
    with pytest.raises(UserError, match=r"^recipe\.multi_scale: no such key that a stage reads"):
        refuse_unread_files(recipe | {"multi_scale": True})
    with pytest.raises(UserError, match=r"^recipe\.patch: no such key that a stage reads, did you mean patches"):
        refuse_unread_files(recipe | {"patch": 3})


def test_two_scales_that_contradict_each_other_are_refused(checked):
    with pytest.raises(UserError, match=r"^model\.scale=4: scale=2 is the run's; set scale=4"):
        checked("model.scale=4")


@pytest.mark.parametrize(
    "words", [["recipe/optimizer=adamw"], ["recipe.loss._target_=torch.nn.MSELoss"], ["recipe.ema=0.99"]]
)
def test_what_is_a_recipe_is_let_through(checked, words):
    checked(*words)


def test_a_frozen_network_needs_weights_to_be_evaluated_as_any_other(plan):
    spec = plan("model=fsrcnn", "eval.metrics=[psnr]", "budget=none")
    with pytest.raises(UserError, match=r"^budget=none: model=fsrcnn needs weights to evaluate; give checkpoint=FILE"):
        check_run(spec, build_on_meta(spec).requires_grad_(False))


def test_an_argument_of_which_nobody_can_know_whether_it_is_read_is_told(plan, tmp_path, monkeypatch, capsys):
    (tmp_path / "any_arguments.py").write_text(
        "from srbench.models.fsrcnn import FSRCNN\n\n\nclass Net(FSRCNN):\n"
        "    def __init__(self, **options):\n        super().__init__(options['scale'])\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    spec = plan("model._target_=any_arguments.Net", "+model.typo=3", "eval.metrics=[psnr]")
    check_run(spec, build_on_meta(spec))
    assert capsys.readouterr().err == "model.typo: Net takes any argument; whether it reads this one is not known\n"


# Weights that a stage begins with, or that a teacher has


@pytest.fixture
def small(tmp_path, monkeypatch):
    """In a folder with the weights of a MossNet and of an FSRCNN."""
    monkeypatch.chdir(tmp_path)
    save_file(MossNet(widths=[4, 6, 8]).state_dict(), "mossnet.safetensors")
    save_file(FSRCNN(scale=2).state_dict(), "fsrcnn.safetensors")


TEACHER = ["recipe=distillation", "recipe.teacher.widths=[4,6,8]", "recipe.teacher_checkpoint=mossnet.safetensors"]
TEACHER += ["model@recipe.teacher=mossnet"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["+recipe.stages.pixel.start=gone.pth"],
            r"recipe\.stages\.pixel\.start=gone\.pth: no such file \(looked in .*\), and no such published weights",
        ),
        (
            ["+recipe.stages.pixel.start=mossnet.safetensors"],
            r"recipe\.stages\.pixel\.start: checkpoint=mossnet\.safetensors: not weights of this FSRCNN",
        ),
        (["recipe=distillation"], "recipe.stages.pixel: the teacher, MossNet, has no weights; train it first"),
        (
            [*TEACHER, "recipe.teacher_checkpoint=gone.pth"],
            r"recipe\.stages\.pixel\.teacher_checkpoint=gone\.pth: no such file",
        ),
        (
            [*TEACHER, "recipe.teacher_checkpoint=fsrcnn.safetensors"],
            r"recipe\.stages\.pixel: teacher_checkpoint: checkpoint=fsrcnn\.safetensors: not weights of this MossNet",
        ),
        (
            ["recipe=distillation", "model@recipe.teacher=fsrcnn", "recipe.teacher.scale=4"],
            "recipe.stages.pixel: the teacher, FSRCNN, is for ×4, and its student for ×2",
        ),
        (
            [*TEACHER, "data.degradation=noise"],
            "data.degradation: recipe.stages.pixel.teacher sees the whole LR image, which a degraded patch has not",
        ),
    ],
)
def test_weights_that_are_not_there_or_do_not_fit_are_told_before_a_run(checked, small, words, line):
    with pytest.raises(UserError, match=f"^{line}"):
        checked(*words)


def test_weights_that_fit_are_let_through(checked, small):
    checked("+recipe.stages.pixel.start=fsrcnn.safetensors")
    checked(*TEACHER)


def test_a_patch_comes_with_the_whole_image_where_only_the_teacher_looks_at_it(plan, small):
    def side(*words):
        run = plan(*words)
        return picture_side(run.stages[0], build_on_meta(run))

    assert side("model=fsrcnn", *TEACHER) == 64
    assert side("model=mossnet", "model.context=zero", *TEACHER) == 64
    assert side("model=fsrcnn", *TEACHER, "recipe.teacher.context=zero") is None
    assert side("model=fsrcnn") is None
    assert side("model=mossnet") == 64


def test_the_teacher_s_weights_count_by_their_content(plan, small):
    before = plan(*TEACHER).config_hash
    Path("mossnet.safetensors").rename("other.safetensors")
    assert plan(*TEACHER, "recipe.teacher_checkpoint=other.safetensors").config_hash == before
    torch.manual_seed(1)
    save_file(MossNet(widths=[4, 6, 8]).state_dict(), "mossnet.safetensors")
    assert plan(*TEACHER).config_hash != before
    assert plan(*TEACHER, "recipe.teacher.context=constant").config_hash != plan(*TEACHER).config_hash


def test_a_teacher_that_teaches_nothing_is_neither_needed_nor_counted(plan, checked, small):
    idle = ["recipe=distillation", "recipe.weights={hr: 1, output: 0, embedding: 0}"]
    absent, other = "recipe.teacher_checkpoint=gone.pth", "model@recipe.teacher=fsrcnn"
    checked(*idle)
    checked(*idle, absent, "data.degradation=noise")
    alone = plan(*idle)
    assert plan(*idle, absent).config_hash == plan(*idle, other).config_hash == alone.config_hash
    assert picture_side(alone.stages[0], build_on_meta(alone)) is None


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("devices=2", "devices=2: a machine has one Apple GPU; use devices=1, or device=cpu"),
        ("capture=true", "capture=true: CUDA graphs are a CUDA device's, and device is mps"),
    ],
)
def test_what_an_apple_gpu_cannot_do_is_told(checked, monkeypatch, word, line):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    with pytest.raises(UserError, match=line):
        checked("device=mps", word)
