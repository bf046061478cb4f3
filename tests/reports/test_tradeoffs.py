"""Scores against costs: which networks are compared, and which of them lie on the front."""

import pytest

from srbench.experiments.store.record import Membership
from srbench.metrics.figures import Cost
from srbench.metrics.table import COSTS
from srbench.reports.answers import best_trade_offs
from srbench.reports.columns import ScoreColumn
from srbench.reports.tradeoff_pictures import draw_trade_offs
from tests.reports.conftest import BASE, FIXED, OTHER, Outcome

PSNR, LPIPS = ScoreColumn("set5", "psnr"), ScoreColumn("set5", "lpips")
FLOPS, PARAMS = COSTS["flops_720p"], COSTS["params"]


def network(build, model: str, flops: float, psnr: float, lpips: float = 0.1, **planned) -> None:
    cost = Cost(params=1000, flops_720p=int(flops * 1e9))
    left = Outcome({"set5": {"psnr": psnr, "lpips": lpips}}).with_facts(cost=cost)
    build.run(model, hashed=f"{model}{psnr}", left=left, **planned)


def front(found, cost=FLOPS, score=PSNR) -> list[str]:
    return [one.label for one in found.front(cost, score)]


def test_the_front_are_those_that_no_other_beats(build):
    for model, flops, psnr in [("a", 1, 30), ("b", 2, 32), ("c", 3, 31), ("d", 4, 33), ("e", 4, 32.5)]:
        network(build, model, flops, psnr)
    (found,) = build.report().trade_offs
    assert front(found) == ["a", "b", "d"]


def test_of_a_metric_that_is_better_when_lower_the_lowest_lead(build):
    network(build, "a", 1, 30, lpips=0.3)
    network(build, "b", 2, 31, lpips=0.4)
    network(build, "c", 3, 32, lpips=0.2)
    (found,) = build.report().trade_offs
    assert front(found, score=LPIPS) == ["a", "c"]


def test_equal_ones_are_both_on_it(build):
    network(build, "a", 1, 30)
    network(build, "b", 1, 30)
    assert sorted(front(*build.report().trade_offs)) == ["a", "b"]


def test_interpolation_is_no_network(build):
    network(build, "a", 1, 30)
    build.run("bicubic", hashed="x", left=Outcome({"set5": {"psnr": 33.7}}).with_facts(cost=Cost(params=0)))
    assert build.report().trade_offs == ()  # and one network trades nothing off


def test_scales_are_not_compared(build):
    network(build, "a", 1, 30)
    network(build, "b", 2, 31)
    network(build, "c", 1, 40, scale=3)
    network(build, "d", 1, 41, scale=3)
    assert [(one.title, len(one.networks)) for one in build.report().trade_offs] == [("×2", 2), ("×3", 2)]


def test_a_baseline_that_two_ablations_share_is_one_network(build):
    cost = Cost(params=1000, flops_720p=10**9)
    left = Outcome({"set5": {"psnr": 30.0}}).with_facts(cost=cost)
    build.run("carn", BASE, Membership("se", "none", True), hashed="a", left=left)
    build.run("carn", OTHER, hashed="b", left=left)
    (found,) = build.report().trade_offs
    assert [one.label for one in found.networks] == ["carn 1-1-1 = carn none", "carn 1-2-1"]


def test_what_lacks_a_cost_stands_where_it_has_one(build):
    network(build, "a", 1, 30)
    build.run("b", hashed="b", left=Outcome({"set5": {"psnr": 31.0}}).with_facts(cost=Cost(params=500)))
    (found,) = build.report().trade_offs
    assert found.axes == ((PARAMS, PSNR),)
    assert front(found, PARAMS) == ["b"]


def test_a_published_score_of_the_same_measurement_stands_beside_it(build):
    entry = {"network": "MDRN", "source": "slides", "scores": {"2": {"set5": {"psnr": 38.0}}}}
    build.plan({}, published={"mdrn": [entry]})
    left = Outcome({"set5": {"psnr": 38.01}}).with_facts(cost=Cost(params=1000), train=FIXED)
    build.run("mdrn", words=("model=mdrn", "checkpoint=mdrn"), left=left)
    network(build, "b", 1, 37)
    (found,) = build.report().trade_offs
    assert {one.label: one.published for one in found.networks} == {"mdrn checkpoint=mdrn": {PSNR: 38.0}, "b": {}}


def test_the_sentence_names_the_front_with_its_figures(build):
    for model, flops, psnr in [("a", 1, 30), ("b", 2, 32), ("c", 3, 31)]:
        network(build, model, flops, psnr)
    (sentence,) = best_trade_offs(build.report().trade_offs)
    assert sentence == (
        "×2: of 3 networks 2 are beaten by none in set5 PSNR at its FLOPs or fewer: a (30.00 dB, 1 G), "
        "b (32.00 dB, 2 G)."
    )


@pytest.mark.parametrize("count", [2, 9])
def test_each_network_is_a_point_and_the_front_a_line(build, count):
    for number in range(count):
        network(build, f"net{number}", 10.0**number, 30 + number)
    figure = draw_trade_offs(build.report().trade_offs, "mine")
    axes = next(one for one in figure.axes if one.get_xlabel() == "FLOPs 720p (G)")
    points = [line for line in axes.get_lines() if line.get_marker() not in ("", "None") and len(line.get_xdata()) == 1]
    (line,) = (line for line in axes.get_lines() if len(line.get_xdata()) == count > 1)
    assert sorted(point.get_ydata()[0] for point in points) == [30 + number for number in range(count)]
    assert list(line.get_xdata()) == [10.0**number for number in range(count)]
    assert axes.get_xscale() == "log"
    assert [text.get_text() for text in axes.texts] == [f"net{number}" for number in range(count)]
