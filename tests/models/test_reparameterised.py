"""Training forms of 3×3 convolutions: the function of several convolutions, and of the one that they fold into."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srbench.metrics.cost import complexity, parameters
from srbench.models.carn import CARN
from srbench.models.edsr import EDSR
from srbench.models.layers.reparameterised import (
    FORMS,
    DrawnInSeries,
    Parallel,
    ReparameterisedConv2d,
    Series,
    folded_series,
    in_training_form,
)
from srbench.models.span import SPAN

SHAPES = [(4, 4, 1), (3, 5, 1), (8, 8, 4), (4, 8, 2)]  # inputs, outputs, groups


def drawn(form: str, inputs=4, outputs=4, groups=1, dilation=1, seed=0):
    """A training form with values in every tensor, as late in a training, in float64."""
    torch.manual_seed(seed)
    made = FORMS[form](ReparameterisedConv2d(inputs, outputs, form, groups, dilation)).double()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.normal_()
    return made


def one_by_one(made: nn.Module, x: Tensor, dilation: int) -> Tensor:
    """What the convolutions give, each on the picture of the one before; the image is padded before the first."""
    groups = made.folded[0].groups
    padded = F.pad(x, (dilation,) * 4)

    def conv(layer: nn.Conv2d, image: Tensor, dilation: int = 1) -> Tensor:
        return F.conv2d(image, layer.weight, layer.bias, dilation=dilation, groups=groups)

    if isinstance(made, Series):
        return conv(made.squeeze, conv(made.conv3x3, conv(made.expand, padded), dilation)) + conv(made.skip, x)
    scaled = 0 if made.identity is None else made.identity[:, None, None] * x
    return conv(made.conv3x3, padded, dilation) + conv(made.conv1x1, x) + scaled


@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize(("inputs", "outputs", "groups"), SHAPES)
@pytest.mark.parametrize("form", FORMS)
def test_a_training_form_is_its_convolutions_one_by_one_at_every_pixel(form, inputs, outputs, groups, dilation):
    made = drawn(form, inputs, outputs, groups, dilation)
    x = torch.randn(2, inputs, 6, 7, dtype=torch.float64)
    expected = one_by_one(made, x, dilation)
    torch.testing.assert_close(made(x), expected, rtol=0, atol=1e-12 * expected.abs().max().item())


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize("form", FORMS)
def test_folding_changes_no_pixel_inside_or_at_the_border(form, dtype, tolerance):
    made = drawn(form).to(dtype)
    made.folded[0].to(dtype)
    x = torch.randn(2, 4, 6, 7, dtype=dtype)
    with torch.no_grad():
        expected = made(x)
        folded = made.fold()
    assert isinstance(folded, nn.Conv2d)
    torch.testing.assert_close(folded(x), expected, rtol=0, atol=tolerance * expected.abs().max().item())


@pytest.mark.parametrize(("inputs", "outputs", "groups"), SHAPES)
@pytest.mark.parametrize("form", FORMS)
def test_a_training_begins_as_the_function_that_was_there(form, inputs, outputs, groups):
    torch.manual_seed(0)
    conv = ReparameterisedConv2d(inputs, outputs, form, groups)
    x = torch.randn(2, inputs, 6, 7)
    with torch.no_grad():
        torch.testing.assert_close(FORMS[form](conv)(x), conv(x), rtol=0, atol=1e-6)


def test_what_was_drawn_in_series_is_trained_as_it_was_drawn():
    """Each convolution within PyTorch's bounds, 1/√(its inputs · its pixels), and none of them as `Series` begins."""
    torch.manual_seed(0)
    conv = DrawnInSeries(16, 16)
    series = Series(conv)
    for layer, inputs in ((series.expand, 16), (series.conv3x3, 32 * 9), (series.squeeze, 32), (series.skip, 16)):
        for values in (layer.weight, layer.bias):
            assert values.abs().max() <= inputs**-0.5
            assert values.abs().max() > 0.8 * inputs**-0.5
    x = torch.randn(2, 16, 6, 7)
    with torch.no_grad():
        expected = one_by_one(series, x, 1)
        torch.testing.assert_close(conv(x), expected, rtol=0, atol=1e-6)
        torch.testing.assert_close(series(x), expected, rtol=0, atol=1e-6)


def test_what_was_drawn_in_series_is_not_trained_so_when_other_weights_were_loaded():
    torch.manual_seed(0)
    conv, other = DrawnInSeries(4, 4), DrawnInSeries(4, 4)
    conv.load_state_dict(other.state_dict())
    x = torch.randn(2, 4, 6, 7)
    series = Series(conv)
    assert not series.skip.weight.any()
    with torch.no_grad():
        torch.testing.assert_close(series(x), other(x), rtol=0, atol=1e-6)


def test_a_second_training_goes_on_with_what_the_first_has_made():
    """As one that reads the first one's weights from a file, which are those of the convolution alone."""
    torch.manual_seed(0)
    model = nn.Sequential(DrawnInSeries(4, 4))
    with in_training_form(model), torch.no_grad():
        model[0].skip.bias.add_(1)
    again = nn.Sequential(DrawnInSeries(4, 4))
    again.load_state_dict(model.state_dict())
    begun = []
    for one in (model, again):
        torch.manual_seed(1)
        with in_training_form(one):
            begun.append(one.state_dict())
    assert all(tensor.equal(begun[1][name]) for name, tensor in begun[0].items())


def test_weights_in_series_fold_into_those_of_one_convolution():
    made = drawn("series", 3, 5)
    weight, bias = folded_series(made.state_dict())
    x = torch.randn(2, 3, 6, 7, dtype=torch.float64)
    expected = one_by_one(made, x, 1)
    torch.testing.assert_close(
        F.conv2d(x, weight, bias, padding=1), expected, rtol=0, atol=1e-12 * expected.abs().max().item()
    )


def test_weights_that_do_not_fit_in_series_are_told():
    weights = dict(drawn("series").state_dict())
    weights["conv3x3.bias"] = torch.zeros(3)
    with pytest.raises(ValueError, match="no weights of 1×1, 3×3 and 1×1 in series"):
        folded_series(weights)


@pytest.mark.parametrize("form", FORMS)
def test_every_tensor_of_a_training_form_has_a_gradient_that_is_not_zero(form):
    torch.manual_seed(0)
    made = FORMS[form](ReparameterisedConv2d(4, 4, form))
    made(torch.randn(1, 4, 6, 6)).square().sum().backward()
    assert all(parameter.grad.any() for parameter in made.parameters())
    assert made.folded[0].weight.grad is None


def test_a_factor_is_not_rounded_where_autocast_computes_in_bf16():
    made = drawn("series").float()
    x = torch.randn(1, 4, 8, 8)
    weight, bias = made.kernel()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(made(x), F.conv2d(x, weight, bias, padding=1))


@pytest.mark.parametrize(
    ("inputs", "outputs", "count"),
    [(28, 28, 32_312), (3, 28, 4_812)],  # of SPAN's training form: its block's and its first convolution's
)
def test_series_has_the_parameters_of_span_s(inputs, outputs, count):
    conv = ReparameterisedConv2d(inputs, outputs, "series")
    assert parameters(Series(conv)).trainable == count


def test_parallel_has_a_1x1_and_a_scale_more():
    assert parameters(Parallel(ReparameterisedConv2d(4, 4, "parallel"))).trainable == (9 * 16 + 4) + (16 + 4) + 4
    assert parameters(Parallel(ReparameterisedConv2d(4, 8, "parallel"))).trainable == (9 * 32 + 8) + (32 + 8)


NETWORKS = [
    (CARN, {"width": 8, "blocks": 1, "units": 2, "unit_groups": 2, "atrous": 2}),
    (EDSR, {"width": 6, "blocks": 2}),
    (SPAN, {"width": 6, "blocks": 2}),
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("network", "factors"), NETWORKS)
def test_a_network_is_the_plain_one_but_while_it_is_trained(network, factors, form):
    torch.manual_seed(0)
    plain = network(**factors, reparameterise="none")
    model = network(**factors, reparameterise=form)
    model.load_state_dict(plain.state_dict())  # of the same names
    lr = torch.rand(1, 3, 12, 14)
    with in_training_form(model):
        assert parameters(model).trainable > parameters(plain).trainable
        assert model.state_dict().keys() != plain.state_dict().keys()
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "mean" not in name:
                    parameter.add_(0.02 * torch.randn_like(parameter))
            expected = model(lr)
    assert model.state_dict().keys() == plain.state_dict().keys()
    assert parameters(model) == parameters(plain)
    assert complexity(model, 24, 24) == complexity(plain, 24, 24)
    with torch.no_grad():
        torch.testing.assert_close(model(lr), expected, rtol=0, atol=1e-5 * expected.abs().max().item())
        assert not torch.allclose(plain(lr), expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("network", "factors"), NETWORKS)
def test_a_network_without_memory_has_a_training_form_without_memory(network, factors, form):
    with torch.device("meta"):
        model = network(**factors, reparameterise=form)
    with in_training_form(model):
        assert {parameter.device.type for parameter in model.parameters()} == {"meta"}
        model(torch.empty(1, 3, 12, 14, device="meta")).sum().backward()
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}


def test_a_convolution_that_stands_in_two_places_is_trained_as_one():
    conv = ReparameterisedConv2d(4, 4, "parallel")
    model = nn.Sequential(nn.Sequential(conv), nn.Sequential(conv))
    with in_training_form(model):
        assert model[0][0] is model[1][0]
        assert isinstance(model[0][0], Parallel)
    assert model[0][0] is model[1][0] is conv


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EDSR(reparameterise="ecb"), "reparameterise is 'ecb': choose from none, parallel, series"),
        (lambda: SPAN(reparameterise="ecb"), "reparameterise is 'ecb': choose from none, parallel, series"),
        (lambda: CARN(reparameterise="ecb"), "reparameterise is 'ecb': choose from none, parallel, series"),
        (lambda: CARN(reparameterise="series", padding="partial"), "reparameterise has no form for padding 'partial'"),
    ],
)
def test_what_has_no_training_form_is_told(make, message):
    with pytest.raises(ValueError, match=message), torch.device("meta"):
        make()
