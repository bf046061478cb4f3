"""Counts, costs, colours and errors of SRGAN, ESRGAN and MESRGAN as NeonSky/computer-vision-MESRGAN builds them; the
numbers are those of its code, built and counted. Its outputs: tests/parity/test_gan_parity.py."""

import re

import pytest
import torch
from torch import nn

from srbench.metrics.cost import complexity, dead_parameters, parameters
from srbench.models.esrgan import ESRGAN
from srbench.models.layers.discriminator import Discriminator, PooledDiscriminator
from srbench.models.layers.normalize import Normalize
from srbench.models.mesrgan import MESRGAN
from srbench.models.srgan import SRGAN
from tests.models.on_meta import on_meta

MEAN = torch.tensor([0.4439, 0.4517, 0.4054])[:, None, None]
STD = torch.tensor([0.2738, 0.2607, 0.2856])[:, None, None]


def count(module: nn.Module) -> int:
    return parameters(module).trainable


def flops(network, **factors) -> int:
    return complexity(on_meta(network, **factors), 64, 64).flops


@pytest.mark.parametrize(
    ("network", "factors", "total", "trunk"),
    [
        (SRGAN, {}, 1_547_350, 1_183_760),
        (ESRGAN, {}, 4_223_556, 3_836_928),
        (MESRGAN, {"expansion": 1}, 2_402_884, 2_016_256),
        (MESRGAN, {}, 4_416_068, 4_029_440),
    ],
)
def test_parameters_of_the_published_code(network, factors, total, trunk):
    model = on_meta(network, **factors)
    assert (count(model), count(model.rrdbs)) == (total, trunk)
    assert parameters(model).frozen == 0
    assert dead_parameters(model) == {}


@pytest.mark.parametrize(
    ("network", "factors", "giga_64", "giga_128", "giga_256", "mega_activations_64"),
    [
        (SRGAN, {}, 9.103, 36.41, 145.65, 14.35),
        (ESRGAN, {}, 21.467, 85.87, 343.48, 22.74),
        (MESRGAN, {"expansion": 1}, 13.926, 55.70, 222.81, 106.63),
        (MESRGAN, {}, 22.088, 88.35, 353.41, 190.51),
    ],
)
def test_multiply_adds_of_the_published_code(network, factors, giga_64, giga_128, giga_256, mega_activations_64):
    small, middle, large = (complexity(on_meta(network, **factors), side, side) for side in (64, 128, 256))
    assert round(small.flops / 1e9, 3) == giga_64
    assert (round(middle.flops / 1e9, 2), round(large.flops / 1e9, 2)) == (giga_128, giga_256)
    assert round(small.activations / 1e6, 2) == mega_activations_64
    assert (small.unknown, small.beyond_fvcore) == ((), ())


@pytest.mark.parametrize(
    ("network", "factors", "size", "per_pixel"),
    [
        (SRGAN, {}, 73_985, 73_728 + 2 * 2 * 64),  # two convolutions; fvcore counts 2 for each value normalised
        (ESRGAN, {}, 239_808, 239_616),
        (MESRGAN, {"expansion": 1}, 126_016, 124_544),
        (MESRGAN, {}, 251_840, 249_088),
    ],
)
def test_parameters_and_multiply_adds_of_one_more_block(network, factors, size, per_pixel):
    one, two = on_meta(network, blocks=1, **factors), on_meta(network, blocks=2, **factors)
    assert count(two) - count(one) == size
    assert flops(network, blocks=2, **factors) - flops(network, blocks=1, **factors) == per_pixel * 64 * 64


@pytest.mark.parametrize(
    ("factors", "total"),
    [
        ({"patch": 128, "first_bias": False, "sigmoid": True}, 17_796_417),  # SRGAN
        ({}, 17_796_481),  # ESRGAN and MESRGAN
        ({"patch": 96, "first_bias": False, "sigmoid": True}, 9_407_809),  # SRGAN's own patch
    ],
)
def test_parameters_of_the_published_discriminators(factors, total):
    assert count(on_meta(Discriminator, **factors)) == total


@pytest.mark.parametrize("network", [SRGAN, ESRGAN, MESRGAN])
def test_colours_are_normalised_before_the_network_and_put_back_after_it(network):
    model = network(blocks=1, width=4).eval()
    lr = torch.rand(2, 3, 5, 7)
    with torch.inference_mode():
        torch.testing.assert_close(model(lr), model.generate((lr - MEAN) / STD) * STD + MEAN)


def test_the_training_set_s_mean_is_zero_and_one_deviation_above_it_is_one():
    normalize = Normalize()
    colours = torch.stack([MEAN, MEAN + STD]).expand(2, 3, 2, 2)
    torch.testing.assert_close(normalize(colours), torch.tensor([0.0, 1.0])[:, None, None, None].expand(2, 3, 2, 2))
    torch.testing.assert_close(normalize.undo(normalize(colours)), colours)
    assert normalize.state_dict() == {}  # the published weights have no such entries


@pytest.fixture(scope="module")
def narrow() -> Discriminator:
    return Discriminator(patch=61, widths=(4, 4, 4, 4, 4), hidden=8).eval()


def test_the_discriminator_judges_normalised_colours(narrow):
    images = torch.rand(3, 3, 61, 61)
    with torch.inference_mode():
        torch.testing.assert_close(narrow(images), narrow.judge((images - MEAN) / STD))


def test_with_sigmoid_the_logit_becomes_a_probability(narrow):
    probable = Discriminator(patch=61, sigmoid=True, widths=(4, 4, 4, 4, 4), hidden=8).eval()
    probable.load_state_dict(narrow.state_dict())
    images = torch.rand(3, 3, 61, 61)
    with torch.inference_mode():
        torch.testing.assert_close(probable(images), 1 / (1 + (-narrow(images)).exp()))


def test_in_training_the_slopes_after_normalisation_are_drawn_between_an_eighth_and_a_third(narrow):
    slopes = -narrow.block1[2].train()(torch.full((1, 1, 100, 100), -1.0))
    assert slopes.min().item() == pytest.approx(1 / 8, abs=1e-3)
    assert slopes.max().item() == pytest.approx(1 / 3, abs=1e-3)
    assert narrow.block1[2].eval()(torch.tensor([-48.0])).item() == pytest.approx(-11)


@pytest.mark.parametrize(
    ("network", "factors", "sentence"),
    [
        (SRGAN, {"scale": 2}, "SRGAN has no scale 2: choose 4, the only one."),
        (ESRGAN, {"scale": 3}, "ESRGAN has no scale 3: choose 4, the only one."),
        (MESRGAN, {"scale": 8}, "MESRGAN has no scale 8: choose 4, the only one."),
        (SRGAN, {"blocks": 0}, "blocks and width must be 1 or more."),
        (ESRGAN, {"growth": 0}, "blocks, width and growth must be 1 or more."),
        (MESRGAN, {"expansion": 0.01}, "expansion is 0.01, which leaves no channel of width 64."),
        (Discriminator, {"patch": 60}, "patch is 60, of which no feature is left: choose 61 or more."),
        (Discriminator, {"widths": (64, 128)}, "widths must be five numbers, and they and hidden 1 or more."),
    ],
)
def test_a_wrong_argument_is_named_with_the_right_ones(network, factors, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        on_meta(network, **factors)


def test_a_patch_of_another_size_is_refused(narrow):
    with pytest.raises(ValueError, match=r"^The discriminator is made for patches of 61×61, not 61×64\.$"):
        narrow(torch.rand(1, 3, 61, 64))


@pytest.mark.parametrize("side", [16, 17, 40])
def test_the_pooled_discriminator_judges_each_image_of_any_size_for_itself(side):
    torch.manual_seed(0)
    critic = PooledDiscriminator(side)
    images = torch.rand(3, 3, side, side)
    answers = critic(images)
    assert answers.shape == (3, 1)
    alone = torch.cat([critic(image[None]) for image in images])
    torch.testing.assert_close(answers, alone)


@pytest.mark.parametrize(
    ("factors", "line"),
    [
        ({"patch": 15}, r"patch is 15, .*: choose 16 or more"),
        ({"patch": 64, "widths": (8, 8)}, "widths must be five numbers"),
        ({"patch": 64, "hidden": 0}, "widths must be five numbers, and they and hidden 1 or more"),
    ],
)
def test_what_the_pooled_discriminator_refuses(factors, line):
    with pytest.raises(ValueError, match=line):
        PooledDiscriminator(**factors)
