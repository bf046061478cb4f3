"""Costs, sizes, gradients and errors of FSRCNN, SRResNet and RCAN. Their published sizes: test_classsr.py."""

import re
from functools import partial

import pytest
import torch

from srbench.metrics.cost import complexity, dead_parameters
from srbench.models.fsrcnn import FSRCNN
from srbench.models.rcan import RCAN
from srbench.models.srresnet import SRResNet

SMALL = {
    FSRCNN: {"d": 3, "s": 2, "m": 2},
    SRResNet: {"width": 2, "blocks": 2},
    RCAN: {"width": 4, "groups": 2, "blocks": 2, "reduction": 2},
}


@pytest.mark.parametrize(("d", "mega"), [(16, 10.9), (36, 17.9), (56, 24.9)])
def test_fsrcnn_s_multiply_adds_by_hand_and_by_count(d, mega):
    """Per LR pixel: a transposed convolution multiplies each of its weights with each input pixel once."""
    by_hand = 3 * 5**2 * d + 12 * d + 4 * 12 * 12 * 3**2 + 12 * d + 3 * 9**2 * d
    assert complexity(FSRCNN(d=d), 32, 32).flops == by_hand * 32**2
    assert by_hand * 32**2 / 1e6 == pytest.approx(mega, abs=0.05)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_fsrcnn_centres_its_kernel_on_the_pixel_that_it_enlarges(scale):
    """Within half an HR pixel, as an even scale has no pixel in the middle."""
    tail = FSRCNN(scale, d=1).tail_conv
    tail.weight.data.zero_()[:, :, 4, 4] = 1
    torch.nn.init.zeros_(tail.bias)
    lr = torch.zeros(1, 1, 7, 5)
    lr[..., 3, 2] = 1
    sr = tail(lr)
    assert sr.shape == (1, 3, 7 * scale, 5 * scale)
    row, column = sr[0, 0].nonzero()[0].tolist()
    middle = (scale - 1) / 2
    assert abs(row - (3 * scale + middle)) <= 0.5
    assert abs(column - (2 * scale + middle)) <= 0.5


@pytest.mark.parametrize(
    ("network", "scale"),
    [*((network, scale) for network in SMALL for scale in (2, 3, 4)), (RCAN, 8)],
)
def test_any_size_is_enlarged_by_the_scale(network, scale):
    model = network(scale, **SMALL[network])
    with torch.inference_mode():
        for height, width in ((1, 1), (2, 7), (5, 4)):
            assert model(torch.rand(2, 3, height, width)).shape == (2, 3, scale * height, scale * width)


@pytest.mark.parametrize("network", SMALL)
def test_gradients_survive_what_happens_in_place(network):
    torch.manual_seed(0)
    model = network(2, **SMALL[network]).double()
    for parameter in model.parameters():  # away from the small start, which hides what a gradient lacks
        parameter.data.mul_(5)
    lr = torch.rand(1, 3, 4, 5, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(model, lr)


@pytest.mark.parametrize("network", SMALL)
def test_training_reaches_every_parameter(network):
    assert dead_parameters(network(4, **SMALL[network])) == {}


@pytest.mark.parametrize("network", SMALL)
def test_convolutions_start_at_a_tenth_of_kaiming(network):
    torch.manual_seed(0)
    model = network(4, **({"d": 200, "s": 100} if network is FSRCNN else {"width": 64}))
    convolutions = {
        name: layer
        for name, layer in model.named_modules()
        if isinstance(layer, torch.nn.Conv2d) and not name.endswith("shifter")
    }
    assert len(convolutions) == {FSRCNN: 7, SRResNet: 37, RCAN: 815}[network]
    for name, layer in convolutions.items():
        fan_in = layer.weight[0].numel()
        assert layer.bias.count_nonzero() == 0
        if layer.weight.numel() > 5000:
            assert layer.weight.std().item() == pytest.approx(0.1 * (2 / fan_in) ** 0.5, rel=0.05), name


def test_fsrcnn_s_transposed_convolution_starts_as_torch_s():
    torch.manual_seed(0)
    tail = FSRCNN().tail_conv
    bound = (3 * 9**2) ** -0.5  # torch takes the fan-in from the second axis
    assert bound * 0.99 < tail.weight.abs().max() <= bound


def test_srresnet_starts_near_the_bilinear_image():
    torch.manual_seed(0)
    model = SRResNet(width=16, blocks=2)
    lr = torch.rand(1, 3, 9, 8)
    bilinear = torch.nn.functional.interpolate(lr, scale_factor=4, mode="bilinear")
    with torch.inference_mode():
        assert 0 < (model(lr) - bilinear).abs().max() < 1e-3


def test_rcan_s_attention_sees_the_whole_image():
    torch.manual_seed(0)
    model = RCAN(**SMALL[RCAN]).double()
    lr = torch.rand(1, 3, 60, 60, dtype=torch.double)
    other = lr.clone()
    other[..., -1, -1] = 0
    assert RCAN.traits.whole_image_statistics
    with torch.inference_mode():
        assert (model(lr) - model(other))[..., 0, 0].abs().max() > 0


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (partial(FSRCNN, scale=8), "scale is 8: choose from 2, 3, 4."),
        (partial(FSRCNN, m=0), "d, s and m must be 1 or more; they are 56, 12 and 0."),
        (partial(SRResNet, scale=8), "scale is 8: choose from 2, 3, 4."),
        (partial(SRResNet, width=0), "width and blocks must be 1 or more; they are 0 and 16."),
        (partial(RCAN, scale=5), "scale is 5: choose from 2, 3, 4, 8."),
        (partial(RCAN, blocks=0), "groups and blocks must be 1 or more, and rgb_range above 0."),
        (partial(RCAN, rgb_range=0), "groups and blocks must be 1 or more, and rgb_range above 0."),
        (partial(RCAN, width=8), "reduction is 16: choose from 1 to 8, the width."),
    ],
)
def test_a_wrong_argument_is_named_with_the_right_ones(make, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"), torch.device("meta"):
        make()
