"""MDRN's counts, costs, layers and limits. Sources of the counts: the published weights; NTIRE's counter run on the
published code, which gives MDRN-s the 0.095 M, 5.58 G and 220.88 M of the NTIRE 2023 report."""

import re

import pytest
import torch
from torch import nn

from srbench.metrics.cost import dead_parameters, parameters
from srbench.models.layers.bsconv import BSConv
from srbench.models.mdrn import CCA, ESA, MDRN, window_variance
from tests.models.on_meta import convolution_cost, on_meta

S = {"width": 28, "scale": 4}


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        ({"scale": 2}, 303_724),
        ({"scale": 3}, 311_299),
        ({"scale": 4}, 321_904),
        (S, 95_396),
        ({"blocks": 2}, 303_724 - 6 * (33_407 + 56 * 56)),  # a block, and its part of c1
        ({"spatial": "none"}, 303_724 - 8 * 5_208),  # MDSA
        ({"ecca": False}, 303_724 - 8 * 4_147),
        ({"spatial": "none", "ecca": False}, 303_724 - 8 * (5_208 + 4_147)),
        # Less six blueprint convolutions of 196 + 126 + 14 parameters.
        ({"spatial": "esa"}, 303_724 - 8 * (5_208 - 3_192)),
    ],
)
def test_mdrn_has_the_published_number_of_parameters(arguments, count):
    assert parameters(on_meta(MDRN, **arguments)).trainable == count


@pytest.mark.parametrize(
    ("arguments", "giga", "mega"),
    [({"scale": 2}, 18.1502, 436.258), (S, 5.5807, 220.881)],
)
def test_mdrn_has_the_published_multiply_adds_and_activations_at_256(arguments, giga, mega):
    flops, activations, convolutions = convolution_cost(on_meta(MDRN, **arguments), 256, 256)
    assert flops / 1e9 == pytest.approx(giga, abs=5e-5)
    assert activations / 1e6 == pytest.approx(mega, abs=5e-4)
    assert convolutions == 8 * 39 + 5


ATTENTIONS = [{"spatial": spatial, "ecca": ecca} for spatial in ("mdsa", "esa", "none") for ecca in (True, False)]


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_no_parameter_is_dead(attention):
    assert dead_parameters(on_meta(MDRN, blocks=2, **attention)) == {}


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_every_parameter_gets_a_finite_gradient(attention):
    torch.manual_seed(0)
    model = MDRN(width=48, blocks=2, scale=3, **attention)  # of fewer channels all ReLUs of an ECCA may be shut
    model(torch.rand(2, 3, 19, 24)).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


@pytest.mark.parametrize("size", [(15, 40), (40, 15)])
@pytest.mark.parametrize("spatial", ["mdsa", "esa"])
def test_the_smallest_input_works_and_one_pixel_less_does_not(size, spatial):
    torch.manual_seed(0)
    model = MDRN(width=16, blocks=1, spatial=spatial)
    assert min(size) == MDRN.traits.smallest_input
    with torch.inference_mode():
        assert model(torch.rand(1, 3, *size)).isfinite().all()
        with pytest.raises(RuntimeError, match="Padding size"):
            model(torch.rand(1, 3, *(n - (n == 15) for n in size)))


@pytest.mark.parametrize("size", [(7, 7), (12, 9), (33, 40)])
@pytest.mark.parametrize("offset", [0, 1000])
def test_window_variance_is_the_variance_of_each_window(size, offset):
    torch.manual_seed(0)
    x = torch.randn(2, 3, *size, dtype=torch.float64) + offset
    windows = x.unfold(2, 7, 3).unfold(3, 7, 3)
    torch.testing.assert_close(window_variance(x), windows.var((-2, -1)), rtol=1e-12, atol=1e-12)


def test_the_gradient_of_window_variance_is_right():
    torch.manual_seed(0)
    assert torch.autograd.gradcheck(window_variance, torch.rand(1, 2, 7, 11, dtype=torch.float64, requires_grad=True))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.bfloat16, 2**-8)])
def test_window_variance_keeps_its_digits_far_from_zero(dtype, tolerance):
    """Left of mean 64, right of 72, variance 1: mean squares of 4096 and more would lose their digits."""
    torch.manual_seed(0)
    x = torch.randn(1, 2, 33, 40) + 64
    x[..., 20:] += 8
    x = x.to(dtype)
    exact = window_variance(x.double())
    assert window_variance(x).dtype == dtype
    torch.testing.assert_close(window_variance(x).double(), exact, rtol=tolerance, atol=0)


def test_the_channel_attention_sees_deviation_plus_mean():
    attention = CCA(16, eps=0.0).double()
    for conv in (attention.conv_du[0], attention.conv_du[2]):
        nn.init.ones_(conv.weight)
        nn.init.zeros_(conv.bias)
    image = torch.zeros(1, 16, 2, 2, dtype=torch.float64)
    image[0, 0] = torch.tensor([[1.0, 5.0], [1.0, 5.0]])  # deviation 2, mean 3
    image[0, 1] = torch.tensor([[-1.0, -1.0], [-3.0, -3.0]])  # deviation 1, mean -2
    gate = torch.tensor(2.0 + 3 + 1 - 2, dtype=torch.float64).sigmoid()
    torch.testing.assert_close(attention(image), image * gate, rtol=0, atol=1e-15)


def test_esa_gates_each_pixel_by_itself_and_by_the_maxima_of_its_windows():
    torch.manual_seed(0)
    attention, x = ESA(16).double(), torch.rand(2, 16, 31, 26, dtype=torch.float64)
    squeezed = attention.conv1(x)
    maxima = nn.functional.max_pool2d(attention.conv2(squeezed), 7, 3, padding=1)
    assert maxima.shape[2:] == (4, 3)  # of 16×13
    nn.init.zeros_(attention.conv3_.pw.weight)
    nn.init.constant_(attention.conv3_.dw.bias, 0.5)  # so that every window says one half
    gate = attention.conv4(attention.conv_f(squeezed) + 0.5).sigmoid()
    torch.testing.assert_close(attention(x), x * gate)


@pytest.mark.parametrize(("eps", "finite"), [(0.0, False), (1e-8, True)])
def test_eps_keeps_the_gradient_of_a_flat_channel_finite(eps, finite):
    torch.manual_seed(0)
    flat = torch.full((1, 16, 4, 4), 0.5, requires_grad=True)
    CCA(16, eps)(flat).sum().backward()
    assert flat.grad.isfinite().all() == finite


def test_an_output_pixel_depends_on_the_whole_image():
    torch.manual_seed(0)
    lr = torch.rand(1, 3, 120, 120, dtype=torch.float64, requires_grad=True)
    MDRN(width=32, blocks=1).double()(lr)[..., 0, 0].sum().backward()
    assert MDRN.traits.whole_image_statistics
    assert lr.grad[..., -1, -1].abs().min() > 1e-15  # without channel attention, rounding errors of 1e-30 arrive


def test_a_blueprint_convolution_is_a_dense_one_on_a_reflected_image():
    torch.manual_seed(0)
    layer, x = BSConv(3, 5, stride=2).double(), torch.rand(1, 3, 9, 8, dtype=torch.float64)
    dense = layer.dw.weight * layer.pw.weight
    reflected = nn.functional.pad(x, (1, 1, 1, 1), mode="reflect")
    torch.testing.assert_close(layer(x), nn.functional.conv2d(reflected, dense, layer.dw.bias, 2))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"scale": 1}, "scale is 1: choose from 2, 3, 4."),
        ({"scale": 8}, "scale is 8: choose from 2, 3, 4."),
        ({"width": 15}, "MDRN needs a width of 16 or more, 1 block or more and an eps that is not negative."),
        ({"spatial": "cca"}, "spatial is 'cca': choose from mdsa, esa, none."),
        ({"blocks": 0}, "MDRN needs a width of 16 or more, 1 block or more and an eps that is not negative."),
        ({"eps": -1e-8}, "MDRN needs a width of 16 or more, 1 block or more and an eps that is not negative."),
    ],
)
def test_a_wrong_argument_is_named(arguments, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        on_meta(MDRN, **arguments)
