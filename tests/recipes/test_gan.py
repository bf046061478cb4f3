"""The GAN recipe: its steps are those of a loop by hand, it resumes bit-equal in both stages, and what does not fit is
refused."""

import csv
import itertools
from functools import partial

import pytest
import torch
from torch import nn

from srbench.models.layers.discriminator import Discriminator, PooledDiscriminator
from srbench.recipes.adversarial import Hinge, RelativisticAverage, Vanilla
from srbench.recipes.average import Average
from srbench.recipes.callbacks import NotFiniteError
from srbench.recipes.fit import fit
from srbench.recipes.gan import GAN
from srbench.recipes.length import Length
from srbench.recipes.losses import L1, L2
from srbench.recipes.recipe import seed_torch
from srbench.recipes.schedules import constant, multistep
from srbench.recipes.stages import Stage
from tests.recipes.toys import a_session, a_stage, patches, small_carn, weights, write_images

CPU = torch.device("cpu")
LENGTH = Length(6, 2, 64, 2)
PUBLISHED = partial(Discriminator, widths=(4, 4, 4, 6, 6), hidden=8)  # batch normalisation and RReLU
POOLED = partial(PooledDiscriminator, widths=(4, 4, 4, 6, 6), hidden=8)
ADAM = partial(torch.optim.Adam, lr=2e-3)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Images that the published discriminator's least patch can be cut from."""
    return write_images(tmp_path_factory.mktemp("large"), height=66)


def gan(**changes) -> partial[GAN]:
    settings = {
        "loss": {"pixel": L1(0.1), "l2": L2()},
        "adversarial": RelativisticAverage(0.05),
        "discriminator": PUBLISHED,
        "optimizer": ADAM,
        "schedule": partial(multistep, milestones=[3], gamma=0.5),
        "discriminator_optimizer": partial(torch.optim.Adam, lr=1e-2),
        "discriminator_schedule": constant,
    }
    return partial(GAN, **(settings | changes))


def stages_of(files, recipe) -> list[Stage]:
    first = a_stage(files, 6, 2)
    return [first, Stage("gan", recipe, lambda: patches(files, LENGTH, stage=1), LENGTH, 3)]


class Kept:
    """Makes the recipe and keeps it."""

    def __init__(self, recipe) -> None:
        self.recipe = recipe

    def __call__(self, model, length):
        self.made = self.recipe(model, length)
        return self.made


def read(folder):
    with (folder / "losses.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def by_hand(files, adversarial, r1, every):
    """The stage in PyTorch alone, on images: generator, discriminator, average, and what each step's losses are."""
    model = small_carn()
    seed_torch(CPU, 0, 0, 0)
    critic = PUBLISHED(64).to(memory_format=torch.channels_last)
    model.to(memory_format=torch.channels_last)
    generates, judges = ADAM(model.parameters()), torch.optim.Adam(critic.parameters(), lr=1e-2)
    falls = torch.optim.lr_scheduler.MultiStepLR(generates, [3], 0.5)
    average, rows = Average(model, 0.5), []
    source = patches(files, LENGTH)
    for step in range(1, LENGTH.steps + 1):
        seed_torch(CPU, 0, 0, step)
        batch = source.batch(step - 1)
        lr, hr = (pixels.permute(0, 3, 1, 2).float() / 255 for pixels in (batch.lr, batch.hr))
        sr = model(lr)
        row = {"pixel": (sr - hr).abs().mean(), "l2": (sr - hr).square().mean()}
        real = critic(hr).detach() if isinstance(adversarial, RelativisticAverage) else None
        row["adversarial"] = adversarial.of_generator(real, critic(sr))
        row["loss"] = 0.1 * row["pixel"] + row["l2"] + 0.05 * row["adversarial"]
        generates.zero_grad()
        row["loss"].backward()
        generates.step()
        falls.step()
        average.move()
        average.moved()
        judges.zero_grad()
        real, fake = critic(hr), critic(sr.detach())
        row["discriminator"] = adversarial.of_discriminator(real, fake)
        row["r1"] = torch.zeros(())
        if (step - 1) % every == 0:
            images = hr.clone().requires_grad_()
            (gradient,) = torch.autograd.grad(critic(images).sum(), images, create_graph=True)
            row["r1"] = r1 / 2 * every * gradient.square().sum((1, 2, 3)).mean()
        (row["discriminator"] + row["r1"]).backward()
        judges.step()
        rows.append({name: value.item() for name, value in row.items()})
    return average.module, critic, rows


@pytest.mark.parametrize("adversarial", [Vanilla(0.05), RelativisticAverage(0.05), Hinge(0.05)])
def test_a_stage_is_that_of_a_loop_by_hand(large, tmp_path, adversarial):
    kept = Kept(gan(adversarial=adversarial, r1=3.0, r1_every=2, ema=0.5))
    stage = Stage("gan", kept, lambda: patches(large, LENGTH), LENGTH, 3)
    result, _ = fit(small_carn(), [stage], tmp_path, a_session(precision="32-true"))
    model, critic, rows = by_hand(large, adversarial, 3.0, 2)
    torch.testing.assert_close(weights(result), weights(model), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(weights(kept.made.discriminator), weights(critic), rtol=1e-4, atol=1e-6)
    for found, expected in zip(read(tmp_path), rows, strict=True):
        assert {name: float(found[name]) for name in expected} == pytest.approx(expected, rel=1e-4, abs=1e-6)
        assert min(float(found["gradient_norm"]), float(found["gradient_norm_discriminator"])) > 0
    assert [row["r1"] > 0 for row in rows] == [True, False] * 3


@pytest.mark.parametrize(("discriminator", "accumulate"), [(PUBLISHED, 1), (POOLED, 2)])
@pytest.mark.parametrize("validations", [1, 3])  # it fails at the second of a stage, and last.ckpt is of the first
def test_killed_in_either_stage_it_ends_as_if_it_had_not_been(large, tmp_path, discriminator, accumulate, validations):
    for name in "ab":
        (tmp_path / name).mkdir()
    kept = Kept(gan(discriminator=discriminator, r1=3.0, r1_every=2, ema=0.5, accumulate=accumulate))
    whole, _ = fit(small_carn(), stages_of(large, kept), tmp_path / "a", a_session())
    critic = kept.made.discriminator.state_dict()
    left = itertools.chain([30.0] * validations, [MemoryError])

    def validate(model):
        if (found := next(left, MemoryError)) is MemoryError:
            raise MemoryError
        return found

    with pytest.raises(MemoryError):
        fit(small_carn(), stages_of(large, kept), tmp_path / "b", a_session(validate))
    resumed, _ = fit(small_carn(), stages_of(large, kept), tmp_path / "b", a_session())
    assert torch.equal(weights(whole), weights(resumed))
    again = kept.made.discriminator.state_dict()
    assert all(torch.equal(again[name], tensor) for name, tensor in critic.items())
    assert (tmp_path / "a/losses.csv").read_bytes() == (tmp_path / "b/losses.csv").read_bytes()


@pytest.mark.parametrize(("adversarial", "passes"), [(RelativisticAverage(), 4), (Vanilla(), 3), (Hinge(), 3)])
def test_the_discriminator_draws_and_its_statistics_move(large, tmp_path, adversarial, passes):
    """Without which a resumption that is bit-equal would prove less."""
    kept = Kept(gan(adversarial=adversarial))
    fit(small_carn(), stages_of(large, kept), tmp_path, a_session())
    critic = kept.made.discriminator
    # SR and HR, in each of the two steps, but for HR where the generator's loss does not look at it.
    assert critic.block1[1].num_batches_tracked == passes * LENGTH.steps
    image = torch.rand(2, 3, 64, 64)
    assert not torch.equal(critic(image), critic(image))


def test_a_discriminator_learns_to_tell_sr_from_hr(large, tmp_path):
    length = Length(30, 2, 64, 0)
    made = gan(discriminator=POOLED, optimizer=partial(torch.optim.SGD, lr=0.0), adversarial=Vanilla())
    stage = Stage("gan", made, lambda: patches(large, length), length, 3)
    fit(small_carn(), [stage], tmp_path, a_session(precision="32-true"))
    losses = [float(row["discriminator"]) for row in read(tmp_path)]
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])


def test_a_discriminator_that_diverges_stops_the_run_with_its_reason(large, tmp_path):
    made = gan(discriminator=POOLED, discriminator_optimizer=partial(torch.optim.SGD, lr=1e30))
    line = r"the loss.* is (nan|inf|-inf) at step \d of stage gan; lower recipe\.stages\.gan\.\w*optimizer\.lr"
    with pytest.raises(NotFiniteError, match=line):
        fit(small_carn(), stages_of(large, made), tmp_path, a_session(precision="32-true"))


def test_a_discriminator_s_loss_that_is_not_finite_names_what_changes_it(large, tmp_path):
    class Nan(Vanilla):
        def of_discriminator(self, real, fake):
            return super().of_discriminator(real, fake) * torch.nan

    stages = stages_of(large, gan(adversarial=Nan()))
    with pytest.raises(NotFiniteError, match=r"\(discriminator\) is nan at step 1 of stage gan; ") as found:
        fit(small_carn(), stages, tmp_path, a_session(precision="32-true"))
    fix = "lower recipe.stages.gan.discriminator_optimizer.lr or train with precision=32"
    assert str(found.value).endswith(f"; {fix}")


def test_patches_that_a_scale_does_not_divide_are_those_of_the_discriminator():
    made = gan()(small_carn(), Length(1, 1, 65, 0))  # crops are of 64
    assert made.discriminator.patch == 64


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"discriminator": partial(Discriminator, patch=96)}, r"discriminator\.patch is 96, and .* patches are 64"),
        ({"discriminator": POOLED(16)}, "discriminator is PooledDiscriminator; write its class with _partial_: true"),
        ({"discriminator": partial(Discriminator, sigmoid=True)}, r"discriminator\.sigmoid is true; the losses take"),
        ({"discriminator": partial(Discriminator, widths=(4, 4))}, "discriminator for patches of 64 .* five numbers"),
        ({"adversarial": nn.MSELoss()}, r"adversarial is MSELoss\(\), where a loss of srbench.recipes.adversarial"),
        ({"discriminator_optimizer": None}, "discriminator_optimizer is None"),
        ({"discriminator_schedule": "cosine"}, "discriminator_schedule is cosine"),
        ({"r1": 0}, "r1 is 0; it must be a number above 0, or null"),
        ({"r1": 1.0, "r1_every": 0}, "r1_every is 0; it must be a whole number"),
        ({"loss": {"adversarial": L1()}}, r"loss\.adversarial: a term is called by a word, and not"),
        ({"loss": {}}, "loss has no terms"),
    ],
)
def test_what_does_not_fit_is_refused(changed, line):
    with pytest.raises(ValueError, match=line):
        gan(**changed)(small_carn(), LENGTH)


@pytest.mark.parametrize("weight", [-1, float("nan"), "much", True])
def test_a_weight_that_is_none_is_refused(weight):
    with pytest.raises(ValueError, match=r"weight is .*; it must be a number from 0 on"):
        RelativisticAverage(weight)


def test_a_patch_that_is_too_small_names_the_budget():
    with pytest.raises(ValueError, match=r"patches of 32 \(budget.hr_patch\): .* choose 61 or more"):
        gan()(small_carn(), Length(1, 1, 32, 0))
    with pytest.raises(ValueError, match=r"patches of 12 \(budget.hr_patch\): .* choose 16 or more"):
        gan(discriminator=POOLED)(small_carn(), Length(1, 1, 12, 0))
