"""What is recorded of a routing, against counts by hand."""

import numpy as np
import pytest
import torch

from srbench.data.images import write_image
from srbench.data.pairs import ImagePair
from srbench.evaluation.routing import measure_routing
from srbench.metrics.cost import complexity
from srbench.metrics.figures import Routing, routed_costs
from srbench.models.classsr import ClassSR
from srbench.models.fsrcnn import FSRCNN

WIDTHS = (2, 3, 4)


@pytest.fixture
def pairs(tmp_path, monkeypatch) -> list[ImagePair]:
    """LR of 32×60 and 60×60: two windows and four."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    for name, height in (("a", 128), ("b", 240)):
        write_image(tmp_path / f"{name}.png", random.integers(0, 256, (height, 240, 3), np.uint8))
    return [ImagePair(name, tmp_path / f"{name}.png", None, 4) for name in "ab"]


def measured(pairs, routing: str, widths=WIDTHS) -> Routing:
    torch.manual_seed(0)
    model = ClassSR([FSRCNN(d=d, s=2, m=1) for d in widths], routing=routing)
    if model.classifier is not None:
        torch.nn.init.constant_(model.classifier.lastOut.bias, 0.0)
        with torch.no_grad():
            model.classifier.lastOut.bias[0] = 100  # all to the first
    return measure_routing(model, pairs, "cpu", lambda *_: None)


def flops(kind: str) -> list[float]:
    return [complexity(FSRCNN(d=d, s=2, m=1), 32, 32).counts[kind].flops for d in WIDTHS]


CLASSIFIER = 3_801_184  # multiply-adds of three classes, as published


@pytest.mark.parametrize(
    ("routing", "shares", "classifier", "parts"),
    [
        ("hard", (1, 0, 0), 1, (1, 0, 0)),
        ("soft", (1, 0, 0), 1, (1, 1, 1)),
        ("full", (0, 0, 1), 0, (0, 0, 1)),
        ("random", (1 / 3, 1 / 3, 1 / 3), 0, (1 / 3, 1 / 3, 1 / 3)),
    ],
)
def test_flops_are_those_of_the_branches_that_run_and_of_the_classifier_where_it_is_asked(
    pairs, routing, shares, classifier, parts
):
    found = measured(pairs, routing)
    if routing == "random":  # two windows are not three equal parts
        assert found.windows == {"a": (1, 1, 0), "b": (2, 1, 1)}
        shares = parts = (3 / 6, 2 / 6, 1 / 6)
    assert found.shares == pytest.approx(shares)
    for kind, mean, full, per in (
        ("fvcore", found.flops, found.full_flops, 1),
        ("classsr", found.classsr_flops, found.full_classsr_flops, 2),
    ):
        each = flops(kind)
        by_hand = sum(part * one for part, one in zip(parts, each, strict=True)) + classifier * per * CLASSIFIER
        assert mean == pytest.approx(by_hand)
        assert full == each[-1]
    assert found.timed_images == 2
    assert found.seconds > 0 < found.full_seconds


def test_one_branch_costs_what_it_costs_alone(pairs):
    costs = routed_costs([measured(pairs, "hard", widths=(4,))])
    assert (costs["flops_routed_share"], costs["classsr_flops_routed_share"]) == (1, 1)


def a_routing(windows, flops, seconds) -> Routing:
    return Routing(windows, flops, 10.0, 2 * flops, 40.0, seconds, 4.0, 1, 1, "cpu")


def test_costs_of_several_data_sets_are_means_over_all_their_windows():
    found = routed_costs([a_routing({"a": (3, 0)}, 4.0, 1.0), a_routing({"b": (0, 1)}, 8.0, 3.0)])
    assert found == {
        "flops_routed": 5.0,
        "flops_routed_share": 0.5,
        "classsr_flops_routed": 10.0,
        "classsr_flops_routed_share": 0.25,
        "time_routed_share": 0.5,
    }
    assert routed_costs([]) == {}
