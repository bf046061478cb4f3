"""What the adversarial recipes of conf/recipe train with, built as for a run.

Source of the `_poster` recipes: the notebooks of NeonSky/computer-vision-MESRGAN @ d46b4f0, where they tell; gan, all
`quick` and most of srgan_poster are the project's.
"""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from srbench.core.paths import sweep_folders
from srbench.data.degradations import ShrinkCrop
from srbench.data.supply import Supply
from srbench.data.turns import turned
from srbench.experiments.ablations import load_sweep
from srbench.models.layers.normalize import STD
from srbench.recipes.feature_losses import LPIPSLoss, Perceptual
from srbench.recipes.length import Length
from tests.presets import preset

FULL = Length(200_000, 16, 128, 1000)
POSTER_PIXEL = {"recipe": "Supervised", "data": "DF2K", "loss": {"whole": ("NormalizedL1", 1)}, "lr": 2e-4}
POSTER_PIXEL |= {"milestones": [100_000], "gamma": 0.5, "length": FULL}
POSTER_GAN = {
    "recipe": "GAN",
    "data": "DF2K",
    "loss": {"pixel": ("NormalizedL1", 0.01), "perceptual": ("Perceptual", 1)},
    "lr": 1e-4,
    "milestones": [50_000, 100_000, 150_000],
    "gamma": 0.5,
    "length": FULL,
    "adversarial": ("RelativisticAverage", 0.005),
    "discriminator": ("Discriminator", 17_796_481),  # trainable numbers, as published
    "critic_lr": 1e-4,
    "critic_schedule": "ConstantLR",
    "r1": None,
    "ema": None,
}
STAGES = {
    "gan": {
        "pixel": {"recipe": "Supervised", "data": "Photos", "loss": {"whole": ("L1Loss", 1)}, "lr": 1e-3}
        | {"length": Length(200_000, 16, 128, 5000)},
        "gan": POSTER_GAN
        | {"data": "Photos", "length": Length(200_000, 16, 128, 5000), "discriminator": ("PooledDiscriminator", None)}
        | {"loss": {"pixel": ("L1", 1), "perceptual": ("LPIPSLoss", 0.2)}, "r1": 10},
    },
    "mesrgan_poster": {"pixel": POSTER_PIXEL, "gan": POSTER_GAN},
    "srgan_poster": {
        "pixel": POSTER_PIXEL,
        "gan": POSTER_GAN
        | {"loss": {"pixel": ("NormalizedL1", 1), "perceptual": ("Perceptual", 1)}, "adversarial": ("Vanilla", 0.001)}
        | {"discriminator": ("Discriminator", 17_796_417)},
    },
}
for key in ("milestones", "gamma"):
    del STAGES["gan"]["gan"][key]


@pytest.fixture
def built(plan, weights_dir):
    """built("gan"): by stage the recipes and what they were made from."""

    def build(name: str, *words: str) -> dict[str, Any]:
        run = plan("model=srgan", "scale=4", f"recipe={name}", f"weights_dir={weights_dir}", *words)
        made = {}
        for stage in run.stages:
            torch.manual_seed(0)
            made[stage.name] = stage, stage.recipe.build("recipe", model=nn.Conv2d(3, 3, 1), length=stage.length)
        return made

    return build


def described(stage, recipe) -> dict[str, Any]:
    optimizer = recipe.make_optimizer(list(recipe.model.parameters()))
    schedule = recipe.make_schedule(optimizer, recipe.updates)
    assert isinstance(optimizer, torch.optim.Adam)
    assert tuple(optimizer.defaults["betas"]) == (0.9, 0.999)
    told = {
        "recipe": type(recipe).__name__,
        "data": stage.data.component.class_name,
        "loss": {n: (type(one).__name__, recipe.loss.weights[n]) for n, one in recipe.loss.losses.items()},
        "lr": optimizer.defaults["lr"],
        "length": stage.length,
    }
    if hasattr(schedule, "milestones"):
        told |= {"milestones": sorted(schedule.milestones.elements()), "gamma": schedule.gamma}
    if told["recipe"] == "GAN":
        critic = recipe.discriminator
        judges = recipe.make_discriminator_optimizer(critic.parameters())
        assert tuple(judges.defaults["betas"]) == (0.9, 0.999)
        count = sum(weight.numel() for weight in critic.parameters())
        told |= {
            "adversarial": (type(recipe.adversarial).__name__, recipe.adversarial.weight),
            "discriminator": (type(critic).__name__, count if hasattr(critic, "patch") else None),
            "critic_lr": judges.defaults["lr"],
            "critic_schedule": type(recipe.make_discriminator_schedule(judges, recipe.updates)).__name__,
            "r1": recipe.r1,
            "ema": recipe.average,
        }
    return told


@pytest.mark.parametrize("name", STAGES)
def test_stages_are_built_as_their_source_says(built, name):
    found = {stage: described(*made) for stage, made in built(name, "budget=full").items()}
    assert found == STAGES[name]


@pytest.mark.parametrize("name", ["mesrgan_poster", "srgan_poster"])
def test_the_perceptual_term_is_the_authors(built, name):
    _, recipe = built(name, "budget=full")["gan"]
    loss = recipe.loss.losses["perceptual"]
    assert isinstance(loss, Perceptual)
    assert loss.layers == {"conv5_4": 1}  # before its ReLU
    assert len(loss.network.features) == 35
    assert loss.criterion is nn.functional.mse_loss
    torch.testing.assert_close(loss.std.flatten(), torch.tensor(STD))


def test_the_terms_of_gan_are_options(built):
    _, recipe = built("gan")["gan"]
    assert isinstance(recipe.loss.losses["perceptual"], LPIPSLoss)
    words = ["loss@recipe.stages.gan.loss=pixel_vgg19", "adversarial@recipe.stages.gan.adversarial=hinge"]
    words += ["discriminator@recipe.stages.gan.discriminator=published"]
    _, recipe = built("gan", *(f"recipe/{word}" for word in words), "recipe.r1=3", "recipe.ema=0.9")["gan"]
    assert isinstance(recipe.loss.losses["perceptual"], Perceptual)
    assert type(recipe.adversarial).__name__ == "Hinge"
    assert (recipe.discriminator.patch, recipe.r1, recipe.average.decay) == (64, 3, 0.9)


def test_a_weight_is_a_factor_of_the_identity(plan, weights_dir):
    words = ["recipe=gan", f"weights_dir={weights_dir}"]
    plain = plan(*words).config_hash
    for factor in ("adversarial.weight=0.5", "loss.perceptual.weight=0.5", "discriminator.hidden=7"):
        assert plan(*words, f"recipe.stages.gan.{factor}").config_hash != plain


def test_the_features_of_vgg19_can_have_gram_matrices_beside_them(built):
    _, recipe = built("gan", "recipe/loss=perceptual_style")["pixel"]
    assert recipe.loss.weights == {"perceptual": 0.9, "style": 0.1}
    assert recipe.loss.losses["style"].layers == {"conv3_4": 1, "conv4_4": 1.5, "conv5_4": 2}


def test_crops_are_turned_and_shrunk_as_the_authors_do(built, files):
    stage, _ = built("mesrgan_poster")["gan"]
    sampler = stage.batches.build("batches", Supply(files, 4, None, 2, 24, seed=0))
    assert sampler.degrade == ShrinkCrop(4, "torch-bicubic")
    image = np.arange(6).reshape(2, 3)
    mirrored = (image, image[:, ::-1])
    theirs = {np.rot90(one, turns).tobytes() + bytes([turns % 2]) for one in mirrored for turns in (-1, 0, 1)}
    ours = {np.ascontiguousarray(turned(image, turn)).tobytes() + bytes([turn // 4]) for turn in sampler.turns}
    assert len(sampler.turns) == 6
    assert ours == theirs


def test_the_studys_srgan_is_that_of_its_recipe(plan, weights_dir):
    sweep = load_sweep("gan_study", sweep_folders())
    fixed = [f"weights_dir={weights_dir}", "data=photos", "scale=4", "budget=full"]
    run = plan("recipe=mesrgan_poster", *fixed, *sweep.runs["SRGAN"])
    assert run.config_hash == plan("model=srgan", "recipe=srgan_poster", *fixed).config_hash


def test_claims_and_published_numbers_are_of_the_studys_runs():
    study = load_sweep("gan_study", sweep_folders())
    content = study.content
    compared = [one for claim in content["claims"].values() for one in claim["decides"]]
    assert {row for one in compared for row in one["rows"]} == set(study.runs)
    assert all(one["direction"] in ("lower", "higher") and ("margin" in one) != ("relative" in one) for one in compared)
    published = content["published"]["runs"]
    assert published.keys() <= study.runs.keys()
    for run, numbers in published.items():
        name = study.content["runs"][run]["model"]
        with torch.device("meta"):
            network = preset(name, 4).build("model")
        assert sum(weight.numel() for weight in network.parameters()) == numbers["params"]
