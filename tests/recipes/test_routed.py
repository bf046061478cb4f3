"""ClassSR's losses at their limits, what its stages train and leave alone, and that an interrupted one ends like any
other."""

import csv
import math
import os
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from srbench.core.errors import UserError
from srbench.data.chains import parse_degradation
from srbench.data.images import read_image, write_image
from srbench.data.photos import Photos
from srbench.data.sub_image_patches import SubImagePatches
from srbench.data.supply import Supply
from srbench.models.carn import CARN
from srbench.models.classsr import ClassSR
from srbench.models.fsrcnn import FSRCNN
from srbench.recipes.callbacks import NotFiniteError
from srbench.recipes.fit import fit
from srbench.recipes.length import Length
from srbench.recipes.losses import L1, Edge
from srbench.recipes.routed import AverageLoss, ClassifierAlone, ClassLoss, Routed
from srbench.recipes.schedules import cosine
from srbench.recipes.stages import Stage
from srbench.recipes.supervised import as_images
from tests.recipes.toys import a_session, supervised, weights

ADAM = partial(torch.optim.Adam, lr=1e-3)
EXACT = a_session(precision="32-true")


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """A part of a photograph, 256×256."""
    file = tmp_path_factory.mktemp("photo") / "a.png"
    write_image(file, read_image(Photos().train()[0])[:256, 100:356].copy())
    return [file]


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def of_fsrcnns() -> ClassSR:
    torch.manual_seed(0)
    return ClassSR([FSRCNN(d=d, s=2, m=1) for d in (2, 3, 4)])


def of_normalised_carns() -> ClassSR:
    """With batch normalisation, as ClassSR's own CARNs."""
    torch.manual_seed(0)
    return ClassSR([CARN(4, width=4, blocks=1, units=1, atrous=[1], fusion_norm="batch") for _ in range(2)])


def routed(recipe=Routed, **losses) -> partial[Routed]:
    named = {"image": L1(weight=1000), "class": ClassLoss(weight=0.5), "average": AverageLoss(weight=3)}
    settings = {
        "loss": named | losses,
        "optimizer": ADAM,
        "schedule": cosine,
    }
    return partial(recipe, **settings)


def a_stage(files, name, recipe, number, level=None, part=None, steps=5) -> Stage:
    length = Length(steps, 3, 32, 2)
    supply = Supply(files, 4, None, 3, 32, seed=0, stage=number)
    batches = partial(SubImagePatches, supply, level=level, factors=[1.0])
    return Stage(name, recipe, batches, length, 5, part=part)


def all_stages(files, recipe=routed) -> list[Stage]:
    names = enumerate(("easy", "medium", "hard"))
    branches = [a_stage(files, name, supervised(), n, level=n + 1, part=f"net{n + 1}") for n, name in names]
    return [
        *branches,
        a_stage(files, "classifier", recipe(ClassifierAlone), 3),
        a_stage(files, "joint", recipe(), 4),
    ]


def one_hot(*classes: int) -> torch.Tensor:
    return nn.functional.one_hot(torch.tensor(classes), 3).double()


@pytest.mark.parametrize(("probabilities", "value"), [(one_hot(0, 2, 2), 0), (torch.full((4, 3), 1 / 3), 2)])
def test_the_class_loss_falls_from_undecided_to_certain(probabilities, value):
    assert ClassLoss()(probabilities).item() == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(
    ("probabilities", "value"),
    [
        (one_hot(0, 1, 2), 0),
        (torch.full((4, 3), 1 / 3), 0),
        (one_hot(1, 1), 1),
        (one_hot(0, 0, 1, 1, 1, 2), 0.25),  # (|2 − 2| + |3 − 2| + |1 − 2|) / (4 · 6 / 3)
        (torch.tensor([[1.0, 0.0], [1.0, 0.0]]), 1),
    ],
)
def test_the_average_loss_rises_from_even_to_all_in_one(probabilities, value):
    assert AverageLoss()(probabilities).item() == pytest.approx(value, abs=1e-6)


def test_losses_of_two_classes_have_the_same_limits():
    assert ClassLoss()(torch.tensor([[0.0, 1.0]])).item() == 0
    assert ClassLoss()(torch.tensor([[0.5, 0.5]])).item() == 1
    assert AverageLoss()(torch.tensor([[0.0, 1.0], [1.0, 0.0]])).item() == 0


def test_a_step_trains_the_weighted_sum_of_the_image_and_the_probabilities(photo, tmp_path):
    stage = a_stage(photo, "joint", routed(), 0, steps=1)
    fit(of_fsrcnns(), [stage], tmp_path, EXACT)
    model, batch = of_fsrcnns().train(), stage.batches().batch(0)
    sr, probabilities = model.soft(as_images(batch.lr))
    image = (sr - as_images(batch.hr)).abs().mean().item()
    undecided, uneven = (loss(probabilities).item() for loss in (ClassLoss(), AverageLoss()))
    with (tmp_path / "losses.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert list(row) == ["stage", "step", "epoch", "loss", "image", "class", "average", "gradient_norm"]
    expected = {"loss": 1000 * image + 0.5 * undecided + 3 * uneven, "image": image, "class": undecided}
    for name, value in (expected | {"average": uneven}).items():
        assert float(row[name]) == pytest.approx(value, rel=1e-5)


def test_losses_are_in_full_precision_where_the_network_is_not(photo):
    stage = a_stage(photo, "joint", routed(image=Edge()), 0)
    recipe, batch, seen = stage.recipe(of_fsrcnns(), stage.length), stage.batches().batch(0), []
    soft = recipe.model.soft
    recipe.model.soft = lambda lr: seen.append(soft(lr)) or seen[0]
    with torch.autocast("cpu", torch.bfloat16):
        _, terms = recipe.losses(batch)
    sr, probabilities = (output.float() for output in seen[0])
    assert terms["image"] == Edge()(sr, as_images(batch.hr))
    assert terms["class"] == ClassLoss()(probabilities)


def test_a_branch_is_trained_alone_on_its_class(photo, tmp_path):
    model = of_fsrcnns()
    before = {name: weights(part).clone() for name, part in model.named_children()}
    fit(model, [a_stage(photo, "medium", supervised(), 0, level=2, part="net2")], tmp_path, EXACT)
    assert [name for name, part in model.named_children() if not torch.equal(weights(part), before[name])] == ["net2"]


@pytest.mark.parametrize(
    ("recipe", "moved"), [(ClassifierAlone, {"classifier"}), (Routed, {"net1", "net2", "classifier"})]
)
def test_frozen_branches_keep_weights_and_statistics(photo, tmp_path, recipe, moved):
    model = of_normalised_carns()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    trainable = [weight.requires_grad for weight in model.parameters()]
    fit(model, [a_stage(photo, "classifier", routed(recipe), 0)], tmp_path, EXACT)
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert {name.partition(".")[0] for name in changed} == moved
    assert any("running_mean" in name for name in changed) is (recipe is Routed)
    assert [weight.requires_grad for weight in model.parameters()] == trainable


@pytest.mark.parametrize("stage", range(5))
def test_a_kill_in_any_stage_ends_with_the_weights_and_losses_of_an_uninterrupted_training(photo, tmp_path, stage):
    for name in "ab":
        (tmp_path / name).mkdir()
    whole, _ = fit(of_fsrcnns(), all_stages(photo), tmp_path / "a", EXACT)
    validations = []

    def killed(model):  # at step 4 of the stage; last.ckpt is of step 2
        validations.append(model)
        if len(validations) == 2 * stage + 2:
            raise MemoryError
        return 30.0

    with pytest.raises(MemoryError):
        fit(of_fsrcnns(), all_stages(photo), tmp_path / "b", a_session(killed, precision="32-true"))
    resumed, _ = fit(of_fsrcnns(), all_stages(photo), tmp_path / "b", EXACT)
    assert torch.equal(weights(whole), weights(resumed))
    assert (tmp_path / "a/losses.csv").read_bytes() == (tmp_path / "b/losses.csv").read_bytes()


def test_a_term_that_is_not_finite_stops_the_run_and_is_named(photo, tmp_path):
    class Nan(ClassLoss):
        def forward(self, probabilities):
            return super().forward(probabilities) * math.nan

    recipe = routed(**{"class": Nan()})
    with pytest.raises(NotFiniteError, match="is nan at step 1 of stage joint"):
        fit(of_fsrcnns(), [a_stage(photo, "joint", recipe, 0)], tmp_path, EXACT)


@pytest.mark.parametrize(
    ("model", "changes", "line"),
    [
        (FSRCNN(d=1), {}, "trains a ClassSR of two branches or more, as model=classsr, not a FSRCNN"),
        (ClassSR([FSRCNN(d=1)]), {}, "not a ClassSR of one branch"),
        (
            ClassSR([FSRCNN(d=1), FSRCNN(d=1)]),
            {"image": ClassLoss()},
            "loss needs terms by name of the image and of the probabilities",
        ),
    ],
)
def test_what_does_not_fit_is_told_in_a_line(model, changes, line):
    with pytest.raises(ValueError, match=line):
        routed(**changes)(model, Length(1, 1, 32, 0))


def sub_images(files, **changes):
    settings = {"level": None, "factors": [1.0]} | changes
    patch, scale = settings.pop("hr_patch", 128), settings.pop("scale", 4)
    supply = Supply(files, scale, None, 16, patch, seed=1, degradation=settings.pop("degradation", None))
    return SubImagePatches(supply, **settings)


def test_the_classes_are_equal_parts_from_the_easiest_on(photo):
    sampler = sub_images(photo)
    psnr = sampler.images.windows["psnr"]
    assert sampler.counts == (3, 3, 3)  # 256 pixels hold windows at 0, 64 and 128
    levels = [sub_images(photo, level=level) for level in (1, 2, 3)]
    assert sorted(i for one in levels for i in one.members) == list(range(9))
    easiest, medium, hardest = (psnr[one.members] for one in levels)
    assert easiest.min() > medium.max() >= medium.min() > hardest.max()


def test_a_level_s_batches_hold_its_sub_images_and_depend_on_seed_stage_and_step_alone(photo):
    sampler = sub_images(photo, level=3)
    batch, again = sampler.batch(7), sub_images(photo, level=3).batch(7)
    assert torch.equal(batch.hr, again.hr)
    assert torch.equal(batch.lr, again.lr)
    assert not torch.equal(batch.hr, sampler.batch(8).hr)
    own = {tuple(sorted(sampler.images.pair(int(i))[1].reshape(-1, 3).sum(0).tolist())) for i in sampler.members}
    assert {tuple(sorted(one.reshape(-1, 3).long().sum(0).tolist())) for one in batch.hr} <= own
    assert batch.lr.shape == (16, 32, 32, 3)
    assert batch.hr.shape == (16, 128, 128, 3)


def test_smaller_patches_are_crops_whose_lr_and_hr_belong_together(photo):
    batch = sub_images(photo, hr_patch=64).batch(0)
    assert batch.hr.shape == (16, 64, 64, 3)
    mean = batch.hr.float().reshape(16, 16, 4, 16, 4, 3).mean((2, 4))
    assert (mean - batch.lr.float()).abs().mean() < 3


def test_published_thresholds_and_prepared_windows(photo):
    ours = sub_images(photo)
    made = sub_images(photo, sub_images=cached(), thresholds=[20.0, 30.0])
    psnr = made.images.windows["psnr"]
    assert made.counts == tuple(
        int(n) for n in ((psnr >= 30).sum(), ((psnr >= 20) & (psnr < 30)).sum(), (psnr < 20).sum())
    )
    assert torch.equal(made.batch(3).hr, ours.batch(3).hr)


def cached() -> str:
    """The folder of the sub-images that were cut last."""
    (folder,) = (Path(os.environ["XDG_CACHE_HOME"]) / "srbench/classsr").iterdir()
    return str(folder)


def test_prepared_windows_of_other_images_are_refused(photo, tmp_path):
    sub_images(photo)
    other = tmp_path / "b.png"
    write_image(other, read_image(photo[0]))
    with pytest.raises(UserError, match="was made from other images than those of `data`"):
        sub_images([other], sub_images=cached())


def test_a_class_without_sub_images_is_told_with_numbers(photo):
    with pytest.raises(UserError, match=r"class 1 has no sub-images: 0 of class 1, 0 of class 2, 9 of class 3"):
        sub_images(photo, level=2, thresholds=[90, 99])


def test_all_sub_images_in_one_class_are_a_warning_with_numbers(photo, caplog):
    sub_images(photo, thresholds=[1, 2])
    assert "all sub-images are in one class: 9 of class 1, 0 of class 2, 0 of class 3" in caplog.text


@pytest.mark.parametrize(
    ("changes", "error", "line"),
    [
        ({"scale": 2}, UserError, "scale=2: ClassSR's sub-images are for scale=4"),
        ({"hr_patch": 256}, UserError, "budget.hr_patch=256: ClassSR's sub-images have 128 pixels a side"),
        ({"level": 4}, ValueError, "level is 4; it must be from 1 to classes=3"),
        ({"thresholds": [30, 20]}, ValueError, r"thresholds are \[30, 20\]; 3 classes need 2, rising"),
    ],
)
def test_arguments_that_do_not_fit_are_told(photo, changes, error, line):
    with pytest.raises(error, match=line):
        sub_images(photo, **changes)


def test_lr_goes_through_the_degradation_as_patches_do(photo):
    clean, noisy = sub_images(photo).batch(2), sub_images(photo, degradation=parse_degradation("noise")).batch(2)
    assert torch.equal(clean.hr, noisy.hr)
    assert 10 < (noisy.lr.float() - clean.lr.float()).std() < 30  # sigma 0.1 of 255, clipped
