"""Losses minus the baseline's, step by step."""

import numpy as np
import pytest

from srbench.experiments.store.record import Membership
from srbench.reports.curves import draw_curves
from tests.reports.conftest import BASE, Outcome

OTHER = Membership(BASE.ablation, "other", False)
NOISE = np.random.default_rng(0).normal(size=200)


def pair(build, other: np.ndarray, seed: int = 0) -> None:
    base = 1 + NOISE
    build.run("carn", BASE, seed=seed, hashed=f"base{seed}", left=Outcome(losses=base.tolist()))
    build.run("carn", OTHER, seed=seed, hashed=f"other{seed}", left=Outcome(losses=(base + other).tolist()))


def test_what_batches_do_to_both_is_in_neither_side(build):
    pair(build, np.full(200, -0.001))
    (panel,) = build.report().panels
    (curve,) = panel.differences
    assert curve.label == "other"
    np.testing.assert_allclose(curve.smooth, -0.001, atol=1e-7)
    assert np.ptp(panel.curves[1].smooth) > 0.1  # which the losses themselves hide


def test_several_seeds_are_paired_each_with_its_own_baseline(build):
    pair(build, np.full(200, -0.001), seed=0)
    pair(build, np.full(200, -0.003), seed=1)
    ((curve,),) = (panel.differences for panel in build.report().panels)
    np.testing.assert_allclose(curve.smooth, -0.002, atol=1e-7)
    np.testing.assert_allclose(curve.low, -0.003, atol=1e-7)
    np.testing.assert_allclose(curve.high, -0.001, atol=1e-7)


def test_a_run_that_stopped_early_is_compared_as_far_as_it_goes(build):
    build.run("carn", BASE, hashed="a", left=Outcome(losses=[2.0] * 30))
    build.run("carn", OTHER, hashed="b", left=Outcome(losses=[1.0] * 20))
    ((curve,),) = (panel.differences for panel in build.report().panels)
    assert curve.steps[-1] == 200
    assert set(curve.smooth) == {-1.0}


@pytest.mark.parametrize(
    "losses",
    [
        "stage,step,epoch,loss,l1,fft\nmain,10,0,3,1,2\n",  # other parts
        "stage,step,epoch,loss\ngan,10,0,3\n",  # another stage
    ],
)
def test_other_losses_are_not_compared(build, losses):
    build.run("carn", BASE, hashed="a", left=Outcome(losses=[2.0] * 3))
    name = build.run("carn", OTHER, hashed="b", left=Outcome())
    (build.folder / name / "losses.csv").write_text(losses)
    (panel,) = build.report().panels
    assert (len(panel.curves), panel.differences) == (2, ())


@pytest.mark.parametrize(("key", "compared"), [("recipe.loss.fft.weight", 0), ("recipe.optimizer.lr", 1)])
def test_a_loss_that_is_another_by_its_override_is_not_compared(build, key, compared):
    variants = {"a": {key: 1}, "b": {key: 2}}
    build.plan({}, {"third": {"title": "Third", "applies_to": {"CARN": {"baseline": "a", "variants": variants}}}})
    for value, name in enumerate(variants, 1):
        place = Membership("third", name, name == "a")
        build.run("carn", place, words=(f"{key}={value}",), hashed=name, left=Outcome(losses=[2.0] * 3))
    (panel,) = build.report().panels
    assert (len(panel.curves), len(panel.differences)) == (2, compared)


def test_they_are_drawn_below_the_curves_in_their_colours_about_a_line_at_zero(build):
    pair(build, np.full(200, -0.001))
    above, below = draw_curves(build.report().panels, "mine").axes
    zero, curve = sorted(below.get_lines(), key=lambda line: line.get_zorder())
    assert set(zero.get_ydata()) == {0}
    np.testing.assert_allclose(curve.get_ydata(), -0.001, atol=1e-7)
    assert curve.get_color() in {line.get_color() for line in above.get_lines()} - {"#000000"}
    assert below.get_title(loc="left").startswith("minus the baseline")
