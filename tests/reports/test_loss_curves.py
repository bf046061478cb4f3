"""The curves of a report as values: which runs are in them, smoothed, stage by stage."""

from math import inf, nan

import numpy as np
import pytest

from srbench.experiments.store.record import Membership
from srbench.reports.logged_losses import smoothed
from srbench.reports.seed_curves import Curve
from tests.reports.conftest import BASE, Outcome, failed


def logged(*losses: float) -> Outcome:
    return Outcome(losses=list(losses))


def only_curve(build) -> Curve:
    (panel,) = build.report().panels
    (curve,) = panel.curves
    return curve


def test_smoothing_is_the_mean_of_the_last_fiftieth_of_the_curve():
    np.testing.assert_allclose(smoothed(np.arange(4.0)), [0, 0.5, 1, 1.5])  # fewer than ten values: all so far
    np.testing.assert_allclose(smoothed(np.arange(100.0))[[9, 99]], [4.5, 94.5])  # ten values at least
    np.testing.assert_allclose(smoothed(np.arange(1000.0))[-1], np.arange(980, 1000).mean())


def test_smoothing_leaves_a_hole_where_the_loss_is_not_finite():
    np.testing.assert_allclose(smoothed(np.array([1.0, nan, 3.0, inf])), [1, nan, 2, nan])


def test_each_ablation_and_model_has_a_panel_and_each_row_a_curve(build):
    for place in range(3):
        build.run("carn", Membership("atrous", f"v{place}", not place), hashed=f"{place}", left=logged(1.0, 2.0))
    both = (Membership("atrous", "1-1", True), Membership("se", "none", True))
    build.run("mossnet", *both, hashed="a", left=logged(2.0))
    build.run("espcn", hashed="b", left=logged(2.0))
    build.run("bicubic", hashed="c", left=Outcome())
    counts = {panel.title: len(panel.curves) for panel in build.report().panels}
    assert counts == {"runs outside ablations": 1, "carn · atrous": 3, "mossnet · atrous": 1, "mossnet · se": 1}


@pytest.mark.parametrize(("left", "label"), [(failed("no memory"), "a (failed)"), (None, "a (unfinished)")])
def test_a_run_that_did_not_finish_is_drawn_and_says_so(build, left, label):
    name = build.run("carn", Membership("atrous", "a", False), left=left)
    build.write_losses(name, {"main": [1.0, 1.0]})
    assert only_curve(build).label == label


def three_seeds(build) -> None:
    for seed, loss in enumerate([1.0, 2.0, 6.0]):
        build.run("carn", BASE, seed=seed, hashed=str(seed), left=logged(*[loss] * 20))


def test_seeds_share_a_curve_at_their_mean_in_a_band_of_their_range(build):
    three_seeds(build)
    curve = only_curve(build)
    assert (set(curve.smooth), set(curve.low), set(curve.high)) == ({3.0}, {1.0}, {6.0})
    assert curve.final == 3


def test_a_seed_that_is_still_running_is_left_out_beside_finished_ones(build):
    three_seeds(build)
    name = build.run("carn", BASE, seed=3, hashed="3")
    build.write_losses(name, {"main": [90.0] * 5})
    assert set(only_curve(build).high) == {6.0}


def test_seeds_that_logged_other_steps_are_averaged_where_each_has_a_value(build):
    names = [build.run("carn", seed=seed, hashed=str(seed), left=Outcome()) for seed in (0, 1)]
    for name, rows in zip(names, ["a,10,0,1\na,20,0,1\n", "a,20,0,3\na,30,0,3\n"], strict=True):
        (build.folder / name / "losses.csv").write_text("stage,step,epoch,loss\n" + rows)
    curve = only_curve(build)
    assert curve.steps.tolist() == [10, 20, 30]
    assert curve.smooth.tolist() == [1, 2, 3]


def test_the_final_loss_of_a_curve_that_ends_beyond_numbers_is_that(build):
    build.run("carn", left=logged(1.0, 2.0, inf))
    assert only_curve(build).final == inf


# Stages


def test_stages_stand_one_after_another(build):
    name = build.run("carn", left=Outcome())
    build.write_losses(name, {"pixel": [1.0, 1.0, 1.0], "gan": [5.0, 5.0], "last": [7.0]})
    curve = only_curve(build)
    assert curve.steps.tolist() == [10, 20, 30, 40, 50, 60]
    assert curve.starts == (30, 50)


def test_no_stage_is_smoothed_into_the_next(build):
    name = build.run("carn", left=Outcome())
    build.write_losses(name, {"pixel": [1.0, 3.0], "gan": [5.0, 7.0]})
    curve = only_curve(build)
    assert curve.smooth.tolist() == [1, 2, 5, 6]
    assert curve.final == 6


def test_a_training_of_one_stage_has_no_starts(build):
    build.run("carn", left=logged(1.0, 2.0))
    assert only_curve(build).starts == ()


def test_a_file_without_stages_is_one_stage(build):
    name = build.run("carn", left=Outcome())
    (build.folder / name / "losses.csv").write_text("step,epoch,loss\n10,0,1\n20,0,2\n")
    assert only_curve(build).steps.tolist() == [10, 20]
