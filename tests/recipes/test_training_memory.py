"""The memory of a training before it starts: counted by hand, against what one takes, and what is said of it."""

import logging
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn

from srbench.core import hardware
from srbench.core.errors import UserError
from srbench.core.hardware import DeviceMemory
from srbench.recipes.fit import fit
from srbench.recipes.length import Length
from srbench.recipes.schedules import constant
from srbench.recipes.supervised import Supervised
from srbench.recipes.training_memory import OF_CODE, OF_TENSORS, training_memory
from tests.recipes.toys import a_session, a_stage, small_carn, supervised

BATCH, PATCH = 4, 32


class Plain(nn.Module):
    """3 → 3 × scale² channels at LR's size, no bias, and a pixel shuffle."""

    def __init__(self, scale=2):
        super().__init__()
        self.conv = nn.Conv2d(3, 3 * scale**2, 3, padding=1, bias=False)
        self.shuffle, self.scale = nn.PixelShuffle(scale), scale

    def forward(self, lr):
        return self.shuffle(self.conv(lr))


def of(optimizer, batch=BATCH, device="cuda", model=None):
    model = model or Plain()
    recipe = supervised(optimizer=optimizer)(model, Length(1, batch, PATCH, 0))
    return training_memory(model, recipe, "32-true", device)


ADAM, SGD = partial(torch.optim.Adam, lr=1e-3), partial(torch.optim.SGD, lr=1e-3)


def test_an_optimizer_s_moments_are_counted():
    weights = 4 * 12 * 3 * 9
    assert of(ADAM) - of(SGD) == 2 * weights + 4  # two moments, and the number of updates


def test_images_are_counted_that_are_alive_at_once():
    hr = 4 * 3 * PATCH**2  # bytes of one image; the convolution's output holds as much
    grown = (of(SGD, 8) - of(SGD, 4)) / (4 * hr)
    # LR (a quarter), HR, and of what passes make at least SR and its gradient, at most each operator's output.
    assert 3.25 <= grown <= 6.25


def test_a_patch_that_the_scale_does_not_divide_is_counted_as_it_is_cut():
    assert PATCH % 3
    weights = 4 * 27 * 3 * 9
    images = 4 * 3 * (PATCH // 3 * 3) ** 2 * BATCH  # bytes of HR
    assert 3 <= (of(SGD, model=Plain(3)) - weights) / images <= 6.25


def test_averaged_weights_are_counted():
    model = Plain()
    recipe = supervised(optimizer=SGD, ema=0.9)(model, Length(1, BATCH, PATCH, 0))
    assert training_memory(model, recipe, "32-true", "cuda") - of(SGD) == 4 * 12 * 3 * 9


def test_half_precision_takes_less():
    model = small_carn()
    recipe = supervised()(model, Length(1, 16, 64, 0))
    whole, half = (training_memory(model, recipe, kind, "cuda") for kind in ("32-true", "bf16-mixed"))
    assert 0.45 * whole < half < 0.75 * whole


def test_a_process_on_a_cpu_takes_more_than_its_tensors():
    assert of(SGD, device="cpu") == round(OF_TENSORS * of(SGD)) + OF_CODE


def test_what_no_machine_has_is_refused_before_the_first_step(files, tmp_path):
    stage = replace(a_stage(files, batches=lambda: None), length=Length(4, 10**9, 16, 0))
    with pytest.raises(UserError, match=r"^budget\.batch_size=1000000000: recipe\.stages\.pixel takes about .* GB"):
        fit(small_carn(), [stage], tmp_path, a_session())
    assert not (tmp_path / "losses.csv").exists()


def test_what_is_not_free_now_is_told_and_what_fits_is_not(files, tmp_path, monkeypatch, caplog):
    needed = of(ADAM, 2, "cpu")
    for free, told in ((needed // 2, True), (10 * needed, False)):
        caplog.clear()
        monkeypatch.setattr(hardware, "memory", lambda _, free=free: DeviceMemory(10 * needed, free))
        with caplog.at_level(logging.WARNING, "srbench"):
            folder = tmp_path / str(told)
            folder.mkdir()
            fit(Plain(), [a_stage(files, steps=2, recipe=supervised(optimizer=ADAM))], folder, a_session())
        assert ("lower budget.batch_size or budget.hr_patch" in caplog.text) is told


def test_a_network_that_does_not_run_without_values_is_not_predicted_and_trains(files, tmp_path, caplog):
    class Looks(Plain):
        def forward(self, lr):
            return super().forward(lr if lr.mean().item() < 2 else lr / 255)

    with caplog.at_level(logging.INFO, "srbench"):
        fit(Looks(), [a_stage(files, steps=2)], tmp_path, a_session())
    assert "recipe.stages.pixel: its memory is not predicted (" in caplog.text


def test_the_recipe_stays_as_it_is():
    model = Plain()
    recipe = Supervised(model, Length(1, 2, 16, 0), nn.L1Loss(), ADAM, constant)
    before = {name: tensor.clone() for name, tensor in recipe.state_dict().items()}
    training_memory(model, recipe, "bf16-mixed", "cpu")
    assert all(torch.equal(before[name], tensor) for name, tensor in recipe.state_dict().items())
    assert all(parameter.grad is None for parameter in recipe.parameters())
