import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from srbench.reports.comparison import comparison
from srbench.reports.markup import to_latex, to_markdown
from srbench.reports.page import summary
from srbench.reports.significance import detectable, half_width, holm, noise, p_values, seeds_to_halve
from srbench.reports.tables import sections

BASE, OTHER, THIRD = ("atrous", "1-1-1", True), ("atrous", "1-2-1", False), ("atrous", "2-4-2", False)
PSNR = [30.0, 32.0, 34.0, 36.0, 38.0]
NEAR = [0.1, -0.1, 0.2, -0.2, 0.1]  # mean 0.02
FAR = [0.4, 0.5, 0.5, 0.5, 0.6]  # mean 0.5


def gain(values: list[float], shift: float = 0.0) -> dict[str, list[float]]:
    return {"set5": [psnr + value + shift for psnr, value in zip(PSNR, values, strict=True)]}


def three_variants(build, seeds: int = 1) -> None:
    for seed in range(seeds):
        for place, values in ((BASE, [0.0] * 5), (OTHER, NEAR), (THIRD, FAR)):
            words = (f"model.atrous={place[1]}",)
            images = gain(values, 0.0 if place == BASE else 0.01 * seed)
            build.run("carn", place, seed=seed, overrides=words, hashed=f"{seed}{place[1][2]}", images=images)


def skewed(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Mean 0, deviation 1, skewness 1."""
    return (generator.gamma(4, 1, shape) - 4) / 2


def normal(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return generator.standard_normal(shape)


# The statistics


def test_one_seed_gives_the_paired_t_interval_and_test():
    differences = np.array([[1.0, 2.0, 3.0, 4.0, 5.0], [0.3, -0.1, np.nan, 0.2, np.nan]])
    table = noise(differences, np.array([4, 7]))
    assert table.images.tolist() == [5, 3]  # where both runs lack an image, it is none of the set's
    assert half_width(table, 0.05)[4] == pytest.approx(2.7764451 * (2.5 / 5) ** 0.5)  # a variance of 2.5
    for row, values in zip((4, 7), differences, strict=True):
        known = stats.ttest_1samp(values[~np.isnan(values)], 0)
        low, high = known.confidence_interval(0.95)
        assert table["mean"][row] - half_width(table, 0.05)[row] == pytest.approx(low)
        assert table["mean"][row] + half_width(table, 0.05)[row] == pytest.approx(high)
        assert p_values(table)[row] == pytest.approx(known.pvalue, abs=1e-8)


def test_two_seeds_add_their_own_variance_with_their_own_quantile():
    table = noise(np.array([[1.0, 3.0, 5.0], [3.0, 7.0, 11.0]]), np.array([0, 0]))
    # By image 2, 5 and 8: variance 9. By seed 3 and 7: variance 8.
    assert table.iloc[0].tolist() == [3, 2, 5, 9 / 3, 8 / 2]
    assert half_width(table, 0.05)[0] == pytest.approx((4.3026527**2 * 3 + 12.7062047**2 * 4) ** 0.5)
    assert half_width(table, p_values(table).to_numpy())[0] == pytest.approx(5, rel=1e-6)


def test_equal_networks_differ_by_nothing_and_a_constant_difference_is_certain():
    table = noise(np.array([[0.0, 0.0], [0.5, 0.5]]), np.array([0, 1]))
    assert half_width(table, 0.05).tolist() == [0, 0]
    assert p_values(table).round(8).tolist() == [1, 0]


def test_seeds_on_other_images_are_not_combined():
    table = noise(np.array([[1.0, 2.0, np.nan], [1.0, np.nan, 2.0], [1.0, np.inf, 2.0]]), np.array([0, 0, 1]))
    assert table.images.tolist() == [0, 0]


def test_holm_multiplies_by_what_is_left_and_never_decreases():
    corrected = holm(pd.Series({"a": 0.01, "b": 0.04, "c": 0.03, "d": float("nan")}))
    assert corrected.dropna().to_dict() == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06})
    assert holm(pd.Series([0.6, 0.9])).tolist() == [1, 1]


def covered(draws: np.ndarray) -> float:
    """How often the interval holds the mean of 0: draws are (studies, seeds, images)."""
    studies, seeds, images = draws.shape
    table = noise(draws.reshape(-1, images), np.repeat(np.arange(studies), seeds))
    return float((table["mean"].abs() <= half_width(table, 0.05)).mean())


@pytest.mark.parametrize("images", [5, 14, 100])
@pytest.mark.parametrize("drawn", [normal, skewed])
def test_the_interval_of_one_seed_covers(images, drawn):
    studies = min(20_000, 1_000_000 // images)
    assert 0.93 <= covered(drawn(np.random.default_rng(images), (studies, 1, images))) <= 0.96


@pytest.mark.parametrize(("images", "least", "most"), [(5, 0.80, 0.86), (14, 0.90, 0.935)])
def test_a_bootstrap_over_few_images_does_not_cover(images, least, most):
    generator = np.random.default_rng(0)
    draws = generator.standard_normal((4000, images))
    means = draws @ generator.multinomial(images, [1 / images] * images, 1000).T / images
    low, high = np.percentile(means, [2.5, 97.5], axis=1)
    assert least < ((low <= 0) & (high >= 0)).mean() < most


@pytest.mark.parametrize("images", [5, 14, 100])
@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("drawn", [normal, skewed])
def test_the_interval_of_several_seeds_covers_whichever_varies_more(images, seeds, drawn):
    generator = np.random.default_rng([images, seeds])
    studies = min(6_000, 1_200_000 // images // seeds)
    for by_seed in (0.0, 0.3, 3.0):  # the images' deviation is 1
        for by_both in (0.3, 1.0):
            draws = by_seed * generator.standard_normal((studies, seeds, 1))
            draws = draws + drawn(generator, (studies, 1, images))
            draws += by_both * generator.standard_normal((studies, seeds, images))
            assert covered(draws) >= 0.93


def test_degrees_of_freedom_after_satterthwaite_do_not_cover_with_two_seeds():
    generator = np.random.default_rng(0)
    draws = generator.standard_normal((4000, 2, 1)) + generator.standard_normal((4000, 1, 100))
    draws += generator.standard_normal((4000, 2, 100))
    table = noise(draws.reshape(-1, 100), np.repeat(np.arange(4000), 2))
    variance = table.image_part + table.seed_part
    freedom = variance**2 / (table.seed_part**2 + table.image_part**2 / 99)
    assert (table["mean"].abs() <= stats.t.ppf(0.975, freedom) * variance**0.5).mean() < 0.9


@pytest.mark.parametrize("images", [5, 14, 100])
def test_what_is_detectable_is_found_four_times_in_five(images):
    generator = np.random.default_rng(images)
    draws = generator.standard_normal((10_000, images))
    known = pd.DataFrame({"images": [images], "seeds": 1, "image_part": 1 / images, "seed_part": 0.0})
    table = noise(draws + detectable(known, 1).iloc[0], np.arange(10_000))
    assert (p_values(table) < 0.05).mean() == pytest.approx(0.8, abs=0.03)


def test_the_detectable_grows_with_the_comparisons():
    known = noise(np.array([[1.0, 2.0, 3.0, 4.0, 5.0]]), np.array([0]))
    for comparisons in (1, 10):
        quantiles = stats.t.ppf(1 - 0.025 / comparisons, 4) + stats.t.ppf(0.8, 4)
        assert detectable(known, comparisons).iloc[0] == pytest.approx(quantiles * 0.5**0.5)


def test_so_many_more_seeds_halve_it_and_no_fewer():
    now = pd.DataFrame({"images": [100], "seeds": 3, "image_part": 0.01, "seed_part": 1.0})
    more = seeds_to_halve(now, 6)
    later = [now.assign(seeds=3 + n, seed_part=3 / (3 + n)) for n in (more - 1, more)]
    few, enough = (detectable(frame, 6).iloc[0] / detectable(now, 6).iloc[0] for frame in later)
    assert enough <= 0.5 < few
    assert seeds_to_halve(now.assign(image_part=100.0), 6) is None  # the images alone leave more


# In the report


ONE_SEED = [
    "In brackets: the 95 % confidence interval of each difference on its own, paired per image (images: set5 5), by "
    "Student's t. There is one seed: the noise of training is not in it.",
    "≈: cannot be told from no difference, at 5 % after Holm's correction for the table's 2 comparisons.",
    "Smallest difference that this table could have shown with a chance of 80 % (median of its rows): set5 0.140 dB. "
    "With one seed it cannot be known how many more would halve it.",
]


def test_a_table_shows_the_interval_and_says_below_what_it_rests_on(build):
    three_variants(build)
    study = build.study()
    table = comparison(study).set_index("variant")
    parts = ["set5.psnr.delta_low", "set5.psnr.delta_high", "set5.psnr.delta_p"]
    assert list(table.columns[13:16]) == parts
    assert table[parts].loc["1-1-1"].isna().all()  # of the baseline to itself
    near, far = (stats.ttest_1samp(values, 0) for values in (NEAR, FAR))
    assert table.loc["2-4-2", parts].tolist() == pytest.approx([*far.confidence_interval(), 2 * far.pvalue], abs=1e-7)
    assert table.loc["1-2-1", parts].tolist() == pytest.approx([*near.confidence_interval(), near.pvalue], abs=1e-7)
    text = to_markdown(comparison(study), study)
    assert "| 34.00 | +0.000 |" in text
    assert "| <u>34.02</u> | ≈ +0.020 [−0.184, +0.224] |" in text
    assert "| **34.50** | +0.500 [+0.412, +0.588] |" in text
    assert [line[2:] for line in text.splitlines()[-5:-2]] == ONE_SEED
    assert summary(study).splitlines()[-3:] == ONE_SEED
    latex = to_latex(comparison(study), study)
    assert r"& $\approx$ +0.020 {[}$-$0.184, +0.224{]} \\" in latex
    assert "by Student's t. There is one seed: the noise of training is not in it.\n$\\approx$: cannot" in latex


def test_the_median_row_tells_the_smallest_difference(build):
    three_variants(build)
    quantiles = stats.t.ppf(1 - 0.025 / 2, 4) + stats.t.ppf(0.8, 4)
    smaller = min(np.std(values, ddof=1) for values in (NEAR, FAR))  # the lower one of two
    assert f"set5 {quantiles * smaller / 5**0.5:.3f} dB" in summary(build.study())


def test_with_several_seeds_the_noise_of_training_is_in_the_interval(build):
    three_variants(build, seeds=3)
    study = build.study()
    row = comparison(study).set_index("variant").loc["2-4-2"]
    assert row["set5.psnr.delta"] == pytest.approx(0.51)
    by_image, by_seed = np.var(FAR, ddof=1) / 5, 0.01**2 / 3  # seeds differ by 0, 0.01 and 0.02
    half = (stats.t.ppf(0.975, 4) ** 2 * by_image + stats.t.ppf(0.975, 2) ** 2 * by_seed) ** 0.5
    assert row["set5.psnr.delta_high"] - row["set5.psnr.delta"] == pytest.approx(half, rel=1e-6)
    lines = summary(study).splitlines()
    assert lines[-3] == (
        "In brackets: the 95 % confidence interval of each difference on its own, paired per image (images: set5 5; "
        "seeds: 3), by Student's t over images and over seeds (Banerjee 1960)."
    )
    assert lines[-1].endswith("set5 0.147 dB (more seeds alone would not halve it).")


def test_seeds_that_would_halve_the_smallest_difference_are_counted(build):
    for seed, shift in enumerate((-1.0, 0.5, 0.5)):
        for place, values in ((BASE, [0.0] * 5), (OTHER, [shift, shift, shift + 0.01, shift, shift])):
            words = (f"model.atrous={place[1]}",)
            build.run("carn", place, seed=seed, overrides=words, hashed=f"{seed}{place[1][2]}", images=gain(values))
    text = summary(build.study())
    assert "for the table's only comparison." in text
    now = pd.DataFrame({"images": [5], "seeds": 3, "image_part": 0.01**2 / 25, "seed_part": 0.75 / 3})
    assert f"set5 2.682 dB ({seeds_to_halve(now, 1)} more seeds would halve it)." in text


def test_a_seed_without_baseline_is_not_among_the_seeds_of_the_interval(build):
    three_variants(build)
    build.run("carn", THIRD, seed=7, overrides=("model.atrous=2-4-2",), hashed="77", images=gain(FAR, 5.0))
    row = comparison(build.study()).set_index("variant").loc["2-4-2"]
    assert (row.seeds, row["set5.psnr.delta"]) == (2, pytest.approx(0.5))
    assert row["set5.psnr.delta_high"] == pytest.approx(stats.ttest_1samp(FAR, 0).confidence_interval().high)


def test_every_ablation_is_corrected_for_its_own_comparisons(build):
    three_variants(build)
    shared = gain([0.0] * 5)
    build.run("carn", ("se", "none", True), overrides=("model.se=false",), hashed="a", images=shared)
    build.run("carn", ("se", "se", False), overrides=("model.se=true",), hashed="b", images=gain(FAR))
    table = comparison(build.study()).set_index(["ablation", "variant"])["set5.psnr.delta_p"]
    single = stats.ttest_1samp(FAR, 0).pvalue
    assert table[("se", "se")] == pytest.approx(single, abs=1e-8)
    assert table[("atrous", "2-4-2")] == pytest.approx(2 * single, abs=1e-8)


def test_some_rows_of_a_table_keep_their_intervals(build):
    three_variants(build)
    study = build.study()
    table = comparison(study)
    (part,) = sections(table[table.variant != "1-2-1"], study)
    assert part.groups[0][1]["set5.psnr.delta"].text == "+0.500 [+0.412, +0.588]"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"first": 1}, "it has other images than its baseline"),
        ({"images": {"set5": [30.0, 32.0, 34.0, 36.0, 39.0]}}, "scores.csv gives another mean"),
        ({"images": {"set14": [30.0]}}, "the scores of its images are missing"),
    ],
)
def test_a_difference_without_an_interval_says_why(build, change, reason):
    base, other = (
        build.run("carn", place, overrides=(f"model.atrous={place[1]}",), hashed=f"{place[1][2]}", images=gain(values))
        for place, values in ((BASE, [0.0] * 5), (OTHER, FAR))
    )
    for name in (base, other) if "set14" in change.get("images", {}) else (other,):
        build.write_scores(name, **({"images": gain(FAR)} | change))
    study = build.study()
    text = to_markdown(comparison(study), study)
    (number,) = re.findall(r"\| \+0\.500<sup>(\d)</sup> \|", text)
    assert f"<sup>{number}</sup> no interval: {reason}<br>" in text
    assert "In brackets" not in text
    assert "set5.psnr.delta_low" not in comparison(study)


def test_a_set_of_one_image_has_no_interval(build):
    for place, psnr in ((BASE, 30.0), (OTHER, 31.0)):
        build.run("carn", place, overrides=(f"model.atrous={place[1]}",), hashed=place[1][2], images={"set5": [psnr]})
    study = build.study()
    assert "no interval: it is of a single image" in to_markdown(comparison(study), study)
