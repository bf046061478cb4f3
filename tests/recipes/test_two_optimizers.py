"""A recipe with two optimizers, a generator's and a critic's that draws: what `update` does equals a loop by hand."""

import csv
from functools import partial

import pytest
import torch
from torch import nn

from srbench.data.patches import Patches
from srbench.recipes.fit import fit
from srbench.recipes.length import Length
from srbench.recipes.recipe import seed_torch
from tests.recipes.toys import Adversarial, a_session, a_stage, patches, small_carn, weights

STEPS = 12
CPU = torch.device("cpu")


class Kept:
    """Makes the recipe and keeps it."""

    def __init__(self, recipe=Adversarial) -> None:
        self.recipe = recipe

    def __call__(self, model, length):
        self.made = self.recipe(model, length)
        return self.made


def trained(files, folder, recipe=Adversarial, session=None, steps=STEPS):
    """The recipe after its training, and the result."""
    kept = Kept(recipe)
    stage = a_stage(files, steps=steps, recipe=kept, name="gan")
    result, _ = fit(small_carn(), [stage], folder, session or a_session(precision="32-true"))
    return kept.made, result


def by_hand(source: Patches, accumulate: int = 1):
    """What the recipe does, in PyTorch alone: model, critic, the average and the rows of losses.csv."""
    model = small_carn()
    seed_torch(CPU, 0, 0, 0)
    recipe = Adversarial(model, Length(STEPS, 2, 16, 0))
    model.to(memory_format=torch.channels_last)
    critic = recipe.critic.to(memory_format=torch.channels_last)
    generates = torch.optim.Adam(model.parameters(), lr=2e-3)
    judges = torch.optim.Adam(critic.parameters(), lr=1e-2, betas=(0.5, 0.9))
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(generates, -(-STEPS // accumulate))
    average, rows = None, []
    for step in range(1, STEPS + 1):
        seed_torch(CPU, 0, 0, step)
        batch = source.batch(step - 1)
        together = min(accumulate, STEPS - (step - 1) // accumulate * accumulate)
        last = step % accumulate == 0 or step == STEPS
        losses = recipe.losses_of_generator(batch)
        loss = losses["pixel"] + 0.1 * losses["adversarial"]
        (loss / together).backward()
        if last:
            nn.utils.clip_grad_norm_(model.parameters(), 0.1)
            generates.step()
            generates.zero_grad()
            cosine.step()
            now = weights(model).clone()
            average = now if average is None else average.lerp(now, 1 - 0.8)
        losses["critic"] = recipe.loss_of_critic(batch)
        (losses["critic"] / together).backward()
        if last:
            judges.step()
            judges.zero_grad()
        rows.append([float(f"{value.item():.8g}") for value in (loss, *losses.values())])
    return model, critic, average, rows


def read(folder):
    with (folder / "losses.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("accumulate", [1, 5])  # 5 leaves two batches for the last update
def test_weights_average_and_losses_are_those_of_a_loop_by_hand(files, tmp_path, accumulate):
    recipe, result = trained(files, tmp_path, partial(Adversarial, accumulate=accumulate))
    stage = a_stage(files)
    model, critic, average, rows = by_hand(patches(files, stage.length), accumulate)
    assert torch.equal(weights(recipe.critic), weights(critic))
    assert torch.equal(weights(result), average)
    assert not torch.equal(average, weights(model))
    names = ("loss", "pixel", "adversarial", "critic")
    assert [[float(row[name]) for name in names] for row in read(tmp_path)] == rows


def test_a_step_is_a_batch_and_not_a_step_of_an_optimizer(files, tmp_path):
    recipe, _ = trained(files, tmp_path)
    assert recipe.step == STEPS
    assert [(row["stage"], row["step"]) for row in read(tmp_path)] == [("gan", str(k)) for k in range(1, STEPS + 1)]
    assert (tmp_path / "validation.csv").read_text() == "stage,step,psnr\ngan,4,30.000000\ngan,8,30.000000\n"


def test_each_optimizer_has_its_schedule(files, tmp_path):
    rates = []

    class Watched(Adversarial):
        def training_step(self, batch, index):
            rates.append([optimizer.param_groups[0]["lr"] for optimizer in self.all_optimizers])
            return super().training_step(batch, index)

    trained(files, tmp_path, Watched)
    assert rates[STEPS // 2] == [pytest.approx(1e-3), 1e-2]  # half a cosine from 2e-3 to 0
    assert rates[0] == [2e-3, 1e-2]


def test_the_gradient_norm_is_kept_of_each_optimizer_before_clipping(files, tmp_path):
    recipe, _ = trained(files, tmp_path, steps=1)
    generator, critic = recipe.gradient_norms.values()
    model = small_carn()
    seed_torch(CPU, 0, 0, 0)
    alike = Adversarial(model, Length(1, 2, 16, 0)).to(
        memory_format=torch.channels_last
    )  # in whose order numbers are drawn
    seed_torch(CPU, 0, 0, 1)
    losses = alike.losses_of_generator(patches(files, a_stage(files).length).batch(0))
    (losses["pixel"] + 0.1 * losses["adversarial"]).backward()
    expected = torch.cat([w.grad.flatten() for w in alike.model.parameters() if w.grad is not None]).norm()
    torch.testing.assert_close(generator, expected)
    assert generator > 0.1 < critic


@pytest.mark.parametrize("accumulate", [1, 5])
def test_random_numbers_and_open_gradients_go_on_where_a_training_stopped(files, tmp_path, accumulate):
    for name in "ab":
        (tmp_path / name).mkdir()
    make = partial(Adversarial, accumulate=accumulate)
    whole, result = trained(files, tmp_path / "a", make)
    validations = [30.0]  # the second, at step 8, fails, and last.ckpt is of step 4
    with pytest.raises(IndexError):
        trained(files, tmp_path / "b", make, a_session(lambda _: validations.pop(), precision="32-true"))
    assert len(read(tmp_path / "b")) == 8
    resumed, again = trained(files, tmp_path / "b", make)
    assert torch.equal(weights(result), weights(again))
    assert torch.equal(weights(whole.critic), weights(resumed.critic))
    assert (tmp_path / "a/losses.csv").read_bytes() == (tmp_path / "b/losses.csv").read_bytes()
