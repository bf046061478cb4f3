"""Weighted sums of losses: what they add up to, what is logged of them, and what they refuse."""

import csv

import pytest
import torch
from torch import nn

from srbench.recipes.fit import fit
from srbench.recipes.losses import FFT, L1, L2, Edge, WeightedSum, as_sum
from tests.recipes.toys import a_session, a_stage, small_carn, supervised


def images():
    torch.manual_seed(0)
    return torch.rand(2, 3, 8, 8, requires_grad=True), torch.rand(2, 3, 8, 8)


def test_a_sum_weighs_its_terms_and_tells_each_without_its_weight():
    sr, hr = images()
    loss, parts = WeightedSum({"l1": L1(), "fft": FFT(weight=0.05), "own": nn.MSELoss()})(sr, hr)
    assert parts == {"l1": L1()(sr, hr), "fft": FFT()(sr, hr), "own": L2()(sr, hr)}
    assert loss.item() == pytest.approx((parts["l1"] + 0.05 * parts["fft"] + parts["own"]).item())
    assert not any(part.requires_grad for part in parts.values())


def test_losses_are_in_full_precision_where_the_network_is_not():
    sr, hr = images()
    exact, _ = WeightedSum({"edge": Edge(), "fft": FFT()})(sr, hr)
    with torch.autocast("cpu", torch.bfloat16):
        assert WeightedSum({"edge": Edge(), "fft": FFT()})(sr, hr)[0] == exact


def test_one_loss_is_the_whole_and_has_no_parts():
    sr, hr = images()
    for loss in (nn.L1Loss(), {"l1": L1()}):
        total, parts = as_sum(loss)(sr, hr)
        assert total == L1()(sr, hr)
        assert parts == {}
    assert as_sum({"l1": L1(weight=3)})(sr, hr)[0] == 3 * L1()(sr, hr)


@pytest.mark.parametrize(
    ("loss", "line"),
    [
        ({}, "loss has no terms"),
        ("mse", "loss is mse"),
        ({"step": L1()}, "loss.step: a term is called by a word"),
        ({"gradient_norm": L1()}, "loss.gradient_norm: a term is called by a word"),
        ({"gradient_norm_discriminator": L1()}, "loss.gradient_norm_discriminator: a term is called by a word"),
        ({"half": L1()}, "loss.half: a term is called by a word"),
        ({"values": L1()}, "loss.values: a term is called by a word"),
        ({"training": L1()}, "loss.training: a term is called by a word"),
        ({"a,b": L1()}, "loss.a,b: a term is called by a word"),
        ({"l1": 3}, "loss.l1 is 3, where a loss is needed"),
        ({"l1": L1(weight=-1)}, "loss.l1.weight is -1; it must be a number from 0 on"),
        ({"l1": L1(weight=float("nan"))}, "loss.l1.weight is nan"),
        ({"l1": L1(weight="much")}, "loss.l1.weight is much"),
    ],
)
def test_what_is_no_sum_is_refused(loss, line):
    with pytest.raises(ValueError, match=line):
        as_sum(loss)


def test_reductions_are_two():
    with pytest.raises(ValueError, match="reduction is none; it must be mean or sum"):
        L1(reduction="none")


def test_a_training_logs_the_parts_that_add_up_to_its_loss(files, tmp_path):
    losses = {"l1": L1(), "fft": FFT(weight=0.05)}
    fit(small_carn(), [a_stage(files, 3, 0, supervised(loss=losses))], tmp_path, a_session(precision="32-true"))
    with (tmp_path / "losses.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    for row in rows:
        assert float(row["loss"]) == pytest.approx(float(row["l1"]) + 0.05 * float(row["fft"]))
