"""SPAN's counts, costs, names of weights and limits. Sources: the published networks (Amazingren/NTIRE2026_ESR,
hongyuanyu/SPAN), whose counts the challenge gives as 0.151 M, 9.83 G, 41.68 M and 22 convolutions."""

import re

import pytest
import torch
from torch import nn

from srbench.core.errors import UserError
from srbench.metrics.cost import dead_parameters, parameters
from srbench.models.layers.reparameterised import in_training_form
from srbench.models.span import SPAB, SPAN
from srbench.models.weights import load_weights
from tests.models.on_meta import convolution_cost, on_meta


def drawn(seed: int = 0, **factors) -> SPAN:
    """With weights of which the last block still matters: with PyTorch's the signal dies in the products."""
    torch.manual_seed(seed)
    model = SPAN(width=4, blocks=2, **factors)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.3)
    return model


def in_authors_names(model: SPAN) -> dict[str, torch.Tensor]:
    """The weights of a training form, as the authors' code keeps them."""
    ours = {"eval_conv.skip": "sk", "eval_conv.expand": "conv.0", "eval_conv.conv3x3": "conv.1"}
    ours["eval_conv.squeeze"] = "conv.2"
    pattern = re.compile("|".join(map(re.escape, ours)))
    return {pattern.sub(lambda m: ours[m[0]], name): one.clone() for name, one in model.state_dict().items()}


@pytest.mark.parametrize(
    ("width", "scale", "folded", "trained"),
    [
        (28, 2, 141_580, 624_940),
        (28, 3, 145_375, 628_735),
        (28, 4, 150_688, 634_048),
        (48, 2, 410_700, 1_824_900),
        (48, 3, 417_195, 1_831_395),
        (48, 4, 426_288, 1_840_488),
        (52, 2, 481_324, 2_140_252),
        (52, 3, 488_359, 2_147_287),
        (52, 4, 498_208, 2_157_136),
    ],
)
def test_parameters_are_the_published_ones(width, scale, folded, trained):
    model = on_meta(SPAN, width=width, scale=scale)
    assert parameters(model).trainable == folded
    with torch.device("meta"), in_training_form(model):
        assert parameters(model).trainable == trained
        assert len(model.state_dict()) == 164


@pytest.mark.parametrize(
    ("width", "scale", "size", "giga", "mega"),
    [
        (28, 4, (256, 256), 9.833807872, 41.680896),
        (28, 4, (180, 320), 8.6430, 36.634),
        (28, 2, (256, 256), 9.2393, 39.322),
        (48, 4, (256, 256), 27.8680, 69.206),
        (48, 4, (180, 320), 24.4934, 60.826),
        (48, 2, (256, 256), 26.8488, 66.847),
        (48, 2, (360, 640), 94.3903, 235.008),
        (52, 4, (256, 256), 32.5758, 74.711),
    ],
)
def test_multiply_adds_activations_and_convolutions_are_the_published_ones(width, scale, size, giga, mega):
    flops, activations, calls = convolution_cost(on_meta(SPAN, width=width, scale=scale), *size)
    assert flops / 1e9 == pytest.approx(giga, abs=5e-5)
    assert activations / 1e6 == pytest.approx(mega, abs=5e-4)
    assert calls == 22


def test_the_baseline_of_ntire_2026_counts_to_the_last_digit():
    model = on_meta(SPAN, width=28, scale=4)
    assert convolution_cost(model, 256, 256) == (9_833_807_872, 41_680_896, 22)


def test_the_names_of_weights_are_the_published_ones():
    convs = ["conv_1", "conv_2", *(f"block_{n}.c{m}_r" for n in range(1, 7) for m in (1, 2, 3))]
    layers = [*(f"{conv}.eval_conv" for conv in convs), "conv_cat", "upsampler.0"]
    names = {f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias")}
    assert on_meta(SPAN).state_dict().keys() == names


@pytest.mark.parametrize("stale", [False, True])
def test_weights_of_the_authors_training_form_load_folded(stale, tmp_path):
    """With and without what their code keeps beside them from its last pass in eval mode."""
    model = drawn(reparameterise="series")
    lr = torch.rand(1, 3, 9, 7)
    with in_training_form(model):
        weights, expected = in_authors_names(model), model(lr).detach()
    if stale:
        old = drawn(seed=1).state_dict()
        weights |= {name: tensor for name, tensor in old.items() if "eval_conv" in name}
    torch.save({"params": weights}, tmp_path / "trained.pth")
    loaded = SPAN(width=4, blocks=2)
    load_weights(loaded, tmp_path / "trained.pth")
    with torch.no_grad():
        torch.testing.assert_close(loaded(lr), expected, rtol=0, atol=1e-5 * expected.abs().max().item())


def test_a_training_form_of_another_width_is_told_in_our_names(tmp_path):
    model = drawn()
    with in_training_form(model):
        torch.save(in_authors_names(model), tmp_path / "trained.pth")
    with pytest.raises(UserError, match=r"of another shape \(conv_1\.eval_conv\.weight is 4×3×3×3, not 6×3×3×3"):
        load_weights(SPAN(width=6, blocks=2), tmp_path / "trained.pth")


def test_a_training_form_that_lacks_a_convolution_is_told(tmp_path):
    model = drawn()
    with in_training_form(model):
        weights = in_authors_names(model)
    del weights["block_1.c2_r.conv.1.weight"]
    torch.save(weights, tmp_path / "trained.pth")
    with pytest.raises(UserError, match=r"not weights of this SPAN: .*missing"):
        load_weights(SPAN(width=4, blocks=2), tmp_path / "trained.pth")


def test_no_parameter_is_dead():
    assert dead_parameters(on_meta(SPAN)) == {}


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("form", ["none", "parallel", "series"])
def test_every_parameter_gets_a_finite_gradient(form, scale):
    model = drawn(scale=scale, reparameterise=form)
    with in_training_form(model):
        model(torch.rand(2, 3, 9, 11)).square().sum().backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.any(), name


def test_one_pixel_is_enough_and_a_pixel_reaches_as_far_as_its_convolutions():
    """One 3×3 at the beginning and one at the end, one behind the blocks, and three a block."""
    model = SPAN(width=4, blocks=1).double()
    assert model(torch.rand(1, 3, 1, 1).double()).shape == (1, 3, 2, 2)
    lr = torch.rand(1, 3, 21, 21, dtype=torch.float64, requires_grad=True)
    model(lr)[..., 20, 20].sum().backward()
    rows = lr.grad.abs().sum((0, 1, 3)).nonzero().flatten()
    assert (rows.min().item(), rows.max().item()) == (10 - 6, 10 + 6)


def test_the_attention_is_odd_in_what_it_reads():
    block = SPAB(2, "none")

    def response(value: float) -> torch.Tensor:
        for conv in (block.c1_r, block.c2_r, block.c3_r):
            nn.init.zeros_(conv.eval_conv.weight)
            nn.init.constant_(conv.eval_conv.bias, value)
        with torch.no_grad():
            return block(torch.zeros(1, 2, 3, 3))[0]

    expected = 2.0 * (1 / (1 + torch.exp(torch.tensor(-2.0))) - 0.5)
    torch.testing.assert_close(response(2.0), expected.expand(1, 2, 3, 3))
    torch.testing.assert_close(response(-2.0), response(2.0))


@pytest.mark.parametrize(
    ("factors", "message"),
    [
        ({"scale": 8}, "scale is 8: choose from 2, 3, 4"),
        ({"blocks": 0}, "SPAN needs a width and blocks above 0"),
        ({"width": 0}, "SPAN needs a width and blocks above 0"),
    ],
)
def test_an_argument_that_cannot_be_is_told(factors, message):
    with pytest.raises(ValueError, match=message):
        on_meta(SPAN, **factors)
