"""The picture of the loss curves."""

from itertools import pairwise
from math import inf, isnan, nan

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from srbench.experiments.store.record import Membership
from srbench.reports.curves import draw_curves
from tests.reports.conftest import BASE, OTHER, Outcome


def draw(build) -> Figure:
    return draw_curves(build.report().panels, "mine")


def legend(axes) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


def variants(build, count: int, losses=lambda place: [1.0 + place] * 20) -> None:
    for place in range(count):
        left = Outcome(losses=losses(place))
        build.run("carn", Membership("atrous", f"v{place}", place == 0), hashed=f"{place:04x}", left=left)


def test_the_legend_lists_lines_by_final_loss_and_prints_it(build):
    finals = [2.0, 0.5, nan, 1.0]
    variants(build, 4, lambda place: [5.0] * 10 + [finals[place]] * 10)
    axes, *_ = draw(build).axes
    assert legend(axes) == ["0.5000   v1", "1.000    v3", "2.000    v0 (baseline)", "nan      v2"]


def test_seeds_have_a_line_in_a_band(build):
    for seed, loss in enumerate([1.0, 2.0, 6.0]):
        build.run("carn", BASE, seed=seed, hashed=str(seed), left=Outcome(losses=[loss] * 20))
    axes, *_ = draw(build).axes
    (line,) = axes.get_lines()
    assert set(line.get_ydata()) == {3.0}
    (band,) = axes.collections
    assert {*band.get_paths()[0].vertices[:, 1]} == {1.0, 6.0}


def test_one_seed_has_its_raw_losses_behind_it(build):
    build.run("carn", left=Outcome(losses=[1.0, 3.0]))
    axes, *_ = draw(build).axes
    assert [list(line.get_ydata()) for line in axes.get_lines()] == [[1, 3], [1, 2]]


def test_a_thin_line_stands_where_a_stage_begins(build):
    name = build.run("carn", left=Outcome())
    build.write_losses(name, {"pixel": [1.0] * 3, "gan": [2.0] * 3})
    axes, *_ = draw(build).axes
    (upright,) = [line for line in axes.get_lines() if list(line.get_ydata()) == [0, 1]]
    assert set(upright.get_xdata()) == {30}


def test_the_first_fall_and_a_diverging_line_do_not_flatten_the_rest(build):
    curves = [[1000.0] * 2 + [float(x) for x in np.linspace(3, 2, 398)] for _ in range(4)]
    curves[3] = [2.5] * 200 + [1e9] * 200
    variants(build, 4, lambda place: curves[place])
    axes, *_ = draw(build).axes
    low, high = axes.get_ylim()
    assert 0 < low < 2
    assert 3 < high < 40


@pytest.mark.parametrize(("last", "scale"), [(0.25, "linear"), (0.1, "log")])
def test_the_axis_is_logarithmic_beyond_a_factor_of_five(build, last, scale):
    build.run("carn", left=Outcome(losses=[1.0] * 100 + [last] * 100))
    axes, *_ = draw(build).axes
    assert axes.get_yscale() == scale


def test_a_loss_below_zero_never_gets_a_logarithmic_axis(build):
    build.run("carn", left=Outcome(losses=[1.0] * 100 + [-0.1] * 100))
    assert draw(build).axes[0].get_yscale() == "linear"


@pytest.mark.parametrize("losses", [[nan] * 5, [inf] * 5, [1.0], [0.0] * 30])
def test_curves_without_a_range_are_drawn_without_a_warning(build, losses):
    build.run("carn", left=Outcome(losses=losses))
    axes, *_ = draw(build).axes
    FigureCanvasAgg(axes.figure).draw()  # warnings are errors
    assert [bottom < top for bottom, top in (axes.get_xlim(), axes.get_ylim())] == [True, True]


def test_few_lines_have_distinct_colours_and_the_baseline_is_black(build):
    variants(build, 8)
    axes, *_ = draw(build).axes
    handles = axes.get_legend().get_lines()
    assert len({handle.get_color() for handle in handles}) == 8
    assert handles[0].get_color() == "#000000"


def test_thirty_lines_differ_in_colour_and_neighbours_in_style(build):
    variants(build, 30)
    handles = draw(build).axes[0].get_legend().get_lines()[1:]
    assert len({handle.get_color() for handle in handles}) == 29
    assert [handle.is_dashed() for handle in handles[:8]] == [False, True, True, True] * 2


def test_beyond_forty_lines_the_worst_go_unnamed_but_never_the_baseline(build):
    variants(build, 60, lambda place: [100.0 - place] * 3)
    names = legend(draw(build).axes[0])
    assert len(names) == 42
    assert names[0].endswith("v59")
    assert names[-2:] == ["100.0    v0 (baseline)", "19 more"]


def test_of_many_curves_the_baseline_alone_has_a_band(build):
    for seed in range(2):
        for place in range(60):
            left = Outcome(losses=[100.0 - place - seed] * 3)
            name, hashed = Membership("atrous", f"v{place}", place == 59), f"{seed}{place}"
            build.run("carn", name, seed=seed, hashed=hashed, left=left)
    axes, *_ = draw(build).axes
    lines, band = axes.collections
    assert sorted(segment[0, 1] for segment in lines.get_segments()) == [80.5 + place for place in range(20)]
    assert {one for path in band.get_paths() for one in path.vertices[:, 1]} == {40.0, 41.0}


@pytest.mark.parametrize("count", [2, 32])
def test_the_legend_fits_into_the_figure(build, count):
    variants(build, count)
    place = Membership("se", "a_variant_with_a_rather_long_name_and_settings", True)
    build.run("carn", place, left=Outcome(losses=[1.0] * 20))
    drawn = draw(build)
    canvas = FigureCanvasAgg(drawn)
    canvas.draw()
    for axes in (axes for axes in drawn.axes if axes.get_legend()):
        box = axes.get_legend().get_window_extent(canvas.get_renderer())
        assert drawn.bbox.x0 <= box.x0 < box.x1 <= drawn.bbox.x1
        assert drawn.bbox.y0 <= box.y0 < box.y1 <= drawn.bbox.y1
        others = [other.get_window_extent() for other in drawn.axes if other is not axes]
        assert not any(box.overlaps(other) for other in others)


def test_long_curves_are_thinned_to_their_ends(build):
    build.run("carn", left=Outcome(losses=[float(x) for x in range(1, 5001)]))
    (raw, smooth) = draw(build).axes[0].get_lines()
    for line in (raw, smooth):
        assert len(line.get_xdata()) == 500
        assert (line.get_xdata()[0], line.get_xdata()[-1]) == (10, 50_000)
    assert not isnan(smooth.get_ydata()[-1])


PARTS = """stage,step,epoch,loss,gradient_norm,l1,fft,adversarial,gradient_norm_critic
pixel,10,0,3.0,0.5,1.0,2.0,,
pixel,20,0,3.0,0.5,1.0,2.0,,
gan,10,0,6.0,0.5,1.0,,5.0,0.1
gan,20,0,8.0,0.5,1.0,,7.0,0.1
"""


def test_each_part_of_a_loss_has_a_small_panel_below_where_its_steps_are(build):
    name = build.run("carn", BASE, hashed="a", left=Outcome())
    (build.folder / name / "losses.csv").write_text(PARTS)
    build.run("carn", OTHER, hashed="b", left=Outcome(losses=[2.0] * 4))
    whole, *parts = draw(build).axes
    assert [axes.get_title(loc="left") for axes in parts] == ["l1", "fft", "adversarial"]  # no norm of a gradient
    smooth = [axes.get_lines()[1] for axes in parts]
    assert [list(line.get_xdata()) for line in smooth] == [[10, 20, 30, 40], [10, 20], [30, 40]]
    assert [list(line.get_ydata()) for line in smooth] == [[1] * 4, [2, 2], [5, 6]]
    colours = {line.get_color() for line in smooth}
    assert colours == {"#000000"}  # of the baseline, as above
    places = [axes.get_position() for axes in (whole, *parts)]
    assert all(above.y0 > below.y1 for above, below in pairwise(places))
    assert places[-1].y0 > 0
    assert all(axes.get_xlim() == whole.get_xlim() for axes in parts)


def test_panels_with_parts_keep_clear_of_those_below_them(build):
    for number, place in enumerate((BASE, Membership("se", "none", True), Membership("third", "a", True))):
        name = build.run("carn", place, hashed=f"{number}", left=Outcome())
        (build.folder / name / "losses.csv").write_text(PARTS)
    boxes = [axes.get_window_extent() for axes in draw(build).axes]
    assert len(boxes) == 12
    assert not any(one.overlaps(other) for place, one in enumerate(boxes) for other in boxes[:place])
