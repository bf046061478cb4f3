"""Published costs beside counted ones: every fact of the file is counted again."""

import pytest
import torch
from torch import nn

from srbench.metrics.cost import complexity, cost_summary, parameters
from srbench.metrics.figures import Cost
from srbench.reports.markdown import to_markdown
from srbench.reports.published_costs import PublishedNetwork, published_networks
from tests.presets import preset
from tests.reports.conftest import scored

PRESETS = {
    "MossNet-XS": "mossnet",
    "CARN": "carn",
    "CARN, three scales": "carn_multiscale",
    "CARN-M": "carn_m",
    "MDRN-s": "mdrn_s",
    "GFMN": "gfmn",
    "SAFMN": "safmn",
    "SRGAN": "srgan",
    "EDSR, baseline": "edsr",
    "SPAN, NTIRE": "span_ntire",
}
NETWORKS = {f"{one.network} ×{one.scale}": one for one in published_networks()}
MOSSNET = Cost(params=64_153, flops_256=5_179_435_072)
MDRN_S = Cost(params=95_396, flops_256=5_624_760_512, ntire_flops_256=5_580_720_328)


def network(known: PublishedNetwork, *words: str) -> nn.Module:
    with torch.device("meta"):
        return preset(PRESETS[known.network], known.scale, *words).build("model")


@pytest.mark.parametrize("name", NETWORKS)
def test_a_published_number_is_what_is_counted_or_what_the_file_says_of_it(name):
    known = NETWORKS[name]
    counted, missing = cost_summary(network(known), known.scale)
    assert (counted.params, missing) == (known.params, ())
    ntire = {
        "flops_720p": counted.ntire_flops_720p,
        "flops_256": counted.ntire_flops_256,
        "activations_720p": counted.conv_activations_720p,
        "activations_256": counted.conv_activations_256,
    }
    for one in known.published:
        found = ntire[one.column.name] if one.by == "ntire" else counted.numbers[one.column.name]
        count = one.otherwise.count if one.otherwise else found
        digit = 10.0 ** -len(str(one.number).partition(".")[2])
        assert count / one.column.size == pytest.approx(one.number, abs=0.65 * digit)  # one is cut off, not rounded
        assert one.otherwise is None or one.otherwise.count != found


def test_the_counts_that_explain_a_published_number_are_right():
    moss = NETWORKS["MossNet-XS ×2"]
    assert complexity(network(moss, "model.overlap=0"), 256, 256).flops == moss.published[1].otherwise.count
    carn_m = network(NETWORKS["CARN-M ×2"])
    biases = sum(p.numel() for name, p in carn_m.named_parameters() if name.endswith("bias") and p.requires_grad)
    assert parameters(carn_m).trainable - biases == NETWORKS["CARN-M ×2"].published[0].otherwise.count
    three = parameters(network(NETWORKS["CARN, three scales ×2"])).trainable
    assert NETWORKS["CARN ×2"].published[0].otherwise.count == three


def test_the_widespread_srgan_has_5949_thousand_parameters():
    """leftthomas/SRGAN at ×4, by hand: a generator of five blocks, and a discriminator that ends in a mean."""
    generator = (3 * 81 * 64 + 64 + 1) + 5 * (2 * (64 * 64 * 9 + 64) + 2 * 128 + 1)
    generator += (64 * 64 * 9 + 64 + 128) + 2 * (64 * 256 * 9 + 256 + 1) + (64 * 81 * 3 + 3)
    widths = [(64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 512), (512, 512)]
    discriminator = 3 * 64 * 9 + 64 + sum(9 * a * b + b + 2 * b for a, b in widths) + (512 * 1024 + 1024) + (1024 + 1)
    assert (generator, discriminator) == (734_219, 5_215_425)
    assert generator + discriminator == NETWORKS["SRGAN ×4"].published[0].otherwise.count


def test_mossnets_published_count_stands_beside_ours_with_the_reason(build):
    build.run("mossnet", left=scored(34.0).with_facts(class_name="MossNet", cost=MOSSNET))
    text = to_markdown(build.report())
    assert "## Published costs against counted" in text
    assert "| ×2 | FLOPs 256² | 3.32 G<sup>3</sup> | 5.18 G | – |" in text
    assert "3.3152 G on tiles that do not overlap (model.overlap=0); as it runs 5.179 G" in text


def test_a_number_by_ntires_rules_stands_beside_both_counts(build):
    facts = {"class_name": "MDRN", "cost": MDRN_S}
    build.run("mdrn_s", scale=4, left=scored(32.0).with_facts(**facts))
    text = to_markdown(build.report())
    assert "| ×4 | FLOPs 256² | 5.58 G<sup>3</sup> | 5.62 G | 5.58 G |" in text
    assert "by NTIRE's rules" in text


def test_another_size_is_not_compared(build):
    build.run("mossnet", left=scored(34.0).with_facts(class_name="MossNet", cost=Cost(params=64_314)))
    assert build.report().published_costs is None


def test_runs_that_count_the_same_stand_there_once(build):
    for seed in (0, 1):
        facts = {"class_name": "MossNet", "cost": MOSSNET}
        build.run("mossnet", seed=seed, hashed=f"{seed}", left=scored(34.0).with_facts(**facts))
    assert len(build.report().published_costs.groups) == 1
