"""The digest of facts."""

import hashlib

from srbench.core.json_digest import json_digest


def test_it_is_of_the_facts_as_json_with_sorted_keys():
    assert json_digest({"b": [1, 2.5], "a": None}) == hashlib.sha256(b'{"a": null, "b": [1, 2.5]}').hexdigest()


def test_the_order_of_keys_does_not_matter_and_that_of_a_list_does():
    assert json_digest({"a": 1, "b": 2}) == json_digest({"b": 2, "a": 1})
    assert json_digest([1, 2]) != json_digest([2, 1])
