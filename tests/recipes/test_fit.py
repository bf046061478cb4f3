"""The training loop: what it leaves, that it repeats itself, and that an interrupted one ends like any other."""

import math
import os
import signal
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from srbench.data.images import write_image
from srbench.data.patches import Patches
from srbench.models.carn import CARN
from srbench.recipes.fit import NotFiniteError, Training, fit
from srbench.recipes.supervised import Supervised


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    y, x = np.mgrid[:48, :64]
    for i in range(2):
        image = 127 + 120 * np.sin(np.stack([x / (3 + i), y / 4, (x + y) / 5], axis=2))
        write_image(folder / f"{i}.png", image.astype(np.uint8))
    return sorted(folder.glob("*.png"))


def recipe(ema=None, learning_rate=1e-3, loss=None):
    torch.manual_seed(0)
    model = CARN(width=4, blocks=1, units=1, atrous=[1])
    schedule = partial(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=60)
    return Supervised(model, loss or nn.L1Loss(), partial(torch.optim.Adam, lr=learning_rate), schedule, ema)


def training(steps=12, validate=lambda model: 30.0, tell=lambda *_: None, **changes):
    settings = {"epoch_steps": 5, "val_every": 4, "device": "cpu", "precision": "bf16-mixed", "clip": 1.0}
    return Training(steps=steps, validate=validate, tell=tell, **(settings | changes))


def batches(files):
    return Patches(files, (2,), 2, 16, seed=0)


def weights(trained):
    return torch.cat([p.detach().flatten() for p in trained.parameters()])


def test_the_loss_falls_and_every_step_is_written(files, tmp_path):
    numbers = fit(recipe(learning_rate=0.02), batches(files), training(60, val_every=0), tmp_path)
    lines = (tmp_path / "losses.csv").read_text().splitlines()
    assert lines[0] == "step,epoch,loss"
    assert [line.split(",")[:2] for line in lines[1:]] == [[str(k), str((k - 1) // 5)] for k in range(1, 61)]
    losses = [float(line.split(",")[2]) for line in lines[1:]]
    assert np.mean(losses[-10:]) < 0.85 * np.mean(losses[:10])
    assert numbers["final_loss"] == pytest.approx(losses[-1])
    assert numbers["steps"] == 60
    assert 0 <= numbers["data_wait"] < 1


def test_the_same_seed_gives_the_same_losses(files, tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        fit(recipe(), batches(files), training(), tmp_path / name)
    assert (tmp_path / "a/losses.csv").read_bytes() == (tmp_path / "b/losses.csv").read_bytes()


@pytest.mark.parametrize("ema", [None, 0.9])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_training_ends_with_the_weights_of_another(files, tmp_path, ema, number):
    for name in "ab":
        (tmp_path / name).mkdir()
    whole = recipe(ema)
    fit(whole, batches(files), training(), tmp_path / "a")

    def interrupt(trained):  # at step 4, where it validates
        os.kill(os.getpid(), number)
        return 30.0

    with pytest.raises(KeyboardInterrupt):
        fit(recipe(ema), batches(files), training(validate=interrupt), tmp_path / "b")
    assert (tmp_path / "b/last.ckpt").is_file()
    with (tmp_path / "b/losses.csv").open("a") as file:
        file.write("6,1,0.5\n7,1,0.5\n")  # a run that was killed later than its last checkpoint
    resumed = recipe(ema)
    fit(resumed, batches(files), training(), tmp_path / "b")
    assert torch.equal(weights(whole.trained), weights(resumed.trained))
    assert (tmp_path / "a/losses.csv").read_bytes() == (tmp_path / "b/losses.csv").read_bytes()
    assert (tmp_path / "a/validation.csv").read_bytes() == (tmp_path / "b/validation.csv").read_bytes()


def test_averaged_weights_are_the_moving_average(files, tmp_path):
    seen = []

    class Watched(Supervised):
        def optimizer_step(self, *args, **kwargs):
            super().optimizer_step(*args, **kwargs)
            seen.append(weights(self.model).clone())

    plain = recipe()
    watched = Watched(plain.model, plain.loss, plain.make_optimizer, plain.make_schedule, 0.9)
    fit(watched, batches(files), training(), tmp_path)
    average = seen[0]  # torch starts the average at the first weights it sees
    for step in seen[1:]:
        average = 0.9 * average + 0.1 * step
    torch.testing.assert_close(weights(watched.trained), average, rtol=0, atol=1e-6)
    assert not torch.equal(weights(watched.trained), weights(watched.model))


def test_validation_sees_the_averaged_weights_and_leaves_training_alone(files, tmp_path):
    steps = []
    averaged = recipe(0.9)

    def validate(trained):
        steps.append(trained is averaged.trained)
        return 31.5

    fit(averaged, batches(files), training(validate=validate), tmp_path)
    assert steps == [True, True]
    assert (tmp_path / "validation.csv").read_text() == "step,psnr\n4,31.500000\n8,31.500000\n"


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_step(files, tmp_path):
    class Explodes(nn.Module):
        calls = 0

        def forward(self, sr, hr):
            self.calls += 1
            return (sr - hr).abs().mean() * (math.inf if self.calls == 7 else 1)

    with pytest.raises(NotFiniteError, match=r"the loss is inf at step 7; lower recipe\.optimizer\.lr"):
        fit(recipe(loss=Explodes()), batches(files), training(), tmp_path)
    assert (tmp_path / "losses.csv").read_text().splitlines()[-1].startswith("6,1,")


def test_progress_is_told_to_the_end(files, tmp_path):
    told = []
    fit(recipe(), batches(files), training(tell=lambda *words: told.append(words)), tmp_path)
    assert [done for _, done, _ in told][-1] == 12
    assert all(total == 12 for _, _, total in told)
    assert "loss 0." in told[-1][0]


def test_a_long_training_writes_means_of_several_steps(files, tmp_path, monkeypatch):
    monkeypatch.setattr("srbench.recipes.fit.MOST_ROWS", 4)
    (tmp_path / "a").mkdir()
    fit(recipe(), batches(files), training(val_every=0), tmp_path / "a")
    monkeypatch.undo()
    (tmp_path / "b").mkdir()
    fit(recipe(), batches(files), training(val_every=0), tmp_path / "b")
    few, all_rows = (np.loadtxt(tmp_path / name / "losses.csv", delimiter=",", skiprows=1) for name in "ab")
    np.testing.assert_array_equal(few[:, 0], [3, 6, 9, 12])
    np.testing.assert_allclose(few[:, 2], all_rows[:, 2].reshape(4, 3).mean(1), rtol=1e-6)
