"""The intervals in a report: on which images and seeds they rest, what is said of them, and why some are missing."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from srbench.experiments.store.record import Membership
from srbench.reports.columns import DeltaColumn
from srbench.reports.latex import to_latex
from srbench.reports.markdown import to_markdown
from srbench.reports.significance import seeds_to_halve
from srbench.reports.terminal import summary
from tests.reports.conftest import BASE, FIXED, OTHER, SET5, THIRD, cell, imaged, psnr, row, shown

PSNR = [30.0, 32.0, 34.0, 36.0, 38.0]
NEAR = [0.1, -0.1, 0.2, -0.2, 0.1]  # mean 0.02
FAR = [0.4, 0.5, 0.5, 0.5, 0.6]  # mean 0.5
NONE = [0.0] * 5
ONE_SEED = (
    "In brackets: the 95 % confidence interval of each difference on its own, paired per image (images: set5 5), by "
    "Student's t. There is one seed: the noise of training is not in it.",
    "≈: cannot be told from no difference, at 5 % after Holm's correction for the table's 2 comparisons.",
    "Smallest difference that this table could have shown with a chance of 80 % (median of its rows): set5 0.140 dB. "
    "With one seed it cannot be known how many more would halve it.",
)


def gain(values: list[float], shift: float = 0.0) -> list[float]:
    return [psnr + value + shift for psnr, value in zip(PSNR, values, strict=True)]


def words(place: Membership) -> tuple[str, ...]:
    return (f"model.atrous={place.variant}",)


def run(build, place: Membership, images: list[float], seed: int = 0) -> str:
    hashed = f"{seed}{place.variant[2]}"
    return build.run("carn", place, seed=seed, words=words(place), hashed=hashed, left=imaged(set5=images))


def three_variants(build, seeds: int = 1) -> None:
    for seed in range(seeds):
        for place, values in ((BASE, NONE), (OTHER, NEAR), (THIRD, FAR)):
            run(build, place, gain(values, 0.0 if place == BASE else 0.01 * seed), seed)


def interval(report, variant: str) -> tuple[float | None, float | None, float | None]:
    figures = psnr(report, variant)
    return figures.delta_low, figures.delta_high, figures.delta_p


def test_a_delta_has_the_paired_t_interval_and_its_p_value_corrected(build):
    three_variants(build)
    report = build.report()
    near, far = (stats.ttest_1samp(values, 0) for values in (NEAR, FAR))
    assert interval(report, "2-4-2") == pytest.approx([*far.confidence_interval(), 2 * far.pvalue], abs=1e-7)
    assert interval(report, "1-2-1") == pytest.approx([*near.confidence_interval(), near.pvalue], abs=1e-7)


def test_a_baseline_has_no_interval_to_itself(build):
    three_variants(build)
    report = build.report()
    assert interval(report, "1-1-1") == (None, None, None)
    assert psnr(report, "1-1-1").interval_reason == ""


def test_a_table_shows_the_interval_and_marks_what_cannot_be_told_from_none(build):
    three_variants(build)
    (section,) = build.report().sections
    assert shown(section, DeltaColumn(SET5)) == [
        [["+0.000"], ["≈ +0.020 [−0.184, +0.224]"], ["+0.500 [+0.412, +0.588]"]]
    ]


def test_it_says_below_what_the_intervals_rest_on(build):
    three_variants(build)
    report = build.report()
    (section,) = report.sections
    assert section.remarks == ONE_SEED
    assert "\n".join(f"- {line}" for line in ONE_SEED) in to_markdown(report)
    assert "\n".join(ONE_SEED) in summary(report)
    assert "by Student's t. There is one seed: the noise of training is not in it.\n$\\approx$: cannot" in to_latex(
        report
    )


def test_the_median_row_tells_the_smallest_difference(build):
    three_variants(build)
    quantiles = stats.t.ppf(1 - 0.025 / 2, 4) + stats.t.ppf(0.8, 4)
    smaller = min(np.std(values, ddof=1) for values in (NEAR, FAR))  # the lower one of two
    assert f"set5 {quantiles * smaller / 5**0.5:.3f} dB" in summary(build.report())


# Seeds


def test_with_several_seeds_the_noise_of_training_is_in_the_interval(build):
    three_variants(build, seeds=3)
    figures = psnr(build.report(), "2-4-2")
    assert figures.delta == pytest.approx(0.51)
    by_image, by_seed = np.var(FAR, ddof=1) / 5, 0.01**2 / 3  # seeds differ by 0, 0.01 and 0.02
    half = (stats.t.ppf(0.975, 4) ** 2 * by_image + stats.t.ppf(0.975, 2) ** 2 * by_seed) ** 0.5
    assert figures.delta_high - figures.delta == pytest.approx(half, rel=1e-6)


def test_with_several_seeds_the_remarks_say_so(build):
    three_variants(build, seeds=3)
    (section,) = build.report().sections
    assert section.remarks[0] == (
        "In brackets: the 95 % confidence interval of each difference on its own, paired per image (images: set5 5; "
        "seeds: 3), by Student's t over images and over seeds (Banerjee 1960)."
    )
    assert section.remarks[-1].endswith("set5 0.147 dB (more seeds alone would not halve it).")


def test_seeds_that_would_halve_the_smallest_difference_are_counted(build):
    for seed, shift in enumerate((-1.0, 0.5, 0.5)):
        run(build, BASE, gain(NONE), seed)
        run(build, OTHER, gain([shift, shift, shift + 0.01, shift, shift]), seed)
    text = summary(build.report())
    assert "for the table's only comparison." in text
    now = pd.DataFrame({"images": [5], "seeds": 3, "image_part": 0.01**2 / 25, "seed_part": 0.75 / 3})
    assert f"set5 2.682 dB ({seeds_to_halve(now, 1)} more seeds would halve it)." in text


def test_a_seed_without_baseline_is_not_among_the_seeds_of_the_interval(build):
    three_variants(build)
    run(build, THIRD, gain(FAR, 5.0), seed=7)
    report = build.report()
    assert (row(report, "2-4-2").seeds, psnr(report, "2-4-2").delta) == (2, pytest.approx(0.5))
    high = stats.ttest_1samp(FAR, 0).confidence_interval().high
    assert psnr(report, "2-4-2").delta_high == pytest.approx(high)


def test_the_interval_of_fixed_weights_holds_no_noise_of_training(build):
    for seed in range(3):
        for place, more in ((BASE, 0.0), (OTHER, 1.0)):
            left = imaged(set5=[30.0, 31.0 + more, 32.0]).with_facts(train=FIXED)
            build.run("carn", place, seed=seed, words=words(place), hashed=f"{seed}{place.variant[2]}", left=left)
    report = build.report()
    assert [row.seeds for row in report.rows] == [1, 1]
    assert "There is one seed: the noise of training is not in it." in report.sections[0].remarks[0]


# Comparisons


def test_every_ablation_is_corrected_for_its_own_comparisons(build):
    three_variants(build)
    for variant, value in (("none", NONE), ("se", FAR)):
        place = Membership("se", variant, variant == "none")
        left = imaged(set5=gain(value))
        build.run("carn", place, words=(f"model.se={variant == 'se'}",), hashed=variant, left=left)
    report = build.report()
    single = stats.ttest_1samp(FAR, 0).pvalue
    assert psnr(report, "se").delta_p == pytest.approx(single, abs=1e-8)
    assert psnr(report, "2-4-2").delta_p == pytest.approx(2 * single, abs=1e-8)


# Why there is none


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"first": 1}, "it has other images than its baseline"),
        ({"images": {"set5": [30.0, 32.0, 34.0, 36.0, 39.0]}}, "scores.csv gives another mean"),
    ],
)
def test_a_difference_without_an_interval_says_why(build, change, reason):
    run(build, BASE, gain(NONE))
    other = run(build, OTHER, gain(FAR))
    build.write_images(other, **({"images": {"set5": gain(FAR)}} | change))
    (section,) = build.report().sections
    found = cell(section, section.groups[0][1], DeltaColumn(SET5))
    assert (found.text, found.notes) == ("+0.500", (f"no interval: {reason}",))
    assert section.remarks == ()


def test_without_the_scores_of_images_there_is_no_interval(build):
    for place, values in ((BASE, NONE), (OTHER, FAR)):
        build.write_images(run(build, place, gain(values)), {"set14": [30.0]})
    assert psnr(build.report(), "1-2-1").interval_reason == "the scores of its images are missing"


def test_a_set_of_one_image_has_no_interval(build):
    run(build, BASE, [30.0])
    run(build, OTHER, [31.0])
    assert psnr(build.report(), "1-2-1").interval_reason == "it is of a single image"
