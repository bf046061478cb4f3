"""What an adversarial run lacks, or what does not fit in it, is told before it trains, also of a recipe as it comes."""

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor, nn

from srbench.core.errors import UserError
from srbench.experiments.checks import check_run
from srbench.experiments.compose import build_on_meta

GAN = "recipe.stages.gan"
PUBLISHED = f"recipe/discriminator@{GAN}.discriminator=published"


class Blind(nn.Module):
    """A discriminator that gives one number for a whole batch."""

    def __init__(self, patch: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, images: Tensor) -> Tensor:
        return (images * self.weight).mean()


class Narrow(nn.Linear):
    """A discriminator of images that are none of the stage's."""

    def __init__(self, patch: int) -> None:
        super().__init__(7, 1)


def own(name: str) -> list[str]:
    """The words that choose a discriminator of this file."""
    key = f"{GAN}.discriminator"
    return [f"{key}._target_={__name__}.{name}", f"~{key}.widths", f"~{key}.hidden"]


@pytest.fixture
def checked(plan, tmp_path, monkeypatch):
    """Checks a run outside of the checkout, where recipes are as they come, with random weights of AlexNet."""
    monkeypatch.chdir(tmp_path)
    features = torchvision.models.alexnet(weights=None).features.state_dict()
    save_file({f"features.{k}": v for k, v in features.items()}, tmp_path / "alexnet_features.safetensors")

    def run(*words: str) -> None:
        spec = plan("model=fsrcnn", "recipe=gan", "eval.metrics=[psnr]", f"weights_dir={tmp_path}", *words)
        check_run(spec, build_on_meta(spec))

    return run


def test_a_recipe_as_it_comes_is_fine(checked):
    checked()
    checked(PUBLISHED)
    checked(PUBLISHED, "scale=3")  # whose crops are of 63


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["weights_dir=no"], f"{GAN}.loss.perceptual.backbone=alexnet: alexnet_.*looked in no.*data get alexnet"),
        ([f"recipe/loss@{GAN}.loss=pixel_vgg19"], f"{GAN}.loss.perceptual.backbone=vgg19: vgg19_.* data get vgg19"),
        ([PUBLISHED, "budget.hr_patch=32"], f"{GAN}: discriminator for patches of 32 .budget.hr_patch.: .* choose 61"),
        (["budget.hr_patch=12"], f"{GAN}: discriminator for patches of 12 .* choose 16 or more"),
        (["budget.hr_patch=24"], f"{GAN}.loss.perceptual: LPIPSLoss fails on SR and HR: .* 31 pixels or more"),
        ([f"+{GAN}.discriminator.patch=96"], f"{GAN}: discriminator.patch is 96, and the stage's patches are 64"),
        ([PUBLISHED, f"+{GAN}.discriminator.sigmoid=true"], f"{GAN}: discriminator.sigmoid is true"),
        (own("Blind"), f"{GAN}.discriminator: Blind does not give logits .N, 1."),
        (own("Narrow"), f"{GAN}.discriminator: Narrow fails on patches of 64: RuntimeError"),
        ([f"{GAN}.adversarial.weight=-1"], f"{GAN}: weight is -1; it must be a number from 0 on"),
        ([f"{GAN}.adversarial.weight=much"], f"{GAN}.adversarial.weight=much: RelativisticAverage takes a number"),
        ([f"{GAN}.loss.perceptual.weight=-1"], f"{GAN}: loss.perceptual.weight is -1"),
        ([f"{GAN}.loss.perceptual.backbone=vgg"], f"{GAN}.loss.perceptual.backbone=vgg: choose from alexnet, vgg16"),
        ([f"{GAN}.loss.pixel._target_=srbench.recipes.losses.L7"], f"{GAN}: .* has no L7"),
        (["recipe.discriminator_optimizer.lr=-1"], f"{GAN}: its optimizer .*Invalid learning rate"),
        (["recipe.discriminator_schedule._target_=torch.nn.Identity"], f"{GAN}.discriminator_schedule: Identity is no"),
        (["recipe.r1=-2"], f"{GAN}: r1 is -2; it must be a number above 0, or null"),
    ],
)
def test_what_does_not_fit_is_told_with_its_key(checked, words, line):
    with pytest.raises(UserError, match=f"^{line}"):
        checked(*words)


def test_two_optimizers_do_not_accumulate_in_fp16(checked, monkeypatch):
    monkeypatch.setattr("srbench.core.hardware.pick_precision", lambda *_: "16-mixed")  # as on a GPU
    checked("precision=16")
    checked("precision=bf16", "recipe.accumulate=2")
    line = f"^{GAN}.accumulate=2: precision=16 cannot accumulate for several optimizers; set it to 1, or precision=bf16"
    with pytest.raises(UserError, match=line):
        checked("precision=16", "recipe.accumulate=2")


def test_a_discriminator_of_one_patch_needs_one_that_all_scales_divide(checked):
    several = ["model=carn_multiscale", "recipe.multi_scale=true", "scale=2"]
    checked(*several)
    checked(*several, PUBLISHED, "budget.hr_patch=72")
    line = f"^{GAN}.discriminator: Discriminator fails on patches of 63: .* budget.hr_patch must be a multiple of 12$"
    with pytest.raises(UserError, match=line):
        checked(*several, PUBLISHED, "budget.hr_patch=64")


def test_absent_vgg19_is_told_on_the_command_line(plan, tmp_path):
    line = rf"^{GAN}\.loss\.perceptual\.backbone=vgg19: vgg19_features.safetensors is not there .looked in {tmp_path}"
    spec = plan("recipe=mesrgan_poster", "data=photos", "model=esrgan", "scale=4", f"weights_dir={tmp_path}")
    with pytest.raises(UserError, match=line):
        _ = spec.config_hash
