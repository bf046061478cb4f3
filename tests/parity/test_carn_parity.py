"""CARN and its layers give the outputs of the published code, from its weights."""

import re

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from srbench.models.carn import CARN
from srbench.models.layers.partial_conv import PartialConv2d
from srbench.models.layers.scse import SCSE
from tests.conftest import Parity, assert_matches

CARN_M = {"unit": "efficient", "unit_groups": 4, "share_units": True, "upsampler_groups": 4}

WITHOUT_GATES = [
    "atrous_12421",
    "bilinear",
    "partial_121",
    "standard",
    "standard_5blocks",
    "standard_x4_separate_up",
    "standard_x4_shared_up",
    "v2_group1_noSE",
    "v2_group2_noSE",
    "v2_group4_noSE",
]
WITH_GATES = [
    "scse",
    "scse_atrous_121_single",
    "scse_atrous_12421",
    "scse_bilinear",
    "scse_concat",
    "scse_double",
    "scse_global_only",
    "scse_hidden16",
    "scse_partial_121",
    "scse_v2_feature_residual_HEAD",
    "spatial",
    "v2_group1_scse",
    "v2_group2_scse",
    "v2_group4_scse",
]


def run(model: nn.Module, weights: dict[str, Tensor], image: Tensor) -> Tensor:
    model.load_state_dict(weights)
    with torch.inference_mode():
        return model.eval()(image)


def from_waifu2x(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a CARN of yu45020/Waifu2x under our names, for a network with one scale.

    Left out are what we do not store: the frozen masks of partial convolutions, and the repeats of a shared upsampler.
    """
    # With gates, their list reads unit, gate, unit, gate, …, inside blocks and between them.
    local = 2 if any(re.match(r"blocks\.\d+\.blocks\.\d+\.\w+_excite", name) for name in weights) else 1
    across = 2 if any(re.match(r"blocks\.\d+\.\w+_excite", name) for name in weights) else 1
    table = {
        r"^entry_block\.m\.0\.": lambda _: "entry.",
        r"^blocks\.(\d+)\.(?=blocks|singles)": lambda m: f"b{int(m[1]) // across + 1}.",
        r"^blocks\.(\d+)\.(?=\w+_excite)": lambda m: f"se{int(m[1]) // across + 1}.",
        r"\bblocks\.(\d+)\.m\.": lambda m: f"b{int(m[1]) // local + 1}.body.",
        r"\bblocks\.(\d+)\.(?=\w+_excite)": lambda m: f"se{int(m[1]) // local + 1}.",
        r"\bsingles\.(\d+)\.m\.": lambda m: f"c{int(m[1]) + 1}.body.",
        r"^upsampler\.m\.(\d+)\.0\.": lambda m: f"upsample.up.body.{3 * int(m[1])}.",
        r"^features_conv\.": lambda _: "concat.",
        r"^exit_conv\.": lambda _: "exit.",
        r"\bfeature_conv\.": lambda _: "",
    }
    renamed = {}
    for name, tensor in weights.items():
        first_stage = re.sub(r"^(upsampler\.m)\.\d+", r"\1.0", name)
        if "mask_conv" in name or (name != first_stage and torch.equal(tensor, weights[first_stage])):
            continue
        for pattern, replacement in table.items():
            name = re.sub(pattern, replacement, name)
        renamed[name] = tensor
    return renamed


def ablation_net(reference: Parity, legacy_wiring: bool) -> CARN:
    """The network that the file's `config` describes."""
    config = reference.config
    position = {(True, True): "both", (False, True): "global"}.get((config["se_local"], config["se_global"]), "local")
    return CARN(
        scale=config["scale"],
        width=config["channels"],
        blocks=len(config["atrous"]),
        units=config["repeat"],
        atrous=config["atrous"],
        atrous_convs="both" if config["second_conv_dilated"] else "first",
        shared_upsampler=config["shared_upsampler"],
        fusion_kernel=config["single_kernel"],
        fusion_groups=config["single_groups"],
        se=config["se"],
        se_position=position,
        se_hidden=config["se_hidden"],
        concat_global=config["concat_global"],
        feature_residual=config["feature_residual"],
        bilinear_residual=config["bilinear_residual"],
        padding="partial" if config["partial_conv"] else "zeros",
        activation=config["activation"],
        activate_entry=True,
        mean_shift=False,
        legacy_wiring=legacy_wiring,
    )


@pytest.mark.parametrize("name", WITHOUT_GATES + WITH_GATES)
def test_the_study_s_network_with_working_gates(name, parity):
    reference = parity(f"abl_{name}")
    model = ablation_net(reference, legacy_wiring=False)
    assert_matches(run(model, from_waifu2x(reference.weights), reference["input"]), reference["output"])


@pytest.mark.parametrize("name", WITHOUT_GATES + WITH_GATES)
def test_the_study_s_network_as_it_ran(name, parity):
    """Where there are no gates, the original wiring is the working one."""
    reference = parity(f"abl_{name}")
    expected = reference["output_legacy_truncated" if name in WITH_GATES else "output"]
    model = ablation_net(reference, legacy_wiring=True)
    assert_matches(run(model, from_waifu2x(reference.weights), reference["input"]), expected)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_carn_of_three_scales(scale, parity):
    reference = parity("carn_official")
    model = CARN(scale=scale, scales=[2, 3, 4])
    assert_matches(run(model, reference.weights, reference["input"]), reference[f"output_x{scale}"])


def test_carn_of_one_scale_is_the_same_function(parity):
    reference = parity("carn_official")
    weights = {
        name.replace("upsample.up4", "upsample.up"): tensor
        for name, tensor in reference.weights.items()
        if not name.startswith(("upsample.up2", "upsample.up3"))
    }
    assert_matches(run(CARN(scale=4), weights, reference["input"]), reference["output_x4"])


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize(("image", "output"), [("input", "output"), ("input_synthetic", "output_synthetic")])
def test_carn_m_with_the_published_weights(scale, image, output, parity, shared):
    reference = parity("carn_m_real")
    weights = load_file(shared / "reference" / "checkpoints" / "carn_m.safetensors")
    model = CARN(scale=2, scales=[2, 3, 4], **CARN_M)
    model.scale = scale  # what multi-scale training does
    assert_matches(run(model, weights, reference[image]), reference[f"{output}_x{scale}"])


@pytest.mark.parametrize("name", ["k1", "k3_d1", "k3_d2", "k3_d4", "k3_nobias", "k5_s2"])
def test_partial_convolution(name, parity):
    reference = parity(f"module_partialconv_{name}")
    config = reference.config
    options = {key: config[key] for key in ("kernel_size", "stride", "padding", "dilation", "bias") if key in config}
    model = PartialConv2d(config["in_channels"], config["out_channels"], **options)
    assert_matches(run(model, from_waifu2x(reference.weights), reference["input"]), reference["output"])


@pytest.mark.parametrize(
    ("kind", "output"),
    [("scse", "output"), ("channel", "output_channel_only"), ("spatial", "output_spatial_only")],
)
def test_scse_and_each_gate_alone(kind, output, parity):
    reference = parity("module_scse")
    weights = {name: t for name, t in reference.weights.items() if kind in ("scse", name.partition("_")[0])}
    assert_matches(run(SCSE(64, hidden=4, kind=kind), weights, reference["input"]), reference[output])
