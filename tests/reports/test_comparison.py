"""The numbers of a row: means over seeds, deltas to baselines, costs, and why some of them are missing."""

from dataclasses import replace
from math import inf

import pytest

from srbench.experiments.store.record import Membership
from srbench.metrics.figures import Cost
from srbench.metrics.missing import Missing
from srbench.metrics.table import ROUTED_COSTS
from srbench.reports.columns import ScoreColumn
from srbench.reports.row_costs import Figure
from tests.reports.conftest import (
    BASE,
    BASE_WORDS,
    FIXED,
    OTHER,
    OTHER_WORDS,
    Outcome,
    failed,
    imaged,
    latency,
    means,
    psnr,
    row,
    scored,
)


def test_a_score_is_the_mean_over_seeds_with_the_samples_deviation(build):
    for seed, value in enumerate((37.0, 37.2)):
        build.run("carn", seed=seed, hashed=f"{seed}", left=scored(value))
    figures = psnr(build.report())
    assert figures.mean == pytest.approx(37.1)
    assert figures.std == pytest.approx(0.2 / 2**0.5)


def test_one_seed_has_no_deviation(build):
    build.run("carn", left=scored(37.0))
    assert psnr(build.report()).std is None


def test_a_delta_pairs_each_seed_with_its_own_baseline(build):
    for seed, base, other in [(0, 37.0, 37.5), (1, 37.2, 37.3), (2, None, 38.0)]:
        left = base and scored(base)
        build.run("carn", BASE, seed=seed, words=BASE_WORDS, hashed=f"{seed}0", left=left)
        build.run("carn", OTHER, seed=seed, words=OTHER_WORDS, hashed=f"{seed}1", left=scored(other))
    report = build.report()
    assert psnr(report, "1-1-1").delta == 0
    assert psnr(report, "1-2-1").mean == pytest.approx(37.6)
    assert psnr(report, "1-2-1").delta == pytest.approx((0.5 + 0.1) / 2)  # seed 2 has no baseline to compare with


def test_a_delta_stays_within_scale_model_and_swept_overrides(build):
    for scale, width, base, other in [(2, 32, 37.0, 37.5), (2, 64, 38.0, 38.1), (4, 32, 31.0, 30.0)]:
        swept, hashed = (f"model.width={width}",), f"{scale}{width}"
        build.run("carn", BASE, scale=scale, words=BASE_WORDS + swept, hashed=hashed + "0", left=scored(base))
        build.run("carn", OTHER, scale=scale, words=OTHER_WORDS + swept, hashed=hashed + "1", left=scored(other))
    report = build.report()
    (column,) = report.columns
    found = {
        (row.scale, row.settings["model.width"], row.variant): round(row.scores[column].delta, 6) for row in report.rows
    }
    assert found == {
        (2, "32", "1-1-1"): 0.0,
        (2, "32", "1-2-1"): 0.5,
        (2, "64", "1-1-1"): 0.0,
        (2, "64", "1-2-1"): 0.1,
        (4, "32", "1-1-1"): 0.0,
        (4, "32", "1-2-1"): -1.0,
    }


def test_a_baseline_that_an_edited_ablation_has_moved_is_not_guessed(build):
    build.run("carn", BASE, words=BASE_WORDS, hashed="0", left=scored(37.0))
    moved = Membership("atrous", "1-2-1", True)
    build.run("carn", moved, words=OTHER_WORDS, hashed="1", left=scored(37.5))
    report = build.report()
    assert [psnr(report, variant).delta for variant in ("1-1-1", "1-2-1")] == [None, None]


def test_a_failed_run_keeps_its_row_but_none_of_its_old_scores(build):
    build.run("carn", BASE, hashed="0", left=scored(37.0))
    old = scored(36.0).with_facts(status="failed", error="out of memory")
    build.run("carn", OTHER, hashed="1", left=old)
    report = build.report()
    assert [row.seeds for row in report.rows] == [1, 0]
    assert means(report) == [37.0, None]


def test_an_infinite_score_is_kept_and_has_no_delta(build):
    for place, words, hashed in ((BASE, BASE_WORDS, "0"), (OTHER, OTHER_WORDS, "1")):
        build.run("carn", place, words=words, hashed=hashed, left=scored(inf))
    report = build.report()
    assert means(report) == [inf, inf]
    assert psnr(report, "1-2-1").delta is None


# Seeds


def test_seeds_of_trained_runs_are_counted(build):
    for seed in range(3):
        build.run("carn", seed=seed, hashed=f"{seed}", left=imaged(set5=[37.0 + seed]))
    report = build.report()
    assert (row(report).seeds, psnr(report).mean, psnr(report).std) == (3, 38, 1)


def test_fixed_weights_are_one_observation_whatever_the_seed(build):
    for seed in range(3):
        build.run("carn", seed=seed, hashed=f"{seed}", left=imaged(set5=[37.0]).with_facts(train=FIXED))
    report = build.report()
    assert (row(report).seeds, psnr(report).mean, psnr(report).std) == (1, 37, None)


def test_trained_seeds_are_each_compared_with_a_baseline_of_fixed_weights(build):
    for seed in range(3):
        base = imaged(set5=[30.0, 31.0]).with_facts(train=FIXED)
        build.run("carn", BASE, seed=seed, hashed=f"{seed}0", left=base)
        build.run("carn", OTHER, seed=seed, hashed=f"{seed}1", left=imaged(set5=[31.0 + seed, 32.0 + seed]))
    report = build.report()
    assert (row(report, "1-2-1").seeds, psnr(report, "1-2-1").delta) == (3, 2)
    assert "seeds: 3" in report.sections[0].remarks[0]


def test_a_seed_that_is_absent_is_named_at_its_row(build):
    build.run("carn", seed=0, hashed="0", left=scored(37.0))
    build.run("carn", seed=1, hashed="1", left=failed("out of memory"))
    assert row(build.report()).absent == ("seed 1: failed: out of memory",)


# Costs


def test_the_latency_is_that_of_batch_1_and_the_largest_input_as_a_mean_over_seeds(build):
    for seed, milliseconds in enumerate((10.0, 20.0)):
        in_batches = replace(latency(88.0, height=512), batch=8)
        measured = (latency(99.0, height=128), latency(milliseconds), in_batches)
        build.run("carn", seed=seed, hashed=f"{seed}", left=scored(37.0).with_facts(latency=measured))
    assert row(build.report()).costs["latency_ms"] == Figure(15.0)


def test_a_run_that_is_only_planned_has_the_parameters_that_were_counted_for_its_plan(build):
    name = build.run("carn")
    (run,) = build.study().runs
    build.plan({name: replace(run.planned, params=412_000)})
    costs = row(build.report()).costs
    assert costs["params"] == Figure(412_000)
    assert costs["flops_256"] == Figure(None, "not run yet")


def test_a_failed_run_keeps_the_costs_that_were_measured(build):
    build.run("carn", left=failed("out of memory").with_facts(cost=Cost(params=412_000)))
    assert row(build.report()).costs["params"] == Figure(412_000)


def test_bicubic_has_no_network_whose_costs_one_could_miss(build):
    build.run("bicubic", left=scored(33.0).with_facts(cost=Cost(params=0)))
    costs = row(build.report(), model="bicubic").costs
    assert (costs["params"], costs["flops_720p"], costs["latency_ms"]) == (Figure(0), Figure(), Figure())


# Reasons


@pytest.mark.parametrize(
    ("cost", "told"),
    [
        ("flops_720p", Missing("flops", "operator", "unknown operators")),
        ("flops_256", Missing("flops", "operator", "unknown operators")),
        ("activations_720p", Missing("activations", "network", "none")),
        ("activations_720p", Missing("flops", "operator", "unknown operators")),
        ("latency_ms", Missing("latency", "network", "too large")),
    ],
)
def test_a_missing_cost_has_the_reason_of_the_record(build, cost, told):
    build.run("carn", left=scored(37.0).with_facts(missing=(told,)))
    assert row(build.report()).costs[cost] == Figure(None, told.reason)


def test_a_cost_of_which_nothing_is_told_was_not_measured(build):
    build.run("carn", left=scored(37.0))
    assert row(build.report()).costs["latency_ms"] == Figure(None, "not measured")


def test_a_gap_of_one_set_has_the_reason_of_that_set_before_the_metrics_own(build):
    left = Outcome({"set5": {"psnr": 37.0}, "set14": {"psnr": 33.0}, "b100": {"psnr": 30.0, "niqe": 4.0}})
    told = [Missing("niqe", "network", "no parameters"), Missing("set14.niqe", "image", "less than two blocks")]
    for seed, missing in enumerate(told):
        build.run("carn", seed=seed, hashed=f"{seed}", left=left.with_facts(missing=(missing,)))
    scores = row(build.report()).scores
    assert scores[ScoreColumn("set14", "niqe")].reason == "less than two blocks"
    assert scores[ScoreColumn("set5", "niqe")].reason == "no parameters"


def test_a_set_that_lacks_every_metric_has_columns_for_the_reasons(build):
    told = (Missing("val.psnr", "image", "smaller than its border"), Missing("val.pi", "package", "no pyiqa"))
    left = Outcome({"set5": {"psnr": 37.0}, "val": {}}).with_facts(missing=told)
    build.run("carn", left=left)
    report = build.report()
    assert [column.name for column in report.columns] == ["set5.psnr", "set5.pi", "val.psnr", "val.pi"]
    assert row(report).scores[ScoreColumn("val", "pi")].reason == "no pyiqa"


def test_a_set_on_which_a_run_was_not_evaluated_says_so(build):
    build.run("carn", hashed="0", left=scored(37.0))
    build.run("mossnet", hashed="1", left=scored(37.0, set14=33.0))
    assert row(build.report()).scores[ScoreColumn("set14", "psnr")].reason == "not evaluated"


def test_a_delta_without_a_baseline_says_so(build):
    build.run("mossnet", Membership("atrous", "2-4", False), left=scored(36.0))
    assert psnr(build.report(), "2-4", "mossnet").delta_reason == "no baseline with this value to compare with"


@pytest.mark.parametrize(
    ("left", "reason"), [(None, "not run yet"), (failed("out of\nmemory"), "failed: out of memory")]
)
def test_a_row_without_a_finished_run_has_that_as_its_reason_everywhere(build, left, reason):
    build.run("carn", hashed="0", left=left)
    build.run("mossnet", hashed="1", left=scored(36.0))
    found = row(build.report())
    costs = [figure for name, figure in found.costs.items() if name not in ROUTED_COSTS]
    assert {figure.reason for figure in costs} == {reason}
    assert {figures.reason for figures in found.scores.values()} == {reason}
