from math import inf, isnan, nan

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from srbench.experiments.store.results import read_losses
from srbench.reports.comparison import memberships
from srbench.reports.curves import figure, smoothed


def draw(build, log: bool | None = None) -> Figure:
    study = build.study()
    return figure(read_losses(study), memberships(study), "mine", log)


def legend(axes) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


def variants(build, count: int, losses=lambda place: [1.0 + place] * 20, **more) -> None:
    for place in range(count):
        member = ("atrous", f"v{place}", place == 0)
        build.run("carn", member, hashed=f"{place:04x}", record={}, losses=losses(place), **more)


def test_smoothing_is_the_mean_of_the_last_fiftieth_of_the_curve():
    np.testing.assert_allclose(smoothed(np.arange(4.0)), [0, 0.5, 1, 1.5])  # fewer than ten values: all so far
    np.testing.assert_allclose(smoothed(np.arange(100.0))[[9, 99]], [4.5, 94.5])  # ten values at least
    np.testing.assert_allclose(smoothed(np.arange(1000.0))[-1], np.arange(980, 1000).mean())


def test_smoothing_leaves_a_hole_where_the_loss_is_not_finite():
    np.testing.assert_allclose(smoothed(np.array([1.0, nan, 3.0, inf])), [1, nan, 2, nan])


def test_each_ablation_and_model_has_a_panel_and_each_row_a_line(build):
    variants(build, 3)
    build.run("mossnet", ("atrous", "1-1", True), ("se", "none", True), hashed="a", record={}, losses=[2.0] * 20)
    build.run("espcn", hashed="b", record={}, losses=[2.0] * 20)
    build.run("bicubic", hashed="c", record={})
    titles = {axes.get_title("left"): len(legend(axes)) for axes in draw(build).axes}
    assert titles == {"runs outside ablations": 1, "carn · atrous": 3, "mossnet · atrous": 1, "mossnet · se": 1}


def test_the_legend_lists_lines_by_final_loss_and_prints_it(build):
    finals = [2.0, 0.5, nan, 1.0]
    variants(build, 4, lambda place: [5.0] * 10 + [finals[place]] * 10)
    (axes,) = draw(build).axes
    assert legend(axes) == ["0.5000   v1", "1.000    v3", "2.000    v0 (baseline)", "nan      v2"]


def test_a_run_that_did_not_finish_is_drawn_and_says_so(build):
    build.run("carn", ("atrous", "a", False), hashed="0", record={"status": "failed"}, losses=[1.0, 1.0])
    build.run("carn", ("atrous", "b", False), hashed="1", losses=[2.0, 2.0])
    (axes,) = draw(build).axes
    assert legend(axes) == ["1.000    a (failed)", "2.000    b (unfinished)"]


def test_seeds_share_a_line_at_their_mean_in_a_band_of_their_range(build):
    for seed, loss in enumerate([1.0, 2.0, 6.0]):
        build.run("carn", ("atrous", "a", True), seed=seed, hashed=str(seed), record={}, losses=[loss] * 20)
    build.run("carn", ("atrous", "a", True), seed=3, hashed="3", losses=[90.0] * 5)  # still running
    (axes,) = draw(build).axes
    (line,) = axes.get_lines()
    assert set(line.get_ydata()) == {3.0}
    (band,) = axes.collections
    assert {*band.get_paths()[0].vertices[:, 1]} == {1.0, 6.0}
    assert legend(axes) == ["3.000    a (baseline)"]


def test_seeds_that_logged_other_steps_are_averaged_where_each_has_a_value(build):
    names = [build.run("carn", seed=seed, hashed=str(seed), record={}) for seed in (0, 1)]
    for name, rows in zip(names, ["10,0,1\n20,0,1\n", "20,0,3\n30,0,3\n"], strict=True):
        (build.folder / name / "losses.csv").write_text("step,epoch,loss\n" + rows)
    (axes,) = draw(build).axes
    (line,) = axes.get_lines()
    assert line.get_xydata().tolist() == [[10, 1], [20, 2], [30, 3]]


def test_the_first_fall_and_a_diverging_line_do_not_flatten_the_rest(build):
    curves = [[1000.0] * 2 + [float(x) for x in np.linspace(3, 2, 398)] for _ in range(4)]
    curves[3] = [2.5] * 200 + [1e9] * 200
    variants(build, 4, lambda place: curves[place])
    (axes,) = draw(build, log=False).axes
    low, high = axes.get_ylim()
    assert 0 < low < 2
    assert 3 < high < 40


@pytest.mark.parametrize(("last", "log", "scale"), [(0.25, None, "linear"), (0.1, None, "log"), (0.1, False, "linear")])
def test_the_axis_is_logarithmic_beyond_a_factor_of_five_unless_told(build, last, log, scale):
    build.run("carn", hashed="0", record={}, losses=[1.0] * 100 + [last] * 100)
    (axes,) = draw(build, log).axes
    assert axes.get_yscale() == scale


def test_a_loss_below_zero_never_gets_a_logarithmic_axis(build):
    build.run("carn", hashed="0", record={}, losses=[1.0] * 100 + [-0.1] * 100)
    assert draw(build).axes[0].get_yscale() == "linear"


@pytest.mark.parametrize("losses", [[nan] * 5, [inf] * 5, [1.0], [0.0] * 30])
def test_curves_without_a_range_are_drawn_without_a_warning(build, losses):
    build.run("carn", hashed="0", record={}, losses=losses)
    (axes,) = draw(build).axes
    FigureCanvasAgg(axes.figure).draw()  # warnings are errors
    assert [bottom < top for bottom, top in (axes.get_xlim(), axes.get_ylim())] == [True, True]


def test_few_lines_have_distinct_colours_and_the_baseline_is_black(build):
    variants(build, 8)
    (axes,) = draw(build).axes
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


@pytest.mark.parametrize("count", [2, 32])
def test_the_legend_fits_into_the_figure(build, count):
    variants(build, count)
    build.run("carn", ("se", "a_variant_with_a_rather_long_name_and_settings", True), record={}, losses=[1.0] * 20)
    drawn = draw(build)
    canvas = FigureCanvasAgg(drawn)
    canvas.draw()
    for axes in drawn.axes:
        box = axes.get_legend().get_window_extent(canvas.get_renderer())
        assert drawn.bbox.x0 <= box.x0 < box.x1 <= drawn.bbox.x1
        assert drawn.bbox.y0 <= box.y0 < box.y1 <= drawn.bbox.y1
        others = [other.get_window_extent() for other in drawn.axes if other is not axes]
        assert not any(box.overlaps(other) for other in others)


def test_long_curves_are_thinned_to_their_ends(build):
    build.run("carn", hashed="0", record={}, losses=[float(x) for x in range(1, 5001)])
    (raw, smooth) = draw(build).axes[0].get_lines()
    for line in (raw, smooth):
        assert len(line.get_xdata()) == 500
        assert (line.get_xdata()[0], line.get_xdata()[-1]) == (10, 50_000)
    assert not isnan(smooth.get_ydata()[-1])
