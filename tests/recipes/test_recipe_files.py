"""What conf/recipe trains with: each file composed as for a run, and what its stages are built from told in full.

Sources: Ahn et al., ECCV 2018, §4, with their training script (carn_paper); the training script of yu45020/Waifu2x of
January 2019 (waifu2x_study); the published options of MDRN, and the slides of ISR_Task_2023 (mdrn_paper, edge_study,
restoration); MossNet's page, which has 50,000 steps (mossnet, distillation); the published options of ClassSR and issue
45 of its repository (classsr…). What is nobody else's, `quick`, supervised and ClassSR's joint stage, is the project's.
"""

from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save_file
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from srbench.data.degradations import ShrinkAndJpeg
from srbench.data.patches import FixedPatches, Patches
from srbench.data.supply import Supply
from srbench.experiments.spec import RunSpec, StageSpec
from srbench.models.classsr import ClassSR
from srbench.models.fsrcnn import FSRCNN
from srbench.models.mossnet import MossNet
from srbench.recipes.distillation import Distillation
from srbench.recipes.length import Length
from srbench.recipes.routed import Routed
from srbench.recipes.supervised import Supervised
from tests.recipes.test_gan_recipe_files import STAGES as GAN_STAGES

MILESTONES = [100_000, 500_000, 800_000, 900_000, 950_000]
PATCHES = {"sampler": "Patches", "scales": (2,), "degrade": None, "turns": 8}  # eight flips and rotations
ADAM = {"optimizer": "Adam", "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0, "amsgrad": False}
PLAIN = {
    "recipe": "Supervised",
    "data": "Photos",
    "loss": "L1Loss",
    **ADAM,
    "lr": 1e-3,
    "schedule": "CosineAnnealingLR",
    "T_max": 200_000,
    "eta_min": 0,
    "gradient_clip": None,
    "ema": None,
    "accumulate": 1,
    "epoch_steps": 1000,
    "start": None,
    **PATCHES,
}
NO_COSINE = {key: value for key, value in PLAIN.items() if key not in ("T_max", "eta_min")}
LATER = NO_COSINE | {"data": "DIV2KAndLSDIR", "betas": (0.9, 0.99), "ema": 0.999, "schedule": "ConstantLR", "factor": 1}
MOSSNET_M = {"widths": (48, 72, 104), "context_widths": (24, 32, 48, 64), "embedding": 64}
MOSSNET_M |= {"decoder_hidden": 8, "context_channels": 4}
MOSSNET = PLAIN | {"betas": (0.9, 0.99), "T_max": 50_000, "eta_min": 1e-6}
MULTISTEP = {"schedule": "MultiStepLR", "gamma": 0.5}

STAGES = {
    "supervised": {"pixel": PLAIN},
    "carn_paper": {
        "pixel": NO_COSINE | {"data": "DIV2K", "lr": 1e-4, "gradient_clip": 10} | {**MULTISTEP, "milestones": [400_000]}
    },
    "waifu2x_study": {
        "pixel": NO_COSINE
        | {"lr": 1e-4, "amsgrad": True, "weight_decay": 1e-5, "schedule": "ConstantLR", "factor": 1, "epoch_steps": 40}
        | {"sampler": "FixedPatches", "count": 120, "degrade": ShrinkAndJpeg(scale=2, low=5, high=25)}
    },
    "mdrn_paper": {
        "pixel": NO_COSINE
        | {"data": "DIV2K", "lr": 2e-3, "betas": (0.9, 0.99), "ema": 0.999}
        | {**MULTISTEP, "milestones": MILESTONES},
        "charbonnier": LATER | {"loss": "Charbonnier", "lr": 5e-4},
        "l2": LATER | {"loss": "MSELoss", "lr": 2e-4},
    },
    "mossnet": {"pixel": MOSSNET},
    "distillation": {"pixel": MOSSNET | {"recipe": "Distillation"}},
    "edge_study": {
        "pixel": NO_COSINE
        | {
            "loss": "EdgeAsPublished",
            "lr": 1e-6,
            "betas": (0.9, 0.99),
            "ema": 0.999,
            "schedule": "ConstantLR",
            "factor": 1,
        }
    },
    "restoration": {"pixel": PLAIN | {"lr": 3e-4, "betas": (0.9, 0.99), "T_max": 10_000, "eta_min": 1e-6}},
}
BETAS = {"betas": (0.9, 0.99), "eta_min": 1e-7}
OF_CLASSES = {"sampler": "SubImagePatches", "level": None, "classes": 3, "thresholds": None, "sub_images": None}
OF_CLASSES |= {"ranking": None, "factors": [1.0, 0.9, 0.8, 0.7, 0.6]}
BRANCH = {key: value for key, value in PLAIN.items() if key not in PATCHES} | BETAS | OF_CLASSES
ROUTED = BRANCH | {"loss": {"image": 1000, "class": 0.5, "average": 3}, "lr": 2e-4}
STAGES["classsr"] = {
    "easy": BRANCH | {"T_max": 500_000, "part": "net1", "level": 1},
    "medium": BRANCH | {"T_max": 500_000, "part": "net2", "level": 2},
    "hard": BRANCH | {"T_max": 500_000, "part": "net3", "level": 3},
    "classifier": ROUTED | {"recipe": "ClassifierAlone", "T_max": 500_000},
    "joint": ROUTED | {"recipe": "Routed", "lr": 2e-5},
}
OF_RCAN = {"lr": 3e-5, "eta_min": 2e-6}
STAGES["classsr_rcan"] = {
    name: about | ({"lr": 2e-4, "T_max": 1_000_000} if "part" in about else OF_RCAN)
    for name, about in STAGES["classsr"].items()
}
ONE_CLASS = {key: value for key, value in BRANCH.items() if key not in ("level", "classes", "thresholds", "ranking")}
STAGES["classsr_single"] = {"pixel": ONE_CLASS | {"T_max": 1_000_000}}
for key in ("scales", "turns"):  # of crops that are cut once
    del STAGES["waifu2x_study"]["pixel"][key]

QUICK = Length(steps=500, batch_size=8, hr_patch=64, val_every=0)
TILES = (Length(300, 8, 128, 0), Length(50_000, 32, 128, 1000))  # of 64 pixels of LR
LENGTHS = {
    "supervised": [(QUICK, Length(200_000, 16, 128, 5000))],
    "carn_paper": [(QUICK, Length(600_000, 64, 128, 1000))],
    "waifu2x_study": [(Length(3 * 40, 3, 48, 0), Length(300 * 40, 3, 256, 1200))],
    "mdrn_paper": [
        (QUICK, Length(1_000_000, 64, 384, 5000)),
        (Length(250, 8, 64, 0), Length(1_000_000, 64, 384, 5000)),
        (Length(250, 8, 96, 0), Length(650_000, 64, 480, 5000)),
    ],
    "mossnet": [TILES],
    "distillation": [TILES],
    "edge_study": [(Length(100, 8, 96, 0), Length(20_000, 64, 128, 500))],
    "restoration": [(Length(400, 8, 96, 0), Length(10_000, 64, 240, 500))],
    "classsr_single": [(Length(1800, 8, 64, 0), Length(1_000_000, 16, 128, 5000))],
}
for recipe, steps, batch in (("classsr", 500_000, 96), ("classsr_rcan", 1_000_000, 60)):
    LENGTHS[recipe] = [
        *[(Length(1000, 8, 64, 0), Length(steps, 16, 128, 5000))] * 3,
        (Length(400, 16, 128, 0), Length(200_000, batch, 128, 1000)),
        (Length(200, 8, 128, 0), Length(200_000, batch, 128, 1000)),
    ]


def built(run: RunSpec, files: list[Path]) -> dict[str, dict[str, Any]]:
    """By stage what the objects that train hold, whatever the config calls it."""
    return {stage.name: described(stage, run, files) for stage in run.stages}


def described(stage: StageSpec, run: RunSpec, files: list[Path]) -> dict[str, Any]:
    routed = stage.recipe.class_name in ("Routed", "ClassifierAlone")
    model = ClassSR([FSRCNN(d=1), FSRCNN(d=1)]) if routed else nn.Conv2d(3, 3, 1)
    recipe = stage.recipe.build("recipe", model=model, length=stage.length)
    if isinstance(recipe, Distillation):
        assert recipe.weights == {"hr": 0.5, "output": 0.5}  # and of embeddings, which a convolution has not
        assert stage.recipe.arguments["weights"]["embedding"] == 0.1
        assert len([*recipe.teacher.buffers()]) == len(MossNet(**MOSSNET_M).state_dict())
    optimizer = recipe.make_optimizer(list(model.parameters()))
    return {
        "recipe": type(recipe).__name__,
        "data": stage.data.component.class_name,
        "loss": of_loss(recipe),
        **of_optimizer(optimizer),
        **of_schedule(recipe.make_schedule(optimizer, recipe.updates)),
        "gradient_clip": recipe.gradient_clip,
        "ema": recipe.average and recipe.average.decay,
        "accumulate": recipe.accumulate,
        "epoch_steps": stage.epoch_steps,
        "start": stage.start,
        **({"part": stage.part} if stage.part else {}),
        **of_batches(stage, run, files),
    }


def of_loss(recipe: Supervised) -> str | dict[str, float]:
    """The class of the only one, or the weights by name."""
    if isinstance(recipe, Routed):
        return recipe.loss.weights | recipe.routing.weights
    return type(recipe.loss.losses["whole"]).__name__


def of_batches(stage: StageSpec, run: RunSpec, files: list[Path]) -> dict[str, Any]:
    if stage.batches.class_name == "SubImagePatches":  # the files are too small to cut from
        return {"sampler": "SubImagePatches", **stage.batches.arguments}
    return of_sampler(stage.batches.build("batches", Supply(files, run.scale, (2, 3, 4), 2, 24, seed=0)))


def of_optimizer(optimizer: Optimizer) -> dict[str, Any]:
    told = {key: optimizer.defaults[key] for key in ("lr", "betas", "eps", "weight_decay", "amsgrad")}
    return {"optimizer": type(optimizer).__name__, **told, "betas": tuple(told["betas"])}


def of_schedule(schedule: LRScheduler) -> dict[str, Any]:
    names = ("T_max", "eta_min", "milestones", "gamma", "factor")
    told = {name: getattr(schedule, name) for name in names if hasattr(schedule, name)}
    if "milestones" in told:
        told["milestones"] = sorted(told["milestones"].elements())
    return {"schedule": type(schedule).__name__, **told}


def of_sampler(sampler: Patches | FixedPatches) -> dict[str, Any]:
    if isinstance(sampler, FixedPatches):
        return {"sampler": "FixedPatches", "count": len(sampler.hr), "degrade": sampler.degrade}
    told = {"scales": sampler.scales, "degrade": sampler.degrade, "turns": len(sampler.turns)}
    return {"sampler": type(sampler).__name__, **told}


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What a recipe asks for beside its name."""
    teacher = tmp_path_factory.mktemp("weights") / "teacher.safetensors"
    save_file(MossNet(**MOSSNET_M).state_dict(), teacher)
    return {"distillation": [f"recipe.teacher_checkpoint={teacher}"]}


@pytest.mark.parametrize("name", STAGES)
def test_stages_are_built_as_their_source_says(plan, files, words, name):
    assert built(plan(f"recipe={name}", "budget=full", *words.get(name, [])), files) == STAGES[name]


@pytest.mark.parametrize("name", LENGTHS)
def test_stages_are_as_long_as_their_source_says(plan, name):
    quick, full = (plan(f"recipe={name}", f"budget={budget}").stages for budget in ("quick", "full"))
    assert [(one.length, other.length) for one, other in zip(quick, full, strict=True)] == LENGTHS[name]


def test_every_recipe_of_conf_is_told_here():
    files = (Path(__file__).parents[2] / "conf/recipe").glob("*.yaml")
    assert {file.stem for file in files} == STAGES.keys() | GAN_STAGES.keys()
    assert STAGES.keys() == LENGTHS.keys()


@pytest.mark.parametrize("name", STAGES)
def test_what_the_recipe_says_holds_for_every_stage(plan, files, words, name):
    more = ["recipe.gradient_clip=3", "recipe.epoch_steps=7", "recipe.ema=0.5", "recipe.optimizer.weight_decay=0.25"]
    told = {"gradient_clip": 3, "epoch_steps": 7, "ema": 0.5, "weight_decay": 0.25}
    found = built(plan(f"recipe={name}", "budget=full", *more, *words.get(name, [])), files)
    assert found == {stage: about | told for stage, about in STAGES[name].items()}


@pytest.mark.parametrize("name", STAGES)
def test_every_stage_accumulates_as_the_recipe_says(plan, name):
    stages = plan(f"recipe={name}", "recipe.accumulate=3").stages
    assert {stage.recipe.arguments["accumulate"] for stage in stages} == {3}


@pytest.mark.parametrize("name", ["supervised", "carn_paper", "mdrn_paper"])
def test_every_stage_that_crops_draws_scales_where_the_recipe_says_so(plan, files, name):
    found = built(plan(f"recipe={name}", "recipe.multi_scale=true"), files)
    assert {stage: about["scales"] for stage, about in found.items()} == dict.fromkeys(STAGES[name], (2, 3, 4))
