"""What is published of the runs of a sweep beside what was measured, in the table and in the picture of the losses."""

from dataclasses import replace

import pytest

from srbench.experiments.store.plans import new_plan, write_plan
from srbench.experiments.store.published_figures import PublishedCurves, PublishedRun, PublishedRuns
from srbench.experiments.store.record import Membership, Training
from srbench.metrics.figures import Cost
from srbench.reports.curves import draw_curves
from srbench.reports.markdown import to_markdown
from tests.reports.conftest import Builder, Outcome
from tests.reports.test_claims import stage

STANDARD = Membership("study", "standard", True)


def measured(loss: float, steps: int = 100, full: int = 100) -> Outcome:
    train = Training(steps=steps, final_loss=loss, stages=(stage(steps, full),))
    cost = Cost(params=969_959)
    return Outcome({"set5": {"psnr": 33.5}}, losses=[loss] * 10, facts={"train": train, "cost": cost})


def publish(build: Builder, runs: dict[str, PublishedRun], curves: PublishedCurves | None = None) -> None:
    plan = new_plan("mine", "a command", {"study": {"applies_to": {}}}, [], {})
    write_plan(build.folder, replace(plan, published_runs={"study": PublishedRuns("a page", runs, curves)}))


def test_figures_stand_beside_the_measured_ones_with_their_note(build):
    build.run("carn", STANDARD, left=measured(0.01, steps=50))
    figures = {"final_loss": 0.008401, "params": 964_163, "set5.psnr": 33.52, "epochs": 300}
    publish(build, {"standard": PublishedRun(figures, "printed otherwise"), "another": PublishedRun({"params": 1})})
    (section,) = build.report().published_runs
    assert section.facts == (("Source", "a page"),)
    assert [[cell.text for cell in row] for group in section.groups for row in group] == [
        ["standard", "final_loss", "0.008401", "0.01000"],
        ["", "params", "964,163", "969,959"],
        ["", "set5.psnr", "33.52", "33.50"],
        ["", "epochs", "300", "–"],
    ]
    notes = [[cell.notes for cell in row] for row in section.groups[0]]
    assert notes[0] == [("printed otherwise",), (), (), ("at 50 of 100 steps",)]
    assert notes[1] == [(), (), (), ()]
    assert "## Published figures beside measured" in to_markdown(build.report())


@pytest.mark.parametrize("place", [Membership("se", "standard", True), Membership("study", "other", True)])
def test_runs_of_which_nothing_is_published_have_no_section(build, place):
    build.run("carn", place, left=measured(0.01))
    publish(build, {"standard": PublishedRun({"final_loss": 0.5})})
    assert build.report().published_runs == ()


CURVES = PublishedCurves((40, 80, 120), {"standard": (0.5, 0.4, 0.3), "short": (0.6,)})


def test_published_losses_are_thin_in_the_colour_of_their_curve_and_as_far_as_it_goes(build):
    build.run("carn", STANDARD, hashed="a", left=measured(0.45))
    build.run("carn", Membership("study", "short", False), hashed="b", left=measured(0.55))
    build.run("carn", Membership("study", "neither", False), hashed="c", left=measured(0.5))
    publish(build, {}, CURVES)
    axes, *_ = draw_curves(build.report().panels, "mine").axes
    thin = {tuple(line.get_ydata()): line for line in axes.get_lines() if line.get_linewidth() == 0.6}
    assert set(thin) == {(0.5, 0.4), (0.6,)}
    assert list(thin[0.5, 0.4].get_xdata()) == [40, 80]
    entries = [text.get_text() for text in axes.get_legend().get_texts()]
    (own,) = (n for n, entry in enumerate(entries) if "standard" in entry)
    assert thin[0.5, 0.4].get_color() == axes.get_legend().get_lines()[own].get_color()
    assert entries[-1] == "thin: published"
    assert len(axes.get_lines()) == 5  # no raw losses, in whose place they stand
    low, high = axes.get_ylim()
    assert low < 0.4 < 0.6 < high


def test_a_curve_that_ends_before_anything_published_is_drawn_without(build):
    build.run("carn", STANDARD, left=replace(measured(0.45), losses=[0.45] * 3))
    publish(build, {}, CURVES)
    axes, *_ = draw_curves(build.report().panels, "mine").axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["0.4500   standard (baseline)"]
