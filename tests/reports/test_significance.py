"""How sure a difference is: the intervals and p-values against scipy's and by simulation."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from srbench.reports.significance import detectable, half_width, holm, noise, p_values, seeds_to_halve


def skewed(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Mean 0, deviation 1, skewness 1."""
    return (generator.gamma(4, 1, shape) - 4) / 2


def normal(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return generator.standard_normal(shape)


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
    assert table.iloc[0].tolist() == [3, 2, 5, 9 / 3, 8 / 2, 1]
    assert half_width(table, 0.05)[0] == pytest.approx((4.3026527**2 * 3 + 12.7062047**2 * 4) ** 0.5)
    assert half_width(table, p_values(table).to_numpy())[0] == pytest.approx(5, rel=1e-6)


def test_the_share_of_images_and_seeds_that_are_higher_counts_ties_half():
    table = noise(np.array([[1.0, -1.0, 0.0], [2.0, 3.0, -1.0], [1.0, np.nan, 0.0]]), np.array([0, 0, 1]))
    assert table.higher.tolist() == [3.5 / 6, 1.5 / 2]


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
