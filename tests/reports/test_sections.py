"""The tables for people: which rows and columns stand in them, what is marked, and how figures are printed."""

from math import inf

import pytest

from srbench.experiments.store.record import Membership
from srbench.metrics.figures import Cost, Routing
from srbench.metrics.missing import Missing
from srbench.metrics.table import COSTS, MORE_COSTS, ROUTED_COSTS
from srbench.reports.cells import Cell
from srbench.reports.columns import DeltaColumn, ScoreColumn
from tests.reports.conftest import (
    BASE,
    BASE_WORDS,
    FIXED,
    OTHER,
    OTHER_WORDS,
    SET5,
    Outcome,
    cell,
    failed,
    imaged,
    latency,
    scored,
    shown,
)


def titles(section) -> list[str]:
    return [column.title for column in section.columns]


# Rows


@pytest.fixture
def two_ablations(build):
    """Bicubic at two scales, and carn at one of them in two ablations."""
    build.run("bicubic", hashed="0", left=scored(99.0).with_facts(cost=Cost(params=0)))
    build.run("bicubic", scale=4, hashed="1", left=scored(28.0))
    build.run("carn", BASE, hashed="2", left=scored(37.0))
    build.run("carn", OTHER, hashed="3", left=scored(36.0))
    none, se = Membership("se", "none", True), Membership("se", "se", False)
    build.run("carn", none, se, hashed="4", left=scored(37.0))
    return build.report().sections


def test_each_ablation_has_a_table_under_its_title(two_ablations):
    assert [part.title for part in two_ablations] == ["Atrous rates of the residual blocks", "Squeeze and excitation"]


def test_bicubic_tops_every_ablation_of_its_scale_and_is_never_marked(two_ablations):
    for part in two_ablations:
        assert shown(part, "model", "scale", SET5)[0] == [["bicubic", "×2", "99.00"]]


def test_bicubic_has_empty_cells_for_the_costs_of_a_network(two_ablations):
    assert shown(two_ablations[0], COSTS["params"], COSTS["flops_720p"])[0] == [["0", ""]]


def test_runs_outside_ablations_have_a_table_of_their_own(build):
    build.run("carn", BASE, hashed="0", left=scored(37.0))
    build.run("espcn", hashed="1", left=scored(36.0))
    assert [part.title for part in build.report().sections] == [
        "Runs outside ablations",
        "Atrous rates of the residual blocks",
    ]


def test_in_an_ablation_each_model_and_scale_is_ranked_on_its_own(build):
    for number, (model, scale) in enumerate((("carn", 2), ("carn", 4), ("mossnet", 2))):
        for place, gain in ((BASE, 0.0), (OTHER, 1.0)):
            build.run(model, place, scale=scale, hashed=f"{number}{gain:.0f}", left=scored(30.0 + gain))
    (section,) = build.report().sections
    assert shown(section, "variant", SET5) == [[["1-1-1 (baseline)", "30.00second"], ["1-2-1", "31.00best"]]] * 3


def test_the_facts_of_an_ablation_name_its_question_source_and_baselines(build):
    build.run("carn", BASE, hashed="0", left=scored(37.0))
    build.run("mossnet", Membership("atrous", "1-1", True), hashed="1", left=scored(36.0))
    (section,) = build.report().sections
    assert dict(section.facts) == {
        "Question": "does a larger receptive field help?",
        "Source": "Waifu2x CARN study",
        "Baseline": "carn 1-1-1, mossnet 1-1",
    }


# Columns


def test_columns_are_those_with_a_value_or_a_gap_to_explain_deltas_of_psnr_only(build):
    cost = Cost(params=1, params_dead=0)
    build.run("carn", BASE, hashed="0", left=scored(37.0, 0.95).with_facts(cost=cost))
    build.run("carn", OTHER, words=OTHER_WORDS, hashed="1", left=scored(37.5, 0.951).with_facts(cost=cost))
    (section,) = build.report().sections
    costs = ["Params (K)", "FLOPs 720p (G)", "FLOPs 256² (G)", "Act. 720p (M)", "Latency (ms)"]
    assert titles(section) == ["Model", "Variant", "Scale", *costs, "set5 PSNR", "set5 Δ PSNR", "set5 SSIM"]


def test_dead_parameters_have_a_column_where_there_are_some(build):
    build.run("carn", left=scored(37.0).with_facts(cost=Cost(params_dead=1200)))
    (section,) = build.report().sections
    assert shown(section, COSTS["params_dead"]) == [[["1.20"]]]


@pytest.mark.parametrize(("train", "there"), [({}, True), ({"train": FIXED}, False)])
def test_seeds_have_a_column_where_a_row_has_several(build, train, there):
    for seed in range(2):
        build.run("carn", seed=seed, hashed=f"{seed}", left=scored(37.0).with_facts(**train))
    (section,) = build.report().sections
    assert ("Seeds" in titles(section)) == there


@pytest.mark.parametrize(
    ("metric", "title", "caveat"),
    [
        ("psnr", "set5 PSNR", ""),
        ("niqe", "set5 NIQE", "BasicSR's convention"),
        ("pi", "set5 PI", "Ma's score comes from pyiqa, under a non-commercial licence"),
        ("rmse_pirm", "set5 RMSE_PIRM (unverified)", "inferred from the description of PIRM 2018"),
        ("ssim_global", "set5 SSIM_GLOBAL", "not comparable with SSIM"),
    ],
)
def test_a_column_notes_what_its_metrics_name_does_not_tell(build, metric, title, caveat):
    build.run("carn", left=Outcome({"set5": {metric: 5.0}}))
    (section,) = build.report().sections
    (column,) = [column for column in section.columns if column.of == ScoreColumn("set5", metric)]
    assert column.title == title
    assert caveat in column.note
    assert bool(column.note) == bool(caveat)


# Figures


def variants(build, **scores: Outcome):
    for number, (variant, left) in enumerate(scores.items()):
        place = Membership("atrous", variant, number == 0)
        build.run("carn", place, words=(f"model.atrous={variant}",), hashed=str(number), left=left)
    (section,) = build.report().sections
    return section


def test_best_and_second_are_ranked_as_printed(build):
    section = variants(build, a=scored(37.004), b=scored(37.496), c=scored(37.5))
    # 37.496 and 37.5 are printed alike, so both are best.
    assert shown(section, SET5) == [[["37.00second"], ["37.50best"], ["37.50best"]]]


def test_lower_is_better_for_lpips(build):
    section = variants(build, a=scored(37.0, lpips=0.04), b=scored(37.0, lpips=0.06), c=scored(37.0, lpips=0.05))
    lpips = ScoreColumn("set5", "lpips")
    assert shown(section, lpips) == [[["0.0400best"], ["0.0600"], ["0.0500second"]]]


def test_equal_figures_are_not_marked(build):
    section = variants(build, a=scored(37.001), b=scored(37.0))
    assert shown(section, SET5) == [[["37.00"], ["37.00"]]]


def test_costs_have_units_and_three_digits(build):
    costs = Cost(411_971, None, 0, 91_200_000_000, 25_940_000_000, 4_321_000)
    section = variants(build, a=scored(37.0).with_facts(cost=costs, latency=(latency(1592.4),)))
    names = ("params", "flops_720p", "flops_256", "activations_720p", "latency_ms")
    assert shown(section, *(COSTS[name] for name in names)) == [[["412", "91.2", "25.9", "4.32", "1,592"]]]


def test_a_deviation_stands_behind_its_mean(build):
    for seed in range(3):
        build.run("carn", seed=seed, hashed=f"{seed}", left=imaged(set5=[37.0 + seed]))
    (section,) = build.report().sections
    assert shown(section, "seeds", SET5) == [[["3", "38.00 ± 1.00"]]]


def test_an_infinite_score_is_a_sign(build):
    assert shown(variants(build, a=scored(inf)), SET5) == [[["∞"]]]


def test_a_delta_of_less_than_half_a_thousandth_has_no_minus(build):
    section = variants(build, a=scored(37.0), b=scored(36.9999), c=scored(36.9))
    assert shown(section, DeltaColumn(SET5)) == [[["+0.000"], ["+0.000"], ["−0.100"]]]


def test_a_gap_is_a_dash_with_its_reason(build):
    build.run("carn", BASE, words=BASE_WORDS, hashed="0", left=scored(37.0))
    build.run("carn", OTHER, words=OTHER_WORDS, hashed="1", left=failed("out of memory"))
    (section,) = build.report().sections
    found = cell(section, section.groups[0][1], SET5)
    assert (found.text, found.notes) == ("–", ("failed: out of memory",))


def test_frozen_parameters_have_a_column_where_they_weigh(build):
    costs = {"0": Cost(params=964_163, params_frozen=24), "1": Cost(params=15_308, params_frozen=135_380)}
    build.run("carn", hashed="0", left=scored(37.0).with_facts(cost=costs["0"]))
    assert "Frozen (K)" not in titles(build.report().sections[0])
    build.run("mossnet", hashed="1", left=scored(37.0).with_facts(cost=costs["1"]))
    (section,) = build.report().sections
    assert shown(section, MORE_COSTS["params_frozen"]) == [[["0.024"], ["135"]]]


def test_dead_parameters_that_cannot_be_known_have_the_reason(build):
    missing = (Missing("params_dead", "network", "Net cannot be trained: in place"),)
    build.run("carn", left=scored(37.0).with_facts(cost=Cost(params=5), missing=missing))
    (section,) = build.report().sections
    ((cells,),) = section.groups
    assert cell(section, cells, COSTS["params_dead"]) == Cell("–", "", ("Net cannot be trained: in place",))


def test_what_was_counted_beyond_fvcore_is_a_footnote_of_the_count(build):
    cost = Cost(params=5, flops_256=9_000_000, beyond_fvcore=("_convolution_mode",))
    build.run("carn", left=scored(37.0).with_facts(cost=cost))
    (section,) = build.report().sections
    ((cells,),) = section.groups
    told = "counted here, taken for zero by fvcore itself: _convolution_mode"
    assert cell(section, cells, COSTS["flops_256"]) == Cell("0.009", "", (told,), 9_000_000)


def test_activations_of_convolutions_alone_have_columns_where_they_differ(build):
    alike = Cost(params=5, activations_256=7, conv_activations_256=7)
    build.run("carn", hashed="0", left=scored(37.0).with_facts(cost=alike))
    assert "Conv act. 256² (M)" not in titles(build.report().sections[0])
    assert "Act. 256² (M)" in titles(build.report().sections[0])
    other = Cost(params=5, activations_256=9_000_000, conv_activations_256=7_000_000)
    build.run("mossnet", hashed="1", left=scored(37.0).with_facts(cost=other))
    (section,) = build.report().sections
    names = ("activations_256", "conv_activations_256")
    assert shown(section, *(MORE_COSTS[name] for name in names))[0][1] == ["9.00", "7.00"]


def test_what_routing_saves_has_columns_with_notes_where_a_network_routes(build):
    build.run("carn", hashed="0", left=scored(37.0))
    assert not {column.of for column in build.report().sections[0].columns} & set(ROUTED_COSTS.values())
    found = [
        Routing({"a": (3, 1)}, share * 10e6, 10e6, share * 80e6, 40e6, share, 2.0, 1, 1, "cpu") for share in (1, 0.5)
    ]
    for seed, routing in enumerate(found):
        build.run("classsr", hashed=f"{seed + 1}", seed=seed, left=scored(37.0).with_facts(routing={"set5": routing}))
    (section,) = build.report().sections
    own = [column for column in section.columns if column.of in ROUTED_COSTS.values()]
    assert all(column.note for column in own)
    assert [column.title for column in own] == [
        *("FLOPs/window (M)", "FLOPs of full (%)", "ClassSR FLOPs/window (M)", "ClassSR FLOPs of full (%)"),
        "Time of full (%)",
    ]
    assert shown(section, *ROUTED_COSTS.values())[0] == [[""] * 5, ["7.50", "75.0", "60.0", "150", "37.5"]]


def test_a_set_with_fewer_images_than_it_has_is_told_at_its_scores(build):
    build.run("carn", hashed="0", left=imaged(manga109=[30.0] * 7, own=[30.0], set5=[30.0] * 5))
    (section,) = build.report().sections
    ((cells,),) = section.groups
    notes = {name: cell(section, cells, ScoreColumn(name, "psnr")).notes for name in ("manga109", "own", "set5")}
    assert notes == {"manga109": ("manga109 is not whole: 7 of 109 images",), "own": (), "set5": ()}
