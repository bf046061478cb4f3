import copy
import logging
from argparse import Namespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from srbench.metrics import cost as costs
from srbench.metrics.cost import (
    Parameters,
    complexity,
    dead_parameters,
    latencies,
    latency,
    memory_format,
    parameters,
    peak_memory,
    standard_inputs,
    time_passes,
)
from srbench.models.carn import CARN
from srbench.models.fsrcnn import FSRCNN
from srbench.models.gfmn import GFMN
from srbench.models.mdrn import MDRN
from srbench.models.mesrgan import MESRGAN
from srbench.models.mossnet import MossNet
from srbench.models.rcan import RCAN
from srbench.models.safmn_ntire import SAFMNForNTIRE
from srbench.models.span import SPAN
from srbench.models.srgan import SRGAN
from srbench.models.srresnet import SRResNet
from srbench.models.traits import Traits

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning", "ignore:`torch.jit:DeprecationWarning")


class Function(nn.Module):
    """A model of one function, with a weight so that it is a model."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.rand(3, 3))

    def forward(self, lr):
        return self.function(lr, self.weight)


def fvcore_counts(model, height=10, width=12):
    from fvcore.nn import ActivationCountAnalysis, FlopCountAnalysis  # warns, which is an error outside a test

    logging.getLogger("fvcore").setLevel(logging.ERROR)
    lr = torch.rand(1, 3, height, width)
    model = copy.deepcopy(model).eval()
    return FlopCountAnalysis(model, lr).total(), ActivationCountAnalysis(model, lr).total()


def stack(*layers):
    return nn.Sequential(nn.Conv2d(3, 8, 1), *layers)


LAYERS = {
    "conv": nn.Conv2d(3, 8, 3, padding=1),
    "conv, strided, no bias": nn.Conv2d(3, 8, 5, stride=2, bias=False),
    "conv, grouped, dilated": stack(nn.Conv2d(8, 12, 3, padding=2, dilation=2, groups=4)),
    "conv, depthwise": stack(nn.Conv2d(8, 8, 3, padding=1, groups=8)),
    "conv, reflected": nn.Conv2d(3, 8, 3, padding=1, padding_mode="reflect"),
    "transposed conv": nn.ConvTranspose2d(3, 8, 4, stride=2, padding=1),
    "transposed conv, grouped": stack(nn.ConvTranspose2d(8, 8, 3, stride=3, groups=2)),
    "linear on pixels": nn.Linear(12, 5),
    "linear on vectors": nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 7)),
    "matmul of maps": Function(lambda x, w: x @ x.transpose(-1, -2)),
    "matmul with a matrix": Function(lambda x, w: x.transpose(1, 3) @ w),
    "bmm": Function(lambda x, w: torch.bmm(x[0], x[0].transpose(-1, -2))),
    "addmm": Function(lambda x, w: torch.addmm(w, w, x[0, :, :3, :3].sum(0))),
    "einsum of maps": Function(lambda x, w: torch.einsum("nab,nac->nbc", x[0], x[0])),
    "batch norm": stack(nn.BatchNorm2d(8)),
    "batch norm without weights": stack(nn.BatchNorm2d(8, affine=False)),
    "batch norm of the batch": stack(nn.BatchNorm2d(8, track_running_stats=False)),
    "instance norm": stack(nn.InstanceNorm2d(8)),
    "instance norm with weights": stack(nn.InstanceNorm2d(8, affine=True)),
    "layer norm": nn.LayerNorm(12),
    "layer norm without weights": nn.LayerNorm(12, elementwise_affine=False),
    "group norm": stack(nn.GroupNorm(4, 8)),
    "group norm without weights": stack(nn.GroupNorm(4, 8, affine=False)),
    "bilinear": nn.Upsample(scale_factor=2, mode="bilinear"),
    "bilinear to a size": nn.Upsample(size=(7, 9), mode="bilinear", align_corners=True),
    "bilinear with antialias": Function(lambda x, w: F.interpolate(x, (4, 5), mode="bilinear", antialias=True)),
    "bicubic": nn.Upsample(scale_factor=2, mode="bicubic"),
    "nearest": nn.Upsample(scale_factor=3, mode="nearest"),
    "adaptive average pool to one": stack(nn.AdaptiveAvgPool2d(1)),
    "adaptive average pool": stack(nn.AdaptiveAvgPool2d(4)),
    "grid sample": Function(lambda x, w: F.grid_sample(x, x[:, :2].permute(0, 2, 3, 1), align_corners=False)),
    "activations": stack(nn.ReLU(), nn.PReLU(), nn.GELU(), nn.SiLU(), nn.LeakyReLU(), nn.Sigmoid(), nn.Softmax(1)),
    "in place": stack(nn.ReLU(inplace=True), nn.LeakyReLU(0.1, inplace=True)),
    "rearrangement": stack(nn.PixelShuffle(2), nn.PixelUnshuffle(2), nn.ReflectionPad2d(2), nn.ChannelShuffle(2)),
    "pooling": stack(nn.AvgPool2d(2), nn.MaxPool2d(2), nn.AdaptiveMaxPool2d(1), nn.Dropout()),
    "arithmetic": Function(lambda x, w: ((x * 2 + x.mean() - x.var()) / x.std()).clamp(0, 1).chunk(3, 1)[0]),
}

CARN_M = {"unit": "efficient", "unit_groups": 4, "share_units": True, "upsampler_groups": 4}
MODELS = {
    "CARN": CARN(),
    "CARN-M": CARN(scale=4, **CARN_M),
    "CARN with everything": CARN(
        width=16, atrous=(1, 2, 1), se="scse", se_position="both", concat_global=True, bilinear_residual=True, scale=3
    ),
    "CARN, partial convolutions": CARN(width=16, padding="partial"),
    "FSRCNN": FSRCNN(),
    "GFMN": GFMN(blocks=1),
    "MDRN": MDRN(width=16, blocks=1),
    "MESRGAN": MESRGAN(blocks=1),
    "MossNet": MossNet(),
    "MossNet, constant context": MossNet(context="constant", base="bilinear"),
    "MossNet, learned context": MossNet(context="learned"),
    "RCAN": RCAN(width=16, groups=1, blocks=1),
    "SAFMN for NTIRE": SAFMNForNTIRE(blocks=1),
    "SPAN": SPAN(width=8, blocks=2),
    "SRGAN": SRGAN(blocks=1),
    "SRResNet": SRResNet(blocks=1),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_counts_as_in_fvcore(name):
    cost = complexity(LAYERS[name], 10, 12)
    assert (cost.flops, cost.activations) == fvcore_counts(LAYERS[name])
    assert cost.unknown == cost.beyond_fvcore == ()


@pytest.mark.parametrize("name", MODELS)
def test_a_model_counts_as_in_fvcore(name):
    cost = complexity(MODELS[name], 70, 66)
    assert (cost.flops, cost.activations) == fvcore_counts(MODELS[name], 70, 66)
    assert cost.unknown == cost.beyond_fvcore == ()


@pytest.mark.parametrize(
    ("arguments", "giga"),
    [  # Ahn et al., ECCV 2018, Table 1, mult-adds for a 1280×720 output; ×3 is per pixel, as 1280/3 is no integer
        ({"scale": 2}, 222.8),
        ({"scale": 4}, 90.9),
        ({"scale": 2, **CARN_M}, 91.2),
        ({"scale": 4, **CARN_M}, 32.5),
    ],
)
def test_carn_has_the_published_mult_adds(arguments, giga):
    height, width = standard_inputs(arguments["scale"])["720p"]
    assert complexity(CARN(**arguments), height, width).flops / 1e9 == pytest.approx(giga, abs=0.051)


def test_the_standard_inputs_are_720p_and_256():
    assert standard_inputs(2) == {"720p": (360, 640), "256": (256, 256)}
    assert standard_inputs(3) == {"720p": (240, 426), "256": (256, 256)}


def test_same_padding_is_counted_although_fvcore_misses_it():
    same = nn.Conv2d(3, 8, 3, padding="same")
    cost = complexity(same, 10, 12)
    assert fvcore_counts(same) == (0, 0)
    assert (cost.flops, cost.activations) == fvcore_counts(nn.Conv2d(3, 8, 3, padding=1))
    assert cost.beyond_fvcore == ("_convolution_mode",)


def test_attention_is_counted_as_its_two_products_although_fvcore_misses_it():
    attention = Function(lambda x, w: F.scaled_dot_product_attention(x, x, x))  # 3 heads, 10 tokens of 12
    cost = complexity(attention, 10, 12)
    assert fvcore_counts(attention) == (0, 0)
    assert cost.flops == 3 * 10 * 10 * 12 * 2
    assert cost.activations == 3 * 10 * 10 + 3 * 10 * 12
    assert cost.beyond_fvcore == ("scaled_dot_product_attention",)


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(
    ("normalised", "names"),
    [(nn.utils.spectral_norm, ("dot", "mv")), (nn.utils.parametrizations.spectral_norm, ("mv", "vdot"))],
)
def test_products_of_vectors_are_counted_although_fvcore_misses_them(normalised, names):
    plain = nn.Conv2d(3, 8, 3, padding=1)
    cost = complexity(normalised(copy.deepcopy(plain)), 10, 12)
    assert cost.flops == complexity(plain, 10, 12).flops + 8 * 27 + 8
    assert fvcore_counts(normalised(plain))[0] == complexity(nn.Conv2d(3, 8, 3, padding=1), 10, 12).flops
    assert cost.beyond_fvcore == names


def test_an_einsum_is_counted_exactly_where_fvcore_estimates():
    """ "einsum in fvcore is a rounded text of numpy's: 5e-5 off."""
    product = Function(lambda x, w: torch.einsum("nchw,ndhw->ncd", x, x))
    cost = complexity(product, 70, 66)
    assert cost.flops == 3 * 3 * 70 * 66
    assert cost.flops == pytest.approx(fvcore_counts(product, 70, 66)[0], rel=1e-3)


def test_an_operator_that_no_table_knows_is_named():
    cost = complexity(Function(lambda x, w: torch.fft.rfft2(x).abs() + torch.i0(x[..., :7])), 10, 12)
    assert cost.unknown == ("_fft_r2c", "i0")


def test_counting_leaves_the_model_as_it_was():
    model = stack(nn.BatchNorm2d(8), nn.Dropout()).train()
    before = copy.deepcopy(model.state_dict())
    complexity(model, 8, 8), dead_parameters(model), latency(model, 8, 8, repeats=1), peak_memory(model, 8, 8)
    assert all(module.training for module in model.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(p.grad is None and p.device.type == "cpu" for p in model.parameters())


def test_a_model_that_looks_at_values_is_told():
    choosy = Function(lambda x, w: x if x.mean() > 0.5 else x * 2)
    for count in (complexity, peak_memory):
        with pytest.raises(ValueError, match=r"^Function does not run without values \(on torch's meta device\): "):
            count(choosy, 8, 8)


@pytest.mark.parametrize(
    "elsewhere",
    [
        lambda x: x + torch.ones(1, device="cpu"),
        lambda x: x * torch.full((1,), 0.5, device="cpu").item(),
        lambda x: x[:, torch.arange(8, device="cpu").flip(0)] + torch.zeros(8, 1, 1, device="cpu"),
    ],
)
def test_what_meta_lacks_is_counted_with_values_where_the_model_is(elsewhere):
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Sigmoid())
    plain = copy.deepcopy(model)
    model[1].forward = elsewhere
    assert complexity(model, 10, 12) == complexity(plain, 10, 12)
    assert peak_memory(model, 10, 12).bytes >= peak_memory(plain, 10, 12).bytes


@pytest.mark.parametrize(
    ("choosy", "reads"),
    [
        (lambda x, w: x if x.mean() > 0.5 else x @ x.mT, "_local_scalar_dense"),
        (lambda x, w: x if x.mean().tolist() > 2 else x * 2, "tolist"),
        (lambda x, w: torch.from_numpy(x.numpy()) @ x.mT, "numpy"),
        (lambda x, w: x[x > 0.5] * 2, "index"),
        (lambda x, w: x.flatten().repeat_interleave((10 * x).long().flatten()), "repeat_interleave"),
    ],
)
def test_what_may_depend_on_the_image_is_not_counted_with_values_either(choosy, reads):
    for count in (complexity, peak_memory):
        with pytest.raises(ValueError, match=rf"; what it runs may depend on what the image shows \({reads}\)$"):
            count(Function(choosy), 8, 8)


def test_a_network_is_counted_in_the_type_of_its_weights():
    plain = stack(nn.BatchNorm2d(8))
    for kind in (torch.float16, torch.bfloat16, torch.float64):
        model = copy.deepcopy(plain).to(kind)
        assert complexity(model, 8, 8) == complexity(plain, 8, 8)
        assert dead_parameters(model) == {}
        assert {p.dtype for p in model.parameters()} == {kind}


def test_parameters_are_counted_once_and_by_whether_they_are_trained():
    layer = nn.Conv2d(3, 3, 1)
    frozen = nn.Linear(4, 5, bias=False).requires_grad_(False)
    assert parameters(nn.Sequential(layer, nn.ReLU(), layer, frozen)) == Parameters(trainable=12, frozen=20)


class Partly(nn.Module):
    """A head for each scale, a layer that nothing calls, one whose gradient is always 0, and a frozen one."""

    def __init__(self, scales=None) -> None:
        super().__init__()
        self.scale, self.traits = 2, Traits(scales=tuple(scales or ()))
        self.up2, self.up3 = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
        self.unused = nn.Linear(7, 1)
        self.zero = nn.Parameter(torch.ones(1))
        self.frozen = nn.Parameter(torch.ones(1), requires_grad=False)

    def forward(self, lr):
        return (self.up2 if self.scale == 2 else self.up3)(lr) + 0 * self.zero + self.frozen


def test_dead_parameters_have_no_gradient_at_any_scale():
    unused = {"unused.weight": 7, "unused.bias": 1}
    assert dead_parameters(Partly()) == {"up3.weight": 9, "up3.bias": 3, **unused}
    model = Partly(scales=(2, 3))
    assert dead_parameters(model) == unused
    assert model.scale == 2
    with torch.inference_mode():
        assert dead_parameters(model) == unused


def test_no_upsampler_of_a_multi_scale_carn_is_dead():
    assert dead_parameters(CARN(width=8, scales=(2, 3, 4))) == {}


def test_dead_parameters_are_found_in_a_model_that_looks_at_values():
    choosy = Function(lambda x, w: x if x.mean() > 2 else x * 0 * w.sum())
    assert dead_parameters(choosy) == {}
    assert dead_parameters(Function(lambda x, w: x * w.detach().sum().item())) == {"weight": 9}


def test_what_only_training_reaches_is_alive():
    class Auxiliary(nn.Conv2d):
        def forward(self, lr):
            return (lr, super().forward(lr)) if self.training else lr

    assert dead_parameters(Auxiliary(3, 3, 1).eval()) == {}
    assert dead_parameters(stack(nn.BatchNorm2d(8)).eval()) == {}


def test_latency_is_that_of_the_batch():
    model = Function(lambda x, w: [torch.mm(torch.rand(256, 256), torch.rand(256, 256)) for _ in range(len(x))])
    one, eight = latency(model, 4, 6, repeats=20), latency(model, 4, 6, batch=8, repeats=20)
    assert one.q10_ms <= one.median_ms <= one.q90_ms
    assert (one.batch, one.height, one.width, one.threads, one.device) == (1, 4, 6, torch.get_num_threads(), "cpu")
    assert eight.batch == 8
    assert eight.median_ms > 2 * one.median_ms


@pytest.mark.parametrize(("seconds", "expected"), [(0.0, 1 + 5), (60.0, 3 + 12)])
def test_latency_stops_in_time_but_not_before_five_passes(seconds, expected):
    calls = []
    latency(Function(lambda x, w: calls.append(x.dtype)), 4, 4, repeats=12, warmup=3, seconds=seconds)
    assert calls == [torch.float32] * expected


@pytest.fixture
def clock(monkeypatch):
    """`now`: seconds that pass where a network says so alone."""
    clock = Namespace(now=0.0)
    monkeypatch.setattr(costs, "time", Namespace(perf_counter=lambda: clock.now))
    return clock


@pytest.mark.parametrize(
    ("each", "passes"),
    [(0.01, 50), (0.15, 14), (1.0, 5), (7.0, 3), (30.0, 1)],  # seconds; two are asked for, and twenty the most
)
def test_a_slow_network_is_passed_less_often_and_a_very_slow_one_even_less(clock, each, passes):
    def network(lr):
        clock.now += each

    times = time_passes(network, torch.rand(1, 3, 4, 4), repeats=50, at_least=5, seconds=2.0)
    assert times == pytest.approx([1000 * each] * passes)


def test_what_a_device_does_after_a_pass_has_returned_counts_and_what_it_did_before_does_not(clock, monkeypatch):
    def waits(device):
        clock.now += 3 if clock.now else 100  # it makes the input first

    monkeypatch.setattr(costs, "wait_for", waits)
    assert time_passes(lambda lr: None, torch.rand(1, 3, 4, 4), 2, 1, 60.0) == [3000.0, 3000.0]


@pytest.mark.parametrize("fastest", [torch.contiguous_format, torch.channels_last])
def test_a_gpu_s_latency_is_that_of_the_faster_layout(clock, fastest):
    class Choosy(nn.Conv2d):
        def forward(self, lr):
            both = (lr, self.weight)
            clock.now += 1 if all(one.is_contiguous(memory_format=fastest) for one in both) else 2

    model = Choosy(3, 8, 3)
    lr = costs._laid_out(model, torch.rand(2, 3, 6, 6), repeats=3, seconds=60.0)
    assert lr.is_contiguous(memory_format=fastest)
    assert memory_format(model) == ("channels_last" if fastest == torch.channels_last else "contiguous")


def test_a_table_of_latencies_measures_each_batch_at_least_as_often_as_asked():
    batches = []
    model = Function(lambda x, w: batches.append(tuple(x.shape)))
    table = list(latencies(model, 4, 6, batches=(1, 8), warmup=2, seconds=0.0, at_least=3))
    assert [(row.batch, row.height, row.width) for row in table] == [(1, 4, 6), (8, 4, 6)]
    assert batches == [(1, 3, 4, 6)] * (1 + 3) + [(8, 3, 4, 6)] * (1 + 3)


def test_a_table_of_latencies_goes_batch_by_batch():
    calls = []
    table = latencies(Function(lambda x, w: calls.append(len(x))), 4, 4, batches=(2, 3), seconds=0.0)
    assert next(table).batch == 2
    assert set(calls) == {2}


def test_peak_memory_is_what_lives_at_once():
    model = nn.Sequential(nn.Conv2d(3, 16, 1, bias=False), nn.ReLU(), nn.Conv2d(16, 3, 1, bias=False))
    weights, pixels = 4 * (48 + 48), 4 * 20 * 30
    assert peak_memory(model, 20, 30).bytes == weights + pixels * (3 + 16 + 16)  # input, and the ReLU's two sides
    assert peak_memory(model, 20, 30, batch=4).bytes == weights + 4 * pixels * (3 + 16 + 16)
    model[1].inplace = True
    assert peak_memory(model, 20, 30).bytes == weights + pixels * (3 + 16 + 3)
    assert peak_memory(model, 20, 30).source == "tensors"


def test_tiles_bound_the_memory_of_a_large_image():
    tiled, small = peak_memory(MossNet(), 512, 512), peak_memory(MossNet(), 256, 256)
    assert tiled.bytes < 2.6 * small.bytes  # the canvas grows fourfold, the features do not grow
