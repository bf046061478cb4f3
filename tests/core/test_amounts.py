"""Estimates in words."""

import pytest

from srbench.core.amounts import about_bytes, about_seconds


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.2, "< 1 s"),
        (7.4, "≈ 7.4 s"),
        (41.6, "≈ 42 s"),
        (89, "≈ 89 s"),
        (258, "≈ 4.3 min"),
        (5399, "≈ 90 min"),
        (5400, "≈ 1.5 h"),
        (100_000, "≈ 28 h"),
        (130_000, "≈ 1.5 days"),
        (1e7, "≈ 120 days"),
    ],
)
def test_a_duration_has_two_digits_and_the_unit_that_people_use(seconds, told):
    assert about_seconds(seconds) == told


@pytest.mark.parametrize(("number", "told"), [(34_400_000, "≈ 34 MB"), (996e6, "≈ 1 GB"), (12_345e6, "≈ 12 GB")])
def test_a_size_has_two_digits(number, told):
    assert about_bytes(number) == told
