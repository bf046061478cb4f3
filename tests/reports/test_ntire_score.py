"""The ranking score of NTIRE's challenge on efficient super-resolution."""

import re
from dataclasses import replace
from math import exp, inf

import pytest

from srbench.core.errors import UserError
from srbench.data.lr_source import DegradationStep, LrSource
from srbench.experiments.store.record import Membership
from srbench.metrics.figures import Cost
from srbench.metrics.missing import Missing
from srbench.reports.comma_separated import table_csv
from srbench.reports.latex import to_latex
from srbench.reports.markdown import to_markdown
from srbench.reports.ntire_challenges import CHALLENGES
from srbench.reports.ntire_score import ntire_score
from srbench.reports.report_place import ReportOptions
from srbench.reports.row_costs import Figure
from srbench.reports.terminal import summary
from srbench.reports.write import write_report
from tests.builders import LUMA, RGB
from tests.reports.conftest import BASE, ON_FILES, OTHER, Outcome, latency, row

COSTS = ("latency_ms", "flops_256", "params")


def costs(milliseconds: float | None, flops: int | None, params: int, height: int = 256) -> Outcome:
    measured = () if milliseconds is None else (latency(milliseconds, height),)
    return Outcome(facts={"cost": Cost(params=params, flops_256=flops), "latency": measured})


def scores(build, model: str) -> dict[tuple[str, str, int | None], Figure]:
    return {(row.model, row.variant, row.scale): row.ntire for row in build.report(model).rows}


def test_the_score_by_hand():
    baseline, other = (dict(zip(COSTS, values, strict=True)) for values in ((10.0, 4.0, 100), (5.0, 8.0, 50)))
    of_2025, of_2026 = (CHALLENGES[year].weights for year in ("2025", "2026"))
    assert ntire_score(baseline, baseline, of_2025) == pytest.approx(exp(2))
    assert ntire_score(baseline, baseline, of_2026) == pytest.approx(exp(2))
    assert ntire_score(other, baseline, of_2025) == pytest.approx(0.7 * exp(1) + 0.15 * exp(4) + 0.15 * exp(1))
    assert ntire_score(other, baseline, of_2026) == pytest.approx(0.8 * exp(1) + 0.1 * exp(4) + 0.1 * exp(1))


@pytest.mark.parametrize(
    ("milliseconds", "giga", "mega", "printed"),  # SPANV2 with its own and the right FLOPs, PDS, PKDSR, DISP, DSCF
    [
        (5.24, 1.591738368, 0.139104, 3.867),
        (5.24, 9.1079, 0.139104, 4.367),
        (6.70, 9.25, 0.142, 5.831),
        (6.80, 9.40, 0.144, 5.987),
        (6.51, 10.69, 0.164, 6.060),
        (7.88, 8.22, 0.126, 7.192),
        (7.74, 9.83, 0.151, 7.389),
    ],
)
def test_the_ranking_of_ntire_2026_from_its_printed_figures(milliseconds, giga, mega, printed):
    challenge = CHALLENGES["2026"]
    baseline = (challenge.latency_ms, challenge.flops, challenge.params)
    own, theirs = (dict(zip(COSTS, values, strict=True)) for values in ((milliseconds, giga, mega), baseline))
    assert ntire_score(own, theirs, challenge.weights) == pytest.approx(printed, abs=0.01)


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
        "against carn at the same scale, with the weights of NTIRE 2025 (Ren et al., CVPR Workshops 2025); the "
        "challenge's own baseline is EFDN and its machine a GPU, so values compare only within this table\n"
    ) in text


def test_the_column_stands_behind_the_latency(two):
    text = to_markdown(two.report("carn"))
    assert "| Latency (ms) | NTIRE score (lower is better) |" in text
    assert "| 10.0 | 7.39 |" in text
    assert "NTIRE score (lower is better)" in to_latex(two.report("carn"))
    assert "7.39" in summary(two.report("carn"))


def test_an_unknown_model_is_the_users_mistake_and_leaves_no_report(build, tmp_path):
    build.run("carn", hashed="0", left=costs(10, 8, 100))
    told = "ntire=cran: no such model in this study, and no year of a challenge (2025, 2026), did you mean carn?"
    with pytest.raises(UserError, match=f"^{re.escape(told)}$"):
        write_report(build.folder, tmp_path / "reports", ReportOptions("cran"))
    assert not (tmp_path / "reports").exists()


# By a year's rules

NOISY = LrSource(files=False, steps=(DegradationStep("noise", {"sigma": 0.1}),))

SPAN = 150_688, 9_833_807_872  # parameters and FLOPs 256² of 2026's baseline
HELD = "div2k_lsdir_valid"


def span(milliseconds: float | None, psnr: float | None = None, protocol=RGB) -> Outcome:
    """2026's baseline, or a network of its size, scored on the set of the floor."""
    left = costs(milliseconds, SPAN[1], SPAN[0])
    return (
        left if psnr is None else replace(left, scores={HELD: {"psnr": psnr}}, on=replace(ON_FILES, protocol=protocol))
    )


def ranked(build, **left: Outcome):
    """By model, in a report by the rules of 2026, at ×4."""
    for number, (model, outcome) in enumerate(left.items()):
        build.run(model, scale=4, hashed=str(number), left=outcome)
    return {one.model: one for one in build.report("2026").rows}


def test_a_year_has_its_weights_and_published_baseline_and_the_latency_of_that_network_here(build):
    rows = ranked(build, SPAN=costs(20, SPAN[1], SPAN[0]), espcn=costs(10, 4_915_000_000, 75_500))
    assert rows["espcn"].ntire.value == pytest.approx(exp(1))
    own = 0.8 * exp(2) + 0.1 * exp(2 * 9.833807872 / 9.83) + 0.1 * exp(2 * 0.150688 / 0.151)
    assert rows["SPAN"].ntire.value == pytest.approx(own)
    assert own == pytest.approx(7.387, abs=0.001)


def test_frozen_parameters_count(build):
    frozen = Outcome(
        facts={"cost": Cost(params=15_308, params_frozen=135_380, flops_256=SPAN[1]), "latency": (latency(20),)}
    )
    rows = ranked(build, SPAN=frozen, espcn=costs(20, 9_830_000_000, 151_000))
    assert rows["espcn"].ntire.value == pytest.approx(exp(2))
    assert rows["SPAN"].ntire.value == pytest.approx(exp(2), rel=1e-3)


def test_2025_is_held_against_an_efdn_of_ones_own(build):
    build.run("EFDN", scale=4, hashed="0", left=costs(30, 16_700_000_000, 276_171))
    build.run("SPAN", scale=4, hashed="1", left=costs(15, 8_350_000_000, 138_000))
    assert row(build.report("2025"), model="SPAN").ntire.value == pytest.approx(exp(1))


@pytest.mark.parametrize(
    ("year", "told"),
    [
        ("2025", "EFDN of 0.276 M parameters, the baseline of NTIRE 2025, has no row at ×4 to compare with"),
        (
            "2026",
            "SPAN of 0.151 M parameters, the baseline of NTIRE 2026, has no row at ×4 to compare with; add "
            "model=span_ntire scale=4",
        ),
    ],
)
def test_without_the_baseline_s_own_latency_there_is_no_score(build, year, told):
    """Neither another width of it nor another scale stands for it."""
    build.run("SPAN", scale=4, hashed="0", left=costs(30, 32_575_000_000, 498_208))
    build.run("SPAN", scale=2, hashed="1", left=costs(30, SPAN[1], SPAN[0]))
    build.run("bicubic", scale=4, hashed="2", left=costs(1, None, 0))
    found = {(one.model, one.scale): one.ntire for one in build.report(year).rows}
    assert found == {
        ("bicubic", 4): Figure(),
        ("SPAN", 4): Figure(None, told),
        ("SPAN", 2): Figure(None, f"NTIRE {year} ranks at ×4"),
    }


def test_a_latency_by_other_means_than_the_baseline_s_is_not_compared(build):
    rows = ranked(build, SPAN=costs(20, *reversed(SPAN)), espcn=costs(10, 4, 50, height=128))
    assert rows["espcn"].ntire.reason == (
        "its latency was measured with input 128×256, threads 1, cpu, that of SPAN of 0.151 M parameters, the baseline "
        "of NTIRE 2026, with input 256×256, threads 1, cpu"
    )


@pytest.mark.parametrize(
    ("psnr", "note", "below"),
    [
        (26.94, "", False),
        (26.896, "", False),  # printed as 26.90
        (26.80, "below the floor, unranked: 26.80 dB on div2k_lsdir_valid (26.90)", True),
    ],
)
def test_a_row_below_the_floor_is_marked(build, psnr, note, below):
    rows = ranked(build, SPAN=span(20, 26.94), espcn=span(20, psnr))
    assert rows["espcn"].ntire.value == rows["SPAN"].ntire.value
    assert (rows["espcn"].ntire.note, rows["espcn"].below_floor) == (note, below)
    assert rows["SPAN"].ntire.note == ""
    report = build.report("2026")
    lines = [line.split(",") for line in table_csv(report).splitlines()]
    assert lines[0][-4:] == ["ntire_score", "ntire_baseline", "ntire_year", "ntire_below_floor"]
    assert [line[-3:] for line in lines[1:]] == [["SPAN", "2026", "False"], ["SPAN", "2026", str(below)]]
    assert ("below the floor, unranked" in to_markdown(report)) is below
    assert ("7.39 (unranked)" in summary(report)) is below


def test_the_floor_of_the_test_part_is_held_against_who_has_it(build):
    rows = ranked(
        build, SPAN=span(20, 26.94), espcn=replace(span(20, 26.92), scores={"DIV2K_LSDIR_test": {"psnr": 26.9}})
    )
    assert rows["espcn"].ntire.note == "below the floor, unranked: 26.90 dB on div2k_lsdir_test (26.99)"
    assert rows["espcn"].below_floor is True


def test_a_seed_that_was_not_scored_takes_nothing_from_what_the_other_tells(build):
    for seed, left in enumerate((span(20, 26.8), span(20))):
        build.run("SPAN", scale=4, seed=seed, hashed=str(seed), left=left)
    (found,) = build.report("2026").rows
    assert found.below_floor is True


@pytest.mark.parametrize(
    "left",
    [
        span(20),  # not scored
        span(20, 26.0, LUMA),
        span(20, 26.0, replace(RGB, border=0)),
        replace(span(20, 26.0), on=replace(ON_FILES, protocol=RGB, lr=NOISY)),
        replace(span(20), images={HELD: [20.0, 21.0]}, on=replace(ON_FILES, protocol=RGB)),  # two of 200 images
    ],
)
def test_where_the_floor_could_not_be_looked_at_that_is_told(build, left):
    found = ranked(build, SPAN=left)["SPAN"]
    assert found.ntire.value is not None
    assert found.ntire.note == (
        "the floor of 26.90 dB could not be looked at: no score of all of div2k_lsdir_valid in RGB"
    )
    assert found.below_floor is None


def test_the_report_tells_a_year_s_rules_and_what_they_are_not(build):
    ranked(build, SPAN=span(20))
    assert dict(build.report("2026").facts)["NTIRE score"] == (
        "0.8·exp(2·t/t0) + 0.1·exp(2·F/F0) + 0.1·exp(2·P/P0) of latency, FLOPs 256² and params, as NTIRE 2026 ranked "
        "(Amazingren/NTIRE2026_ESR), at ×4: F0 = 9.83 G and P0 = 0.151 M are those of its baseline, SPAN; t0 is the "
        "latency of that network in this table, not the challenge's 7.74 ms, which are of its GPU (NVIDIA RTX A6000), "
        "so values compare only within this table; not ranked is what has less than 26.90 dB on div2k_lsdir_valid or "
        "26.99 dB on div2k_lsdir_test (RGB, border = scale; the HR images of the test part are not public)"
    )
