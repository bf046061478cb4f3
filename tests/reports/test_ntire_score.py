"""The ranking score of NTIRE's challenge on efficient super-resolution."""

from math import exp, inf

import pytest

from srbench.core.errors import UserError
from srbench.experiments.store.record import Membership
from srbench.metrics.figures import Cost
from srbench.metrics.missing import Missing
from srbench.reports.comma_separated import table_csv
from srbench.reports.latex import to_latex
from srbench.reports.markdown import to_markdown
from srbench.reports.ntire_score import ntire_score
from srbench.reports.report_place import ReportOptions
from srbench.reports.row_costs import Figure
from srbench.reports.terminal import summary
from srbench.reports.write import write_report
from tests.reports.conftest import BASE, OTHER, Outcome, latency, row

COSTS = ("latency_ms", "flops_256", "params")


def costs(milliseconds: float | None, flops: int | None, params: int, height: int = 256) -> Outcome:
    measured = () if milliseconds is None else (latency(milliseconds, height),)
    return Outcome(facts={"cost": Cost(params=params, flops_256=flops), "latency": measured})


def scores(build, model: str) -> dict[tuple[str, str, int | None], Figure]:
    return {(row.model, row.variant, row.scale): row.ntire for row in build.report(model).rows}


def test_the_score_by_hand():
    baseline, other = (dict(zip(COSTS, values, strict=True)) for values in ((10.0, 4.0, 100), (5.0, 8.0, 50)))
    assert ntire_score(baseline, baseline) == pytest.approx(exp(2))
    assert ntire_score(other, baseline) == pytest.approx(0.7 * exp(1) + 0.15 * exp(4) + 0.15 * exp(1))


def test_rows_are_compared_with_the_models_baseline_variant_at_their_scale(build):
    for scale, factor in ((2, 1), (4, 3)):
        build.run("carn", BASE, scale=scale, hashed=f"{scale}0", left=costs(10 * factor, 8, 100))
        build.run("carn", OTHER, scale=scale, hashed=f"{scale}1", left=costs(20 * factor, 8, 100))
        build.run("espcn", scale=scale, hashed=f"{scale}2", left=costs(5 * factor, 4, 50))
    expected = {"1-1-1": exp(2), "1-2-1": 0.7 * exp(4) + 0.3 * exp(2), "default": exp(1)}
    found = scores(build, "carn")
    assert len(found) == 6
    assert {place: figure.value for place, figure in found.items()} == {
        place: pytest.approx(expected[place[1]]) for place in found
    }


def test_a_baseline_that_two_ablations_share_is_one(build):
    build.run("carn", BASE, Membership("se", "none", True), hashed="0", left=costs(10, 8, 100))
    assert [row.ntire.value for row in build.report("carn").rows] == pytest.approx([exp(2)] * 2)


@pytest.mark.parametrize(
    ("left", "scale", "reason"),
    [
        (costs(None, 4, 50), 2, "Latency: not measured"),
        (
            costs(5, None, 50).with_facts(missing=(Missing("flops", "operator", "unknown operators"),)),
            2,
            "FLOPs 256²: unknown operators",
        ),
        (
            costs(5, 4, 50, height=128),
            2,
            "its latency was measured with input 128×256, threads 1, cpu, that of carn with input 256×256, threads 1, "
            "cpu",
        ),
        (costs(5, 4, 50), 3, "carn has no row at ×3 to compare with"),
        (None, 2, "Latency: not run yet"),
    ],
)
def test_a_score_that_cannot_be_had_says_why(build, left, scale, reason):
    build.run("carn", hashed="0", left=costs(10, 8, 100))
    build.run("mdrn", scale=scale, hashed="1", left=left)
    assert row(build.report("carn"), model="mdrn").ntire == Figure(None, reason)


@pytest.mark.parametrize(
    ("left", "lacking"),
    [(costs(5, None, 50), "flops_256"), (costs(5, 0, 50), "flops_256"), (costs(None, 4, 50), "latency_ms")],
)
def test_a_baseline_that_lacks_a_figure_is_none(build, left, lacking):
    build.run("carn", hashed="0", left=costs(10, 8, 100))
    build.run("mossnet", hashed="1", left=left)
    figure = row(build.report("mossnet")).ntire
    assert figure == Figure(None, f"mossnet has no {lacking} at ×2 to compare with")


def test_several_rows_of_the_model_are_no_baseline(build):
    for number, width in enumerate((32, 64)):
        build.run("carn", words=(f"model.width={width}",), hashed=str(number), left=costs(10, 8, width))
    reason = "carn has several rows at ×2 to compare with"
    assert [row.ntire for row in build.report("carn").rows] == [Figure(None, reason)] * 2


def test_bicubic_is_not_ranked(build):
    build.run("bicubic", hashed="0", left=costs(1, None, 0))
    build.run("carn", hashed="1", left=costs(10, 8, 100))
    assert row(build.report("carn"), model="bicubic").ntire == Figure()


@pytest.fixture
def two(build):
    """A network, and one whose latency is beyond the range of the exponential."""
    build.run("carn", hashed="0", left=costs(10, 8, 100))
    build.run("espcn", hashed="1", left=costs(10_000, 4, 50))
    return build


def test_there_is_no_column_unless_it_was_asked_for(two):
    assert "ntire" not in table_csv(two.report())
    assert "NTIRE" not in to_markdown(two.report())


def test_a_score_beyond_the_range_of_floats_is_infinite(two):
    assert row(two.report("carn"), model="espcn").ntire == Figure(inf)
    assert "| 10,000 | ∞ |" in to_markdown(two.report("carn"))


def test_the_csv_names_the_baseline_in_every_row(two):
    lines = table_csv(two.report("carn")).splitlines()
    assert lines[0].endswith(",ntire_score,ntire_baseline")
    assert [line.rpartition(",")[2] for line in lines[1:]] == ["carn", "carn"]


def test_the_report_says_what_the_score_is_not(two):
    text = to_markdown(two.report("carn"))
    assert (
        "- NTIRE score: 0.7·exp(2·t/t0) + 0.15·exp(2·F/F0) + 0.15·exp(2·P/P0) of latency, FLOPs 256² and params, "
        "against carn at the same scale (Ren et al., CVPR Workshops 2025); the challenge's own baseline is EFDN and "
        "its machine a GPU, so values compare only within this table\n"
    ) in text


def test_the_column_stands_behind_the_latency(two):
    text = to_markdown(two.report("carn"))
    assert "| Latency (ms) | NTIRE score (lower is better) |" in text
    assert "| 10.0 | 7.39 |" in text
    assert "NTIRE score (lower is better)" in to_latex(two.report("carn"))
    assert "7.39" in summary(two.report("carn"))


def test_an_unknown_model_is_the_users_mistake_and_leaves_no_report(build, tmp_path):
    build.run("carn", hashed="0", left=costs(10, 8, 100))
    with pytest.raises(UserError, match=r"^ntire=cran: no such model in this study, did you mean carn\?$"):
        write_report(build.folder, tmp_path / "reports", ReportOptions("cran"))
    assert not (tmp_path / "reports").exists()
