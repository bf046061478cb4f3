"""Counts, costs, layers and limits of SAFMN, GFMN and team 15's SAFMN. Sources of the counts: the published weights;
the table of SAFMN's paper; NTIRE's counter run on the published code, which gives GFMN its 6.56 G and 199.35 M."""

import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from srbench.metrics.cost import dead_parameters, parameters
from srbench.models.gfmn import GDFN, GFMN
from srbench.models.layers.layer_norm import LayerNorm
from srbench.models.layers.safm import SAFM
from srbench.models.safmn import SAFMN
from srbench.models.safmn_ntire import GRN, SAFMNForNTIRE
from tests.models.on_meta import convolution_cost, on_meta

NETWORKS = [SAFMN, GFMN, SAFMNForNTIRE]


@pytest.mark.parametrize(
    ("network", "scale", "count", "giga", "mega", "convolutions"),
    [
        (SAFMN, 2, 227_820, 14.6439, 84.910, 58),
        (SAFMN, 3, 232_695, 14.9624, 85.893, 58),
        (SAFMN, 4, 239_520, 15.4083, 87.269, 58),
        (GFMN, 4, 103_872, 6.5647, 199.354, 66),
        (SAFMNForNTIRE, 4, 237_000, 15.3979, 86.108, 58),
    ],
)
def test_parameters_multiply_adds_and_activations_are_the_published_ones(
    network, scale, count, giga, mega, convolutions
):
    model = on_meta(network, scale=scale)
    flops, activations, calls = convolution_cost(model, 256, 256)
    assert parameters(model).trainable == count
    assert flops / 1e9 == pytest.approx(giga, abs=5e-5)
    assert activations / 1e6 == pytest.approx(mega, abs=5e-4)
    assert calls == convolutions


@pytest.mark.parametrize(
    ("scale", "lr", "giga", "mega"),
    [(2, (360, 640), 52, 299), (3, (240, 427), 23, 134), (4, (180, 320), 14, 77)],
)
def test_safmn_s_multiply_adds_for_a_1280_by_720_image_are_those_of_its_paper(scale, lr, giga, mega):
    flops, activations, _ = convolution_cost(on_meta(SAFMN, scale=scale), *lr)
    assert flops / 1e9 == pytest.approx(giga, abs=0.55)  # 51.48 at ×2, which the paper rounds up
    assert activations / 1e6 == pytest.approx(mega, abs=0.5)


@pytest.mark.parametrize("network", NETWORKS)
def test_no_parameter_is_dead(network):
    assert dead_parameters(on_meta(network)) == {}


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_every_parameter_gets_a_finite_gradient(network, scale):
    torch.manual_seed(0)
    model = network(scale=scale, width=8, blocks=2)
    model(torch.rand(2, 3, 17, 23)).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


@pytest.mark.parametrize(("network", "smallest"), [(SAFMN, 8), (GFMN, 16), (SAFMNForNTIRE, 16)])
def test_the_smallest_input_works_and_one_pixel_less_does_not(network, smallest):
    torch.manual_seed(0)
    model = network(width=8, blocks=1)
    assert network.traits.smallest_input == smallest
    with torch.inference_mode():
        for size in ((smallest, 40), (40, smallest)):
            assert model(torch.rand(1, 3, *size)).isfinite().all()
        for size in ((smallest - 1, 40), (40, smallest - 1)):
            with pytest.raises(RuntimeError, match="Kernel size can't be greater"):
                model(torch.rand(1, 3, *size))


def test_gelu_on_gfmn_s_gate_is_the_only_difference_that_its_switch_makes():
    torch.manual_seed(0)
    plain, gated, x = GDFN(6, 2.0), GDFN(6, 2.0, gelu=True), torch.rand(2, 6, 9, 8)
    gated.load_state_dict(plain.state_dict())
    gate, value = plain.dwconv(plain.project_in(x)).chunk(2, 1)
    torch.testing.assert_close(plain(x), plain.project_out(gate * value))
    torch.testing.assert_close(gated(x), plain.project_out(F.gelu(gate) * value))
    assert GFMN(blocks=1, gelu=True).state_dict().keys() == GFMN(blocks=1).state_dict().keys()
    assert isinstance(GFMN(blocks=1, gelu=True).feats[0].ffd.activation, nn.GELU)


@pytest.mark.parametrize("size", [(16, 24), (17, 23), (8, 15)])
def test_safm_modulates_by_the_maxima_of_floor_sized_grids(size):
    """Cell i of n covers ⌊iL/n⌋ to ⌈(i+1)L/n⌉ of a length L, and pixel p shows cell ⌊pn/L⌋."""
    torch.manual_seed(0)
    layer = SAFM(8, pools=(1, 2, 4, 8)).double()
    x = torch.rand(1, 8, *size, dtype=torch.float64)
    levels = [layer.mfr[0](x[:, :2])]
    for index, pool in enumerate((2, 4, 8), 1):
        level = x[:, 2 * index : 2 * index + 2]
        for axis, length in ((2, size[0]), (3, size[1])):
            n = length // pool
            cells = [level.narrow(axis, i * length // n, -(-(i + 1) * length // n) - i * length // n) for i in range(n)]
            level = torch.cat([cell.amax(axis, keepdim=True) for cell in cells], axis)
        level = layer.mfr[index](level)
        for axis, length in ((2, size[0]), (3, size[1])):
            level = level.index_select(axis, torch.arange(length) * level.shape[axis] // length)
        levels.append(level)
    expected = F.gelu(layer.aggr(torch.cat(levels, 1))) * x
    torch.testing.assert_close(layer(x), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize(("network", "pool"), [(SAFMN, 8), (GFMN, 16)])
def test_an_aligned_crop_equals_the_whole_image_but_for_its_halo(network, pool):
    """One block reaches two of the coarsest cells, and a pixel for each 3×3 convolution after them."""
    torch.manual_seed(0)
    model = network(scale=2, width=8, blocks=1).double().eval()
    lr = torch.rand(1, 3, 8 * pool, 8 * pool, dtype=torch.float64)
    with torch.inference_mode():
        whole, crop = model(lr), model(lr[..., pool : 7 * pool, pool : 7 * pool])
    error = (crop - whole[..., 2 * pool : 14 * pool, 2 * pool : 14 * pool]).abs()

    def inside(halo: int) -> float:
        return error[..., 2 * halo : -2 * halo, 2 * halo : -2 * halo].max().item()

    assert inside(2 * pool + 2) < 1e-14
    assert inside(2 * pool + 1) > 1e-10


def test_an_output_pixel_of_team_15_depends_on_the_whole_image():
    torch.manual_seed(0)
    model = SAFMNForNTIRE(width=8, blocks=1)
    nn.init.ones_(model.norm.gamma)
    lr = torch.rand(1, 3, 96, 96, requires_grad=True)
    model(lr)[..., 0, 0].sum().backward()
    assert SAFMNForNTIRE.traits.whole_image_statistics
    assert lr.grad[..., -1, -1].all()


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_layer_norm_standardises_the_channels_of_each_pixel(memory_format):
    torch.manual_seed(0)
    layer = LayerNorm(5)
    nn.init.uniform_(layer.weight)
    nn.init.uniform_(layer.bias)
    x = torch.randn(2, 5, 3, 4).to(memory_format=memory_format)
    variance, mean = torch.var_mean(x, 1, correction=0, keepdim=True)
    expected = (x - mean) / (variance + 1e-6).sqrt() * layer.weight[:, None, None] + layer.bias[:, None, None]
    torch.testing.assert_close(layer(x), expected)
    assert layer(x).is_contiguous(memory_format=torch.channels_last)


def test_the_gate_of_gfmn_is_a_product_without_gelu():
    layer = GDFN(1, 1.0)
    nn.init.ones_(layer.project_in.weight)
    nn.init.zeros_(layer.dwconv.weight)
    layer.dwconv.weight.data[:, 0, 1, 1] = torch.tensor([-2.0, 3.0])
    nn.init.ones_(layer.project_out.weight)
    torch.testing.assert_close(layer(torch.full((1, 1, 2, 2), 5.0)), torch.full((1, 1, 2, 2), -10.0 * 15.0))


def test_global_response_normalisation_compares_the_channels_norms():
    layer = GRN(2)
    nn.init.constant_(layer.gamma, 2.0)
    nn.init.constant_(layer.beta, 0.5)
    x = torch.tensor([[3.0, 4.0], [0.0, 15.0]])[None, :, None]  # norms 5 and 15, mean 10
    expected = torch.tensor([[2 * 3 * 0.5 + 0.5 + 3, 2 * 4 * 0.5 + 0.5 + 4], [0.5, 2 * 15 * 1.5 + 0.5 + 15]])
    expected = expected[None, :, None]
    torch.testing.assert_close(layer(torch.cat((x, 9 * x))), torch.cat((expected, 9 * (expected - 0.5) + 0.5)))


def test_an_untrained_response_normalisation_passes_its_input_on():
    x = torch.rand(1, 3, 4, 4)
    assert torch.equal(GRN(3)(x), x)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"scale": 1}, "scale is 1: choose from 2, 3, 4."),
        ({"scale": 8}, "scale is 8: choose from 2, 3, 4."),
        ({"blocks": 0}, "{} needs a width, blocks and an expansion above 0."),
        ({"expansion": 0.01}, "{} needs a width, blocks and an expansion above 0."),
        ({"width": 30}, "levels is 4, which does not divide width 30: choose from [1, 2, 3, 5, 6, 10, 15, 30]."),
    ],
)
def test_a_wrong_argument_is_named(network, arguments, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence.format(network.__name__))}$"):
        on_meta(network, **arguments)
