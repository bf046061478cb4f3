"""Each convention gives the numbers that were published by it."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from srbench.core.paths import conf_folder
from srbench.metrics.cost import Count, complexity, standard_inputs
from srbench.models.carn import CARN
from srbench.models.esrgan import ESRGAN
from srbench.models.fsrcnn import FSRCNN
from srbench.models.gfmn import GFMN
from srbench.models.mdrn import MDRN
from srbench.models.mesrgan import MESRGAN
from srbench.models.rcan import RCAN
from srbench.models.safmn import SAFMN
from srbench.models.safmn_ntire import SAFMNForNTIRE
from srbench.models.span import SPAN
from srbench.models.srgan import SRGAN
from srbench.models.srresnet import SRResNet
from tests.presets import preset

# Our networks; the families of ClassSR are `classsr` with other branches.
PRESETS = sorted(
    path.stem
    for path in (conf_folder() / "model").glob("*.yaml")
    if "_target_: srbench.models." in path.read_text() and not path.stem.startswith(("classsr_", "spandrel"))
)
CARN_OF_CLASSSR = {
    "unit": "efficient",
    "unit_groups": 4,
    "share_units": True,
    "upsampler_groups": 4,
    "fusion_norm": "batch",
}
PIXELS = 10 * 12


class Function(nn.Module):
    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, lr):
        return self.function(lr)


def on_meta(model, **arguments):
    with torch.device("meta"):
        return model(**arguments)


def twice(layer):
    return nn.Sequential(layer, layer)


@pytest.mark.parametrize(
    ("layer", "fvcore", "ntire", "activations", "classsr"),  # for (1, 3, 10, 12)
    [
        (nn.Conv2d(3, 8, 3, padding="same"), 216 * PIXELS, 216 * PIXELS, 8 * PIXELS, 432 * PIXELS),
        (nn.Conv2d(3, 6, 5, stride=2, padding=2, groups=3), 150 * 30, 150 * 30, 6 * 30, 300 * 30),
        (nn.ConvTranspose2d(3, 8, 4, 2, 1), 384 * PIXELS, 4 * 384 * PIXELS, 8 * 4 * PIXELS, 8 * 384 * PIXELS),
        (nn.ConvTranspose2d(3, 6, 3, 3, groups=3), 54 * PIXELS, 9 * 54 * PIXELS, 6 * 9 * PIXELS, 18 * 54 * PIXELS),
        (twice(nn.Conv2d(3, 3, 1)), 18 * PIXELS, 18 * PIXELS, 6 * PIXELS, 36 * PIXELS),
        (Function(lambda x: F.linear(x.mean((2, 3)), torch.ones(7, 3, device="meta"))), 21, 21, 0, 42),
        (nn.Sequential(nn.Flatten(1, 2), nn.Conv1d(30, 4, 1)), 120 * 12, 0, 0, 240 * 12),
        (nn.BatchNorm2d(3), 6 * PIXELS, 6 * PIXELS, 0, 0),
        (nn.BatchNorm2d(3, affine=False), 3 * PIXELS, 3 * PIXELS, 0, 0),
        (nn.GroupNorm(3, 3), 15 * PIXELS, 0, 0, 0),
        (nn.Upsample(scale_factor=2, mode="bilinear"), 4 * 12 * PIXELS, 0, 0, 0),
        (Function(lambda x: x.flatten(2) @ x.flatten(2).mT), 9 * PIXELS, 0, 0, 0),
        (Function(lambda x: F.scaled_dot_product_attention(x, x, x)), 3 * 10 * 10 * 12 * 2, 0, 0, 0),
    ],
)
def test_a_layer_counts_by_hand_arithmetic(layer, fvcore, ntire, activations, classsr):
    counts = complexity(layer, 10, 12).counts
    assert counts["fvcore"].flops == fvcore
    assert counts["ntire"] == Count(ntire, activations)
    assert counts["classsr"] == Count(classsr, None)


@pytest.mark.parametrize("layer", [nn.ReLU(), nn.PReLU(3), nn.ELU(), nn.LeakyReLU(), nn.ReLU6(), F.relu, F.leaky_relu_])
def test_ntire_takes_one_per_element_of_relu_and_its_kin_module_or_function(layer):
    counts = complexity(Function(layer), 10, 12).counts
    assert (counts["ntire"].flops, counts["fvcore"].flops, counts["classsr"].flops) == (3 * PIXELS, 0, 0)


@pytest.mark.parametrize(
    "layer", [nn.GELU(), nn.Sigmoid(), nn.RReLU(), nn.SiLU(), nn.CELU(), nn.Hardtanh(), nn.MaxPool2d(2), nn.Softmax(1)]
)
def test_ntire_takes_nothing_for_other_activations(layer):
    cost = complexity(layer, 10, 12)
    assert cost.counts["ntire"].flops == 0
    assert cost.unknown == ()


def test_the_ntire_counter_takes_tokens_for_channels():
    """Theirs reads sizes 0 and 1 of a linear layer's input, so that 10 tokens of 12 → 5 cost 3 · 10 · 10."""
    counts = complexity(nn.Sequential(nn.Flatten(0, 1), nn.Linear(12, 5)), 10, 12).counts
    assert (counts["ntire"].flops, counts["fvcore"].flops) == (3 * 10 * 10, 3 * 10 * 12 * 5)


def test_what_no_table_knows_is_named_whatever_the_convention():
    cost = complexity(nn.Sequential(nn.Conv2d(3, 3, 1), Function(torch.special.i0)), 10, 12)
    assert cost.unknown == ("i0",)
    assert [count.flops for count in cost.counts.values()] == [9 * PIXELS, 9 * PIXELS, 18 * PIXELS]


@pytest.mark.parametrize(
    ("model", "arguments", "side", "giga", "mega", "convolutions"),
    [  # the NTIRE counter on the authors' networks; the challenge of 2023 gives 5.58 and 220.88, 6.56 and 199.35
        (MDRN, {"width": 28, "scale": 4}, 256, 5.5807, 220.881, 317),
        (MDRN, {"scale": 2}, 256, 18.1502, 436.258, 317),
        (MDRN, {"scale": 3}, 256, 18.6457, 437.241, 317),
        (MDRN, {"scale": 4}, 256, 19.3393, 438.617, 317),
        (GFMN, {}, 256, 6.5647, 199.354, 66),
        (SAFMNForNTIRE, {}, 256, 15.3979, 86.108, 58),
        (SAFMN, {"scale": 2}, 256, 14.6439, 84.910, 58),
        (SAFMN, {"scale": 3}, 256, 14.9624, 85.893, 58),
        (SAFMN, {"scale": 4}, 256, 15.4083, 87.269, 58),
        (SPAN, {"width": 28, "scale": 4}, 256, 9.833807872, 41.680896, 22),
        (SPAN, {"width": 48, "scale": 2}, 256, 26.8488, 66.847, 22),
        (SPAN, {"width": 52, "scale": 4}, 256, 32.5758, 74.711, 22),
        (SRGAN, {}, 64, 9.113, 14.35, 37),
        (ESRGAN, {}, 64, 21.485, 22.74, 86),
        (MESRGAN, {"expansion": 1}, 64, 14.019, 106.63, 246),
        (MESRGAN, {"expansion": 2}, 64, 22.265, 190.51, 246),
    ],
)
def test_ntire_counts(model, arguments, side, giga, mega, convolutions):
    cost = complexity(on_meta(model, **arguments), side, side)
    assert cost.counts["ntire"].flops / 1e9 == pytest.approx(giga, abs=0.00051)
    assert cost.counts["ntire"].activations / 1e6 == pytest.approx(mega, abs=0.0051)
    assert cost.convolutions == convolutions


@pytest.mark.parametrize(
    ("model", "scale", "giga", "mega"),
    [  # the NTIRE counter on the authors' networks; Sun et al., ICCV 2023, give 52, 23, 14 and 299, 134, 77 for SAFMN
        (SAFMN, 2, 51.483, 298.51),
        (SAFMN, 3, 23.342, 134.00),
        (SAFMN, 4, 13.542, 76.70),
        (MDRN, 2, 63.81, 1533.7),
        (MDRN, 3, 29.09, 682.1),
        (MDRN, 4, 17.00, 385.5),
    ],
)
def test_ntire_counts_for_720p(model, scale, giga, mega):
    count = complexity(on_meta(model, scale=scale), *standard_inputs(scale)["720p"]).counts["ntire"]
    assert count.flops / 1e9 == pytest.approx(giga, abs=0.0051)
    assert count.activations / 1e6 == pytest.approx(mega, abs=0.051)


@pytest.mark.parametrize(
    ("model", "arguments", "giga"),
    [  # fvcore on the authors' networks, LR 64×64; SRGAN's includes 0.017 of batch normalisation
        (SRGAN, {}, 9.103),
        (ESRGAN, {}, 21.467),
        (MESRGAN, {"expansion": 1}, 13.926),
        (MESRGAN, {"expansion": 2}, 22.088),
    ],
)
def test_fvcore_counts(model, arguments, giga):
    assert complexity(on_meta(model, **arguments), 64, 64).flops / 1e9 == pytest.approx(giga, abs=0.00051)


@pytest.mark.parametrize(
    ("model", "arguments", "mega"),
    [  # the convention by hand on the authors' networks, LR 32×32; their code's constants round these to 3 digits
        (FSRCNN, {"d": 16}, 141.3),
        (FSRCNN, {"d": 36}, 304.6),
        (FSRCNN, {"d": 56}, 467.9),
        (CARN, {"width": 36, **CARN_OF_CLASSSR}, 380.5),
        (CARN, {"width": 52, **CARN_OF_CLASSSR}, 771.9),
        (CARN, {"width": 64, **CARN_OF_CLASSSR}, 1155.2),
        (SRResNet, {"width": 36}, 1658.2),
        (SRResNet, {"width": 52}, 3438.0),
        (SRResNet, {"width": 64}, 5194.0),
        (RCAN, {"width": 64}, 32_600),
    ],
)
def test_classsr_counts(model, arguments, mega):
    counts = complexity(on_meta(model, scale=4, **arguments), 32, 32).counts
    assert counts["classsr"].flops / 1e6 == pytest.approx(mega, rel=4e-4)


def test_a_transposed_convolution_inflates_fsrcnn():
    """ClassSR's 468 M are 49.8 M where each product counts once as two FLOPs."""
    counts = complexity(on_meta(FSRCNN), 32, 32).counts
    assert 2 * counts["fvcore"].flops == pytest.approx(49.8e6, rel=1e-3)


@pytest.mark.parametrize("name", PRESETS)
def test_products_are_those_of_torchs_own_counter(name):
    scale = 2 if name.startswith("mossnet") else 4
    model = on_meta(preset(name, scale).build, key="model").eval()
    if name in ("bicubic", "classsr"):
        with pytest.raises(ValueError, match="does not run without values"):
            complexity(model, 40, 36)
        return
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.empty(1, 3, 40, 36, device="meta"))
    cost = complexity(model, 40, 36)
    assert 2 * cost.products == counter.get_total_flops()
    assert cost.products <= cost.flops <= 1.05 * cost.products
    assert cost.unknown == cost.beyond_fvcore == ()
