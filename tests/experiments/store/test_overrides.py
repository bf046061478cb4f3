"""Words of a command line, taken apart."""

import pytest

from srbench.experiments.store.overrides import Override, parse_override


@pytest.mark.parametrize(
    ("word", "key", "value"),
    [
        ("model.atrous=[1,2,1]", "model.atrous", "[1,2,1]"),
        ("+data.degradation=noise", "data.degradation", "noise"),
        ("++model.se=true", "model.se", "true"),
        ("~recipe.ema", "recipe.ema", ""),
        ("model@recipe.teacher=edsr", "recipe.teacher", "edsr"),
        ("data@_global_.data=photos", "data", "photos"),
        ("checkpoint='a=b'", "checkpoint", "'a=b'"),
    ],
)
def test_a_word_is_a_key_and_a_value(word, key, value):
    assert parse_override(word) == Override(key, value)


@pytest.mark.parametrize(("key", "root"), [("model.atrous", "model"), ("hydra/launcher", "hydra"), ("scale", "scale")])
def test_the_root_of_a_key_is_its_first_part(key, root):
    assert Override(key, "").root == root


@pytest.mark.parametrize("value", ["mdrn", "'mdrn'", '"mdrn"'])
def test_the_text_of_a_value_has_no_quotation_marks(value):
    assert Override("checkpoint", value).text == "mdrn"
