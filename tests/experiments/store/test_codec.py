"""Dataclasses as JSON and back."""

import json
from dataclasses import dataclass, field
from math import inf, nan
from typing import Any, Literal

import jsonschema
import pytest
from hypothesis import given
from hypothesis.strategies import booleans, dictionaries, floats, integers, lists, none, text

from srbench.experiments.store.codec import FormatError, decode, encode, json_schema, to_json


@dataclass(frozen=True)
class Inner:
    """A name."""

    name: str
    kind: Literal["a", "b"] = "a"


@dataclass(frozen=True)
class Outer:
    """All that a record can hold."""

    count: int
    share: float
    flag: bool
    class_name: str = field(metadata={"json": "class"})
    maybe: int | None = None
    either: int | Literal["scale"] = "scale"
    parts: tuple[Inner, ...] = ()
    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    free: Any = None


USUAL = {"count": 1, "share": 0.5, "flag": True, "class": "CARN"}


@given(
    integers(-(2**63) + 1, 2**63 - 1),
    floats(allow_nan=False, min_value=0, max_value=1e100),
    booleans(),
    text(),
    none() | integers(0, 2**63 - 1),
    lists(text()),
    dictionaries(text(), dictionaries(text(), floats(min_value=0, max_value=1e100, allow_nan=False))),
)
def test_what_is_written_is_read_back(count, share, flag, name, maybe, names, scores):
    outer = Outer(count, share, flag, name, maybe, 4, tuple(map(Inner, names)), scores)
    assert decode(Outer, json.loads(to_json(outer))) == outer


def test_infinity_is_spelled_and_nan_refused():
    assert encode(Outer(1, inf, True, "x"))["share"] == "inf"
    assert decode(Outer, {**USUAL, "share": "inf"}).share == inf
    with pytest.raises(ValueError, match="nan is no value of a record"):
        encode(Outer(1, nan, True, "x"))


def test_unknown_keys_are_left_out_and_absent_ones_have_their_default():
    assert decode(Outer, {**USUAL, "of tomorrow": 1}) == Outer(1, 0.5, True, "CARN")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"count": 1.5}, "count: a whole number is needed, not 1.5"),
        ({"count": True}, "count: a whole number is needed, not true"),
        ({"share": "much"}, 'share: a number is needed, not "much"'),
        ({"flag": 1}, "flag: true or false is needed, not 1"),
        ({"class": None}, "class: text is needed, not null"),
        ({"parts": {}}, "parts: a list is needed, not {}"),
        ({"parts": [{"name": "x"}, {"name": 5}]}, "parts: 1: name: text is needed, not 5"),
        ({"parts": [{}]}, "parts: 0: name is missing"),
        ({"parts": [{"name": "x", "kind": "c"}]}, 'parts: 0: kind: a or b is needed, not "c"'),
        ({"either": "all"}, 'either: scale is needed, not "all"'),
        ({"scores": {"set5": {"psnr": [1]}}}, "scores: set5: psnr: a number is needed, not [1]"),
        ({"scores": {"set5": 5}}, "scores: set5: an object is needed, not 5"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(changed, told):
    with pytest.raises(FormatError) as error:
        decode(Outer, {**USUAL, **changed})
    assert str(error.value) == told


def test_what_is_written_fits_the_schema_and_what_is_refused_does_not():
    schema = json_schema(Outer)
    jsonschema.Draft202012Validator.check_schema(schema)
    written = encode(Outer(1, inf, True, "x", 3, 4, (Inner("n"),), {"s": {"m": 1.0}}))
    jsonschema.validate(written, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**written, "count": "1"}, schema)


@pytest.mark.parametrize("count", [10**400, -(2**63), 1e30])
def test_a_whole_number_that_no_table_could_show_is_named(count):
    with pytest.raises(FormatError, match="count: a whole number is needed"):
        decode(Outer, {**USUAL, "count": count})


@pytest.mark.parametrize("share", [10**400, nan, -inf, inf, 1e101])
def test_a_number_that_is_none_is_named(share):
    with pytest.raises(FormatError, match="share: a number is needed"):
        decode(Outer, {**USUAL, "share": share})


@pytest.mark.parametrize("changes", [{"class": "\ud800"}, {"scores": {"\ud800": {}}}, {"free": [{"a": "\ud800"}]}])
def test_half_a_character_is_named_and_never_written(changes):
    with pytest.raises(FormatError, match=r"text is needed, not half a character: '\\ud800'"):
        decode(Outer, {**USUAL, **changes})
    assert json.loads(to_json(Inner("naïve \udcff"))) == {"name": r"naïve \udcff", "kind": "a"}
