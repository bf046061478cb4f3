"""What every recipe has of its base: random numbers of its own, and updates in full precision."""

from typing import ClassVar

import pytest
import torch
from torch import nn
from torch.autograd import Function

from srbench.models.carn import CARN
from srbench.recipes.average import Average
from srbench.recipes.fit import fit
from srbench.recipes.recipe import seed_torch
from srbench.recipes.supervised import Supervised
from tests.recipes.toys import a_session, a_stage, small_carn, supervised

CPU = torch.device("cpu")


def drawn(*place):
    seed_torch(CPU, *place)
    return torch.rand(3)


def test_what_is_drawn_depends_on_seed_stage_and_step_and_on_nothing_else():
    places = [(3, 1, 2), (4, 1, 2), (3, 2, 2), (3, 1, 3), (3, 1, 0), (3, 0, 1)]
    assert len({tuple(drawn(*place).tolist()) for place in places}) == len(places)
    assert torch.equal(drawn(3, 1, 2), drawn(3, 1, 2))


class Watched(Function):
    """The identity, which notes whether autocast is on in its two passes; not of the meta device, where a training is
    predicted."""

    seen: ClassVar = []

    @staticmethod
    def note(pass_, x):
        if not x.is_meta:
            Watched.seen.append((pass_, torch.is_autocast_enabled("cpu")))

    @staticmethod
    def forward(ctx, x):
        Watched.note("forward", x)
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        Watched.note("backward", gradient)
        return gradient


class WatchedCARN(CARN):
    def forward(self, lr):
        return Watched.apply(super().forward(lr))


class WatchedLoss(nn.L1Loss):
    def forward(self, sr, hr):
        return super().forward(sr if sr.is_meta else Watched.apply(sr), hr)  # memory is predicted on meta


def test_autocast_is_for_the_networks_forward_pass_alone(files, tmp_path):
    Watched.seen.clear()
    model = WatchedCARN(width=4, blocks=1, units=1, atrous=[1])
    fit(model, [a_stage(files, 2, 0, supervised(loss=WatchedLoss()))], tmp_path, a_session(precision="bf16-mixed"))
    step = [("forward", True), ("forward", False), ("backward", False), ("backward", False)]
    assert Watched.seen == step * 2


def test_an_average_of_weights_that_nobody_trains_is_refused(files, tmp_path):
    def recipe(model, length):
        made = Supervised(model, length, **supervised().keywords)
        made.average = Average(small_carn(), 0.9)
        return made

    with pytest.raises(ValueError, match="The averaged weights are trained by 0 optimizers"):
        fit(small_carn(), [a_stage(files, 2, 0, recipe)], tmp_path, a_session())
