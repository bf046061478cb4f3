"""EDSR with what it shares (upsampler, mean shift), and nearest-neighbour interpolation."""

import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from srbench.metrics.cost import complexity, dead_parameters, parameters
from srbench.models.edsr import EDSR
from srbench.models.layers.mean_shift import MeanShift
from srbench.models.layers.upsampler import upsampler
from srbench.models.nearest import Nearest

MEAN = torch.tensor([0.4488, 0.4371, 0.4040])[:, None, None]


def on_meta(**factors) -> EDSR:
    with torch.device("meta"):
        return EDSR(**factors)


def conv(weights: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    return F.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1)


def edsr(weights: dict[str, Tensor], lr: Tensor, blocks: int, res_scale: float, tail: list[tuple[str, int]]) -> Tensor:
    """The paper's figures 2c and 3 in 0…255, from the names of the published weights."""
    x = head = conv(weights, "head.0", 255 * (lr - MEAN))
    for i in range(blocks):
        branch = conv(weights, f"body.{i}.body.2", F.relu(conv(weights, f"body.{i}.body.0", x)))
        x = x + res_scale * branch
    x = head + conv(weights, f"body.{blocks}", x)
    for name, factor in tail:
        x = F.pixel_shuffle(conv(weights, name, x), factor)
    return conv(weights, "tail.1", x) / 255 + MEAN


TAILS = {
    2: [("tail.0.0", 2)],
    3: [("tail.0.0", 3)],
    4: [("tail.0.0", 2), ("tail.0.2", 2)],
    8: [("tail.0.0", 2), ("tail.0.2", 2), ("tail.0.4", 2)],
}


@pytest.mark.parametrize("scale", TAILS)
def test_edsr_is_the_function_of_the_paper(scale):
    model = EDSR(scale=scale, blocks=2, width=4, res_scale=0.1)
    lr = torch.rand(2, 3, 5, 7)
    with torch.inference_mode():
        expected = edsr(model.state_dict(), lr, blocks=2, res_scale=0.1, tail=TAILS[scale])
        torch.testing.assert_close(model(lr), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("factors", "count"),
    [
        ({}, 1_369_859),
        ({"scale": 3}, 1_554_499),
        ({"scale": 4}, 1_517_571),  # 1.5 M in the paper's table 1
        ({"scale": 8}, 1_517_571 + 9 * 64 * 256 + 256),
        ({"scale": 4, "blocks": 32, "width": 256, "res_scale": 0.1}, 43_089_923),  # 43 M there
    ],
)
def test_parameters_of_the_published_networks(factors, count):
    model = on_meta(**factors)
    assert (parameters(model).trainable, parameters(model).frozen) == (count, 24)
    assert dead_parameters(model) == {}


def test_multiply_adds_of_the_published_baseline():
    """316.3 G for a 1280×720 HR: Zhang et al., "Aligned Structured Sparsity Learning", NeurIPS 2021, table 1."""
    cost = complexity(on_meta(), 360, 640)
    mean_shifts = 9 * 360 * 640 + 9 * 720 * 1280
    weights = 1_369_859 - 64 * (1 + 32 + 1 + 4) - 3  # without biases
    full_size = 9 * 64 * 3  # the last convolution runs on SR
    assert cost.flops == (weights + 3 * full_size) * 360 * 640 + mean_shifts
    assert round(cost.flops / 1e9, 1) == 316.3
    assert cost.unknown == ()


def test_the_range_of_values_inside_does_not_matter_where_biases_follow_it():
    """ReLU passes factors through: 255 times the colours and biases give 255 times the output."""
    one, byte = (EDSR(blocks=2, width=4, rgb_range=rgb_range) for rgb_range in (1, 255))
    weights = {
        name: 255 * tensor if name.endswith("bias") and "shifter" not in name else tensor
        for name, tensor in one.state_dict().items()
    }
    byte.load_state_dict({**weights, **{name: t for name, t in byte.state_dict().items() if "shifter" in name}})
    lr = torch.rand(1, 3, 6, 6)
    with torch.inference_mode():
        torch.testing.assert_close(byte(lr), one(lr), rtol=0, atol=1e-5)


def test_the_published_names_become_ours():
    """Those of EDSR-PyTorch, as its code builds them."""
    model = EDSR(scale=4, blocks=1, width=4)
    published = {name.replace(".shifter", ""): tensor for name, tensor in model.state_dict().items()}
    assert {name.rpartition(".")[0] for name in published} == {
        *("sub_mean", "add_mean", "head.0", "body.0.body.0", "body.0.body.2", "body.1"),
        *("tail.0.0", "tail.0.2", "tail.1"),
    }
    model.load_state_dict(EDSR.from_published(published))
    assert EDSR.from_published(model.state_dict()).keys() == model.state_dict().keys()  # ours stay as they are


@pytest.mark.parametrize(("scale", "stages"), [(2, [2]), (3, [3]), (4, [2, 2]), (8, [2, 2, 2])])
def test_the_upsampler_alternates_convolutions_and_pixel_shuffles(scale, stages):
    layers = list(upsampler(5, scale))
    assert [layer.out_channels for layer in layers[::2]] == [5 * s * s for s in stages]
    assert [layer.upscale_factor for layer in layers[1::2]] == stages


@pytest.mark.parametrize("trainable", [False, True])
def test_the_mean_shift_moves_colours_by_div2k_s_mean(trainable):
    shift = MeanShift(-1, rgb_range=255, trainable=trainable)
    torch.testing.assert_close(shift(torch.zeros(1, 3, 1, 1)).flatten(), torch.tensor([-114.444, -111.4605, -103.02]))
    assert [p.requires_grad for p in shift.parameters()] == [trainable, trainable]


@pytest.mark.parametrize("scale", [1, 2, 3, 4, 7, 41])
def test_nearest_repeats_each_pixel(scale):
    lr = torch.rand(2, 3, 5, 600 // scale)
    expected = lr.numpy().repeat(scale, axis=2).repeat(scale, axis=3)
    np.testing.assert_array_equal(Nearest(scale)(lr).numpy(), expected)


@pytest.mark.parametrize(
    ("network", "factors", "sentence"),
    [
        (EDSR, {"scale": 5}, "scale is 5: choose from 2, 3, 4, 8."),
        (EDSR, {"blocks": 0}, "blocks and width must be 1 or more, and rgb_range above 0."),
        (EDSR, {"rgb_range": 0}, "blocks and width must be 1 or more, and rgb_range above 0."),
        (Nearest, {"scale": 0}, "scale is 0; nearest neighbour enlarges by 1 or more."),
    ],
)
def test_a_wrong_argument_is_named_with_the_right_ones(network, factors, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        network(**factors)
