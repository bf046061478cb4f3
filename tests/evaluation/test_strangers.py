"""Networks of other people's through `benchmark`: what cannot be measured is named, and never ends it."""

from math import isnan

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from srbench.data.images import write_image
from srbench.evaluation.benchmark import benchmark
from srbench.models.traits import Traits

HIDDEN = torch.library.custom_op(
    "strangers::hidden",
    lambda x, w: F.conv2d(x, w, padding=1),
    mutates_args=(),
    schema="(Tensor x, Tensor w) -> Tensor",
)
HIDDEN.register_fake(lambda x, w: torch.empty_like(x))
UNSHAPED = torch.library.custom_op(
    "strangers::unshaped", lambda x: x + 1, mutates_args=(), schema="(Tensor x) -> Tensor"
)
PIXELS = {"flops_720p": 360 * 640, "flops_256": 256 * 256}


class Stub(torch.autograd.Function):
    """A kernel that only a GPU has: elsewhere it puts out zeros of the right shape."""

    @staticmethod
    def forward(ctx, x, weight):
        return torch.zeros_like(x)

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None


class Net(nn.Module):
    """×2: three convolutions of 8 channels, what happens between the first two by `middle(net, features)`."""

    def __init__(self, middle=lambda net, x: net.block(x)) -> None:
        super().__init__()
        self.middle = middle
        self.first, self.block = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.last = nn.Conv2d(8, 12, 3, padding=1)
        self.positions = nn.Embedding(4, 8)
        self.mean = torch.full((1, 3, 1, 1), 0.5)

    def forward(self, lr: Tensor) -> Tensor:
        return F.pixel_shuffle(self.last(self.middle(self, self.first(lr - self.mean))), 2)


MACS = 9 * (3 * 8 + 8 * 8 + 8 * 12)
PARAMS = MACS + 8 + 8 + 12 + 4 * 8


@pytest.fixture
def row(tmp_path):
    """Of the table, for a network on one small image, with the reasons for its gaps and its notes."""
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    (tmp_path / "benchmark/Tiny/HR").mkdir(parents=True)
    write_image(tmp_path / "benchmark/Tiny/HR/0.png", image)

    def measured(model, metrics=("psnr",)):
        table = benchmark(model, ["tiny"], metrics=metrics, data_root=tmp_path, weights_dir=tmp_path, device="cpu")
        found = table.to_dict("records")[-1]
        assert 0 < found["tiny.psnr"] < 60
        return found, found["missing"], found["beyond_fvcore"]

    return measured


def in_place(net, x):
    y = torch.sigmoid(x)
    return net.block(y.mul_(y.exp_()))


def by_position(net, x):
    return net.block(x) + net.positions(torch.arange(4, device=x.device)).sum(0)[:, None, None]


def where_bright(net, x):
    return net.block(x) if x.mean() > 0 else net.block(net.block(x))


def of_what_is_there(net, x):
    return net.block(x) + x[x > 0].sum()


def fused_first(net, x):
    return Stub.apply(x, 2 * net.block.weight)


def test_an_own_network_has_every_figure_by_both_conventions_at_both_inputs(row):
    found, missing, notes = row(Net())
    assert (found["params"], found["params_frozen"], found["params_dead"]) == (PARAMS, 0, 32)
    assert {key: found[key] for key in PIXELS} == {key: MACS * pixels for key, pixels in PIXELS.items()}
    for kind in ("activations", "conv_activations"):
        assert (found[f"{kind}_720p"], found[f"{kind}_256"]) == (28 * 360 * 640, 28 * 256 * 256)
    assert found["latency_ms"] > 0
    assert (missing, notes) == ({}, "")


def test_outputs_of_matrix_products_are_activations_by_fvcore_only(row):
    found, _, _ = row(Net(lambda net, x: net.block(x) + (x.mean((2, 3)) @ net.positions.weight.mT)[:, :1, None, None]))
    assert found["activations_256"] - found["conv_activations_256"] == 4


def test_frozen_weights_are_parameters_and_their_network_is_counted(row):
    found, missing, _ = row(Net().requires_grad_(False))
    assert (found["params"], found["params_frozen"], found["params_dead"]) == (0, PARAMS, 0)
    assert found["flops_256"] == MACS * 256 * 256
    assert missing == {}


def test_weights_kept_as_buffers_are_counted_too(row):
    class Fixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("kernel", torch.rand(12, 3, 1, 1))

        def forward(self, lr):
            return F.pixel_shuffle(F.conv2d(lr, self.kernel), 2)

    found, missing, _ = row(Fixed())
    assert (found["params"], found["flops_256"], missing) == (0, 36 * 256 * 256, {})


def test_a_network_without_a_backward_lacks_its_dead_parameters_alone(row):
    found, missing, _ = row(Net(in_place))
    assert isnan(found["params_dead"])
    assert found["flops_256"] == MACS * 256 * 256
    assert list(missing) == ["params_dead"]
    assert missing["params_dead"].startswith("Net cannot be trained: one of the variables needed for gradient")
    assert "\n" not in missing["params_dead"]


def test_an_embedding_costs_nothing(row):
    found, missing, _ = row(Net(by_position))
    assert (found["flops_256"], found["params_dead"], missing) == (MACS * 256 * 256, 0, {})


@pytest.mark.parametrize(
    ("middle", "told"),
    [
        (lambda net, x: HIDDEN(x, net.block.weight), "operators that no table knows: strangers::hidden"),
        (
            lambda net, x: Stub.apply(x, net.block.weight),
            "no counted operator read what the network takes: block.weight",
        ),
        (
            fused_first,
            "no counted operator read what the network takes: its input, first.weight, first.bias and 1 more",
        ),
        (lambda net, x: net.block(torch.fft.rfft2(x).real[..., :1] + x), "operators that no table knows: _fft_r2c"),
        (lambda net, x: net.block(UNSHAPED(x)), "operators that no table knows: strangers::unshaped"),
        (where_bright, "Net does not run without values (on torch's meta device): Tensor.item() cannot"),
        (of_what_is_there, "Net does not run without values (on torch's meta device): The register_meta function for"),
        (lambda net, x: net.block(torch.from_numpy(x.numpy())), "Net does not run without values"),
    ],
)
def test_what_may_be_too_low_is_not_given_and_what_hides_is_named(row, middle, told):
    found, missing, _ = row(Net(middle))
    costs = [f"{kind}_{size}" for kind in ("flops", "activations", "conv_activations") for size in ("720p", "256")]
    assert all(isnan(found[key]) for key in costs)
    assert found["params"] == PARAMS
    assert found["latency_ms"] > 0
    assert missing["flops"].startswith(told)


def test_a_layer_that_is_never_asked_for_hides_nothing(row):
    """The embedding of `Net` is dead, and its count right all the same."""
    found, missing, _ = row(Net())
    assert (found["params_dead"], found["flops_256"], missing) == (32, MACS * 256 * 256, {})


def test_what_fvcore_takes_for_zero_is_told(row):
    net = Net()
    net.block = nn.Conv2d(8, 8, 3, padding="same")
    found, missing, notes = row(net)
    assert found["flops_256"] == MACS * 256 * 256
    assert (missing, notes) == ({}, "counted here, taken for zero by fvcore itself: _convolution_mode")


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "wrapped",
    [
        nn.utils.parametrizations.weight_norm,
        nn.utils.weight_norm,
        lambda conv: torch.jit.trace(conv, torch.rand(1, 8, 4, 4)),
        torch.jit.script,
        nn.DataParallel,
    ],
)
def test_a_layer_in_another_wrapping_counts_the_same(row, wrapped):
    net = Net()
    net.block = wrapped(net.block)
    found, missing, _ = row(net)
    assert found["flops_256"] == MACS * 256 * 256
    assert (found["params_dead"], missing) == (32, {})


def test_a_network_that_takes_multiples_is_measured_on_what_it_takes(row):
    class Windows(Net):
        traits = Traits(multiple=7, smallest_input=14)

        def forward(self, lr):
            assert lr.shape[2] % 7 == lr.shape[3] % 7 == 0
            return super().forward(lr)

    found, missing, _ = row(Windows())
    assert (found["flops_256"], found["flops_720p"], missing) == (MACS * 259 * 259, MACS * 364 * 644, {})


def test_a_network_too_small_for_the_standard_input_lacks_its_latency(row):
    class Small(Net):
        def forward(self, lr):
            if lr.shape[2] > 64:
                raise MemoryError("64 pixels at most")
            return super().forward(lr)

    found, missing, _ = row(Small())
    assert missing["latency"] == "Small does not run on 256×256 pixels: 64 pixels at most"
    assert isnan(found["latency_ms"])


def test_the_network_is_left_as_it_was(row):
    net = Net()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    row(net)
    assert type(net.block._parameters) is dict
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
