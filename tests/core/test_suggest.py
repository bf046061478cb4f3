"""What the user may have meant."""

import pytest

from srbench.core.suggest import did_you_mean


@pytest.mark.parametrize(
    ("name", "names", "told"),
    [
        ("atros", ["se", "atrous", "width"], ", did you mean atrous? (also: se, width)"),
        ("atros", ["atrous"], ", did you mean atrous?"),
        ("xyz", ["se", "atrous"], " (there are atrous, se)"),
        ("xyz", [], ""),
    ],
)
def test_the_nearest_is_named_or_all_or_none(name, names, told):
    assert did_you_mean(name, names) == told
