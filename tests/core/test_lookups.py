"""What is looked up in the environment is neither stored nor shown."""

import pytest
from omegaconf import OmegaConf

from srbench.core import lookups
from srbench.core.lookups import as_stored, hidden, note_lookups


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setattr(lookups, "_noted", set())
    monkeypatch.setenv("TOKEN", "hunter22")
    monkeypatch.setenv("WIDTH", "8")
    monkeypatch.setenv("SRBENCH_DATA", "/data")


def stored(content: dict) -> object:
    config = OmegaConf.create(content)
    return as_stored(OmegaConf.to_container(config), OmegaConf.to_container(config, resolve=True))


def test_a_lookup_is_stored_as_it_was_written():
    written = {"a": {"key": "${oc.env:TOKEN}", "more": ["x", "Bearer ${oc.env:TOKEN,none}"]}, "b": 1}
    assert stored(written) == written


def test_what_refers_to_it_has_the_lookup_in_its_place():
    written = {"key": "${oc.env:TOKEN}", "url": "https://${key}@host", "all": "${part}", "part": {"x": ["${key}"]}}
    told = "${oc.env:TOKEN}"
    assert stored(written) == {"key": told, "url": f"https://{told}@host", "all": {"x": [told]}, "part": {"x": [told]}}


def test_other_references_are_resolved_and_srbenchs_own_folder_is_seen():
    written = {"root": "${oc.env:SRBENCH_DATA,data}", "scale": 2, "copy": "${scale}", "width": "${oc.env:WIDTH}"}
    assert stored(written) == {"root": "/data", "scale": 2, "copy": 2, "width": "${oc.env:WIDTH}"}


def test_a_number_is_stored_as_a_lookup_too():
    written = {"width": "${oc.decode:${oc.env:WIDTH}}"}
    assert stored(written) == written


def test_a_line_is_hidden_of_what_was_noted():
    line = "model=x: no such token: hunter22 at /data, width 8"
    assert hidden(line) == line
    note_lookups({"a": ["${oc.env:TOKEN}", "${oc.env:SRBENCH_DATA}", "${oc.decode:${oc.env:WIDTH}}"]})
    assert hidden(line) == "model=x: no such token: ${oc.env:TOKEN} at /data, width 8"
