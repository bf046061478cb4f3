"""CARN's counts, costs, gradients and errors. Sources: Ahn et al., ECCV 2018 (the paper's table, and its published
code built and counted); yu45020/Waifu2x (parameter counts of its study, and the columns of its carn_losses.csv)."""

import csv
import inspect
import re
from pathlib import Path

import pytest
import torch
import yaml
from torch.utils.flop_counter import FlopCounterMode

from srbench.experiments.ablations import as_override
from srbench.models.carn import CARN
from srbench.models.layers.partial_conv import PartialConv2d
from tests.presets import preset

ROOT = Path(__file__).parents[2]
CARN_M = {"unit": "efficient", "unit_groups": 4, "share_units": True, "upsampler_groups": 4}
CLASSSR = {**CARN_M, "fusion_norm": "batch", "train_mean_shift": True}
UNGROUPED = {"unit": "efficient", "share_units": True}
SCSE = {"se": "scse", "mean_shift": False}
THREE = {"scales": [2, 3, 4]}
STUDY = yaml.safe_load((ROOT / "sweeps" / "carn_study.yaml").read_text())


def on_meta(**factors) -> CARN:
    with torch.device("meta"):
        return CARN(**factors)


def trainable(model: CARN) -> int:
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def frozen(model: CARN) -> int:
    return sum(p.numel() for p in model.parameters() if not p.requires_grad)


def dead(model: CARN) -> int:
    """Trainable parameters that no gradient reaches, whatever the scale."""
    for scale in model.traits.scales or [model.scale]:
        model.scale = scale
        model(torch.rand(1, 3, 16, 16, device="meta")).sum().backward()
    return sum(p.numel() for p in model.parameters() if p.requires_grad and p.grad is None)


@pytest.mark.parametrize(
    ("factors", "count"),
    [
        ({}, 964_163),
        ({"scale": 3}, 1_148_803),
        ({"scale": 4}, 1_111_875),
        (THREE, 1_591_939),
        (CARN_M, 257_027),
        ({**CARN_M, "scale": 3}, 303_427),
        ({**CARN_M, "scale": 4}, 294_147),
        ({**CARN_M, **THREE}, 414_787),
        (UNGROUPED, 533_507),
        ({**UNGROUPED, "scale": 3}, 718_147),
        ({**UNGROUPED, "scale": 4}, 681_219),
        ({**UNGROUPED, **THREE}, 1_161_283),
    ],
)
def test_parameters_of_the_published_code(factors, count):
    model = on_meta(**factors)
    assert (trainable(model), frozen(model), dead(model)) == (count, 24, 0)


@pytest.mark.parametrize(
    ("factors", "count"),
    [
        ({"mean_shift": False}, 964_163),
        (SCSE, 969_959),
        ({**SCSE, "padding": "partial"}, 969_959),
        ({**SCSE, "bilinear_residual": True}, 969_959),
        ({**SCSE, "se_hidden": 16}, 983_891),
        ({**SCSE, "fusion_kernel": 3}, 2_149_607),
        ({**SCSE, "fusion_kernel": 3, "fusion_groups": 2}, 1_486_055),
        ({**SCSE, "fusion_kernel": 3, "fusion_groups": 4}, 1_154_279),
        ({"mean_shift": False, "scale": 4, "shared_upsampler": True}, 964_163),
        ({"mean_shift": False, "scale": 4}, 1_111_875),
    ],
)
def test_parameters_of_the_study_and_none_of_them_dead(factors, count):
    model = on_meta(**factors)
    assert (trainable(model), frozen(model), dead(model)) == (count, 0, 0)


def test_parameters_of_classsr_s_network_with_normalised_fusions():
    """ClassSR's published sizes: its CARN-M at full width, and the 24 values of a mean shift that is trained."""
    for width, count in ((36, 94_851), (52, 195_651), (64, 294_939)):
        model = on_meta(scale=4, width=width, **CLASSSR)
        assert (trainable(model), frozen(model), dead(model)) == (count, 0, 0)


@pytest.mark.parametrize(
    ("position", "count", "unreached"),
    [("local", 969_959, 225_432), ("both", 971_891, 412_132), ("global", 966_095, 259_912)],
)
def test_the_legacy_wiring_leaves_parameters_dead(position, count, unreached):
    model = on_meta(**SCSE, se_position=position, legacy_wiring=True)
    assert (trainable(model), dead(model)) == (count, unreached)


STUDY_PARAMETERS = {  # column: (trainable, of which the original wiring trained)
    "full_v2_se_res_bilinear_V2_group1": (2_149_607, 1_924_175),
    "full_v2_se_res_bilinear_V2_group2": (1_486_055, 1_260_623),
    "full_v2_se_res_bilinear_V2_group4": (1_154_279, 928_847),
    "full_v2_se_res_bilinear": (969_959, 744_527),
    "full_v2_se_partial_atros_12421": (1_536_255, 1_160_535),
    "full_v2_se_atros_12421": (1_536_255, 1_160_535),
    "full_v2_se_partial_atros_421": (969_959, 744_527),
    "standard_5": (1_526_595, 1_526_595),
    "full_v2_se": (969_959, 744_527),
    "full_v2_se_partial_atros_121": (969_959, 744_527),
    "full_v2_se_double": (971_891, 559_759),
    "full_v2_se_V2_group4": (1_154_279, 928_847),
    "standard": (964_163, 964_163),
    "full_v2_se_atros_121": (969_959, 744_527),
    "full_v2_se_global_only": (966_095, 706_183),
    "full_v2_se_atros_241": (969_959, 744_527),
    "full_v2_se_5_blocks": (1_536_255, 1_160_535),
    "full_v2_spatial_atros_121": (964_739, 742_787),
    "full_v2_se_atros_421": (969_959, 744_527),
    "full_v2_se_atros_222_single": (969_959, 744_527),
    "full_v2_se_fullsize": (1_039_619, 767_747),
    "full_v2_se_atros_121_single": (969_959, 744_527),
    "full_v2_spatial": (964_739, 742_787),
    "full_v2_se_128_channels": (3_866_059, 2_966_683),
    "full_v2_se_concat": (1_117_479, 892_047),
    "full_v2_se_32_channels": (245_383, 187_951),
    # Of guesses the count is derived, if at all, under the guess.
    "full_v2_se_global_atros_12421": (1_529_815, 1_010_635),
}
GUESSES = {
    "full_v2_spatial_atros_121_diff_res",
    "full_v2_spatial_atros_241_diff_res",
    "full_v2_spatial_up_features_atros_421",
    "full_v2_spatial_up_features_atros_421_res",
    "full_v2_upscale_single_atros_131",
}
SANE = "full_v2_se_sane"


def test_the_saved_study_builds_the_networks_of_its_columns():
    counts = {}
    for column, factors in STUDY["runs"].items():
        words = [as_override(k, v) for k, v in factors.items() if k.startswith("model.")]
        with torch.device("meta"):
            model = preset(STUDY["overrides"]["model"], 2, *words).build("model")
        counts[column] = (trainable(model), trainable(model) - dead(model))
    assert {column: count for column, count in counts.items() if column not in {*GUESSES, SANE}} == STUDY_PARAMETERS
    assert counts[SANE] == (969_959, 969_959)


def test_the_saved_study_has_every_published_curve_as_long_as_it_was_and_quotes_its_end(shared):
    with (shared / "reference" / "carn_losses.csv").open() as file:
        epochs = list(csv.DictReader(file))
    columns = {name: [float(epoch[name]) for epoch in epochs if epoch[name]] for name in epochs[0] if name != "epoch"}
    assert set(STUDY["published"]["runs"]) == set(columns) == set(STUDY["runs"]) - {SANE}
    for column, losses in columns.items():
        steps = STUDY["runs"][column].get("recipe.stages.pixel.full.steps", 300 * 40)
        assert steps == 40 * len(losses), column
        assert STUDY["published"]["runs"][column]["final_loss"] == round(sum(losses[-10:]) / 10, 6)


def test_the_guesses_of_the_saved_study_say_that_they_are():
    notes = {column: quoted.get("note", "") for column, quoted in STUDY["published"]["runs"].items()}
    guessed = {column for column, note in notes.items() if note.startswith("a guess")}
    assert guessed == GUESSES | {"full_v2_se_global_atros_12421"}


def test_the_curves_that_ship_are_the_published_ones_thinned(shared):
    with (shared / "reference" / "carn_losses.csv").open() as file:
        epochs = list(csv.DictReader(file))
    path = ROOT / "sweeps" / "carn_losses.csv"
    assert path.stat().st_size <= 20_000
    about, *lines = path.read_text().splitlines()
    assert "yu45020/Waifu2x" in about
    before = 0
    for row in csv.DictReader(line for line in lines if not line.startswith("#")):
        last = int(row["step"]) // 40
        for name in epochs[0].keys() - {"epoch"}:
            losses = [float(epoch[name]) for epoch in epochs[before:last] if epoch[name]]
            assert bool(row[name]) == bool(losses)
            assert not losses or float(row[name]) == pytest.approx(sum(losses) / len(losses), rel=1e-3)
        before = last
    assert before == len(epochs)


def test_convolutions_after_the_upsampler_run_at_the_size_of_sr():
    plain, more = on_meta(width=8), on_meta(width=8, upsampled_convs=2)
    assert trainable(more) - trainable(plain) == 2 * (8 * 8 * 9 + 8)
    sizes = []
    more.upsampled.body[2].register_forward_hook(lambda module, inputs, output: sizes.append(output.shape))
    assert more(torch.rand(1, 3, 10, 12, device="meta")).shape == (1, 3, 20, 24)
    assert sizes == [(1, 8, 20, 24)]
    with pytest.raises(ValueError, match="upsampled_convs is -1"):
        on_meta(upsampled_convs=-1)


@pytest.mark.parametrize(
    ("factors", "scale", "published"),
    [
        ({}, 2, 222.83),
        ({}, 3, 118.80),
        ({}, 4, 90.88),
        (CARN_M, 2, 91.18),
        (CARN_M, 3, 46.13),
        (CARN_M, 4, 32.49),
    ],
)
def test_multiply_adds_for_a_1280_by_720_image(factors, scale, published):
    """In the network of three scales as in one of its own. The paper scales ×3 by pixels: 1280 / 3 is not whole."""
    height, width = 720 // scale, 1280 // scale
    for model in (on_meta(scale=scale, **factors), on_meta(scale=scale, **THREE, **factors)):
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            model(torch.rand(1, 3, height, width, device="meta"))
        per_pixel = counter.get_total_flops() / 2 / (height * width)
        assert per_pixel * 1280 * 720 / scale**2 / 1e9 == pytest.approx(published, abs=0.005)


@pytest.mark.parametrize(
    "factors",
    [
        {},
        {**CARN_M, "width": 4},
        {"se": "scse", "se_position": "both", "padding": "partial", "atrous": 2, "activation": "leaky_relu"},
        {"se": "channel", "concat_global": True, "feature_residual": True, "bilinear_residual": True},
        {"se": "scse", "legacy_wiring": True, "activate_entry": True, "scale": 4, "shared_upsampler": True},
        {**CLASSSR, "width": 4},
    ],
)
def test_gradients_survive_what_happens_in_place(factors):
    torch.manual_seed(0)
    model = CARN(**{"width": 2, "blocks": 2, "units": 2, "se_hidden": 1, **factors}).double()
    lr = torch.rand(1, 3, 4, 5, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(model, lr)


def test_scale_switches_the_head():
    torch.manual_seed(0)
    lr = torch.rand(1, 3, 6, 5)
    model = CARN(width=4, scale=2, **THREE)
    fixed = CARN(width=4, scale=3, **THREE)
    fixed.load_state_dict(model.state_dict())
    model.scale = 3
    torch.testing.assert_close(model(lr), fixed(lr), rtol=0, atol=0)


@pytest.mark.parametrize("mean_shift", [True, False])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_bilinear_residual_alone_is_the_bilinear_image(scale, mean_shift):
    model = CARN(scale=scale, width=4, bilinear_residual=True, mean_shift=mean_shift)
    torch.nn.init.zeros_(model.exit.weight)
    torch.nn.init.zeros_(model.exit.bias)
    ramp = torch.linspace(0, 1, 8).expand(1, 3, 8, 8)
    inside = slice(scale, -scale)  # a ramp stays the same ramp, but for the clamped borders
    places = ((torch.arange(8 * scale) + 0.5) / scale - 0.5) / 7
    torch.testing.assert_close(model(ramp)[0, 0, 0, inside], places[inside], rtol=0, atol=1e-6)


@pytest.mark.parametrize(("dilation", "stride"), [(1, 1), (2, 1), (4, 1), (1, 2)])
def test_partial_convolution_keeps_a_flat_image_flat_up_to_the_border(dilation, stride):
    conv = PartialConv2d(2, 2, 3, stride=stride, padding=dilation, dilation=dilation, groups=2)
    torch.nn.init.constant_(conv.weight, 1 / 9)
    torch.nn.init.constant_(conv.bias, 0.25)
    flat = conv(torch.full((1, 2, 7, 6), 0.5))
    torch.testing.assert_close(flat, torch.full_like(flat, 0.75), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("factors", "sentence"),
    [
        ({"atrous": [1, 2]}, "atrous has 2 rates for 3 blocks: give one rate, or one per block."),
        ({"atrous": [1, 0, 1]}, "width, blocks, units, se_hidden and the rates of atrous must be 1 or more."),
        ({"blocks": 0}, "width, blocks, units, se_hidden and the rates of atrous must be 1 or more."),
        ({"scale": 5}, "CARN has no scale 5: choose from 2, 3, 4 and 8."),
        ({"scales": [2, 6]}, "CARN has no scale 6: choose from 2, 3, 4 and 8."),
        ({"scale": 8, **THREE}, "scale 8 is not among the scales [2, 3, 4] of this network."),
        (
            {"width": 6, "unit_groups": 4},
            "unit_groups is 4, which does not divide width 6: choose from [1, 2, 3, 6].",
        ),
        (
            {"width": 4, "fusion_groups": 3},
            "fusion_groups is 3, which does not divide width 4: choose from [1, 2, 4].",
        ),
        (
            {"width": 4, "upsampler_groups": 0},
            "upsampler_groups is 0, which does not divide width 4: choose from [1, 2, 4].",
        ),
        ({"se": "cbam"}, "se is 'cbam': choose from none, scse, channel, spatial."),
        ({"fusion_kernel": 5}, "fusion_kernel is 5: choose from 1, 3."),
        ({"fusion_norm": "layer"}, "fusion_norm is 'layer': choose from none, batch."),
        ({"activation": "gelu"}, "activation is 'gelu': choose from relu, leaky_relu."),
    ],
)
def test_a_wrong_argument_is_named_with_the_right_ones(factors, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        on_meta(**factors)


def test_the_preset_repeats_the_constructor_s_defaults():
    defaults = {name: p.default for name, p in inspect.signature(CARN).parameters.items() if name != "image_channels"}
    carn = preset("carn", 2)
    assert carn.target == "srbench.models.carn.CARN"
    assert carn.arguments == {**defaults, "atrous": [defaults["atrous"]] * defaults["blocks"]}


@pytest.mark.parametrize(
    ("name", "factors"),
    [
        ("carn_multiscale", THREE),
        ("carn_m", {**THREE, **CARN_M}),
        ("carn_classsr", CLASSSR),
        (
            "carn_waifu2x",
            {"activation": "leaky_relu", "activate_entry": True, "mean_shift": False, "shared_upsampler": True},
        ),
    ],
)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_other_presets_differ_from_it_in_their_own_factors_only(name, factors, scale):
    assert preset(name, scale).arguments == preset("carn", scale).arguments | factors
