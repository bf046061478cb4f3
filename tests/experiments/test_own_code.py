"""Code of the user's that a run is made of, and that it has become another."""

import sys
from dataclasses import replace

import pytest

from srbench.experiments import own_code as own_code_module
from srbench.experiments.compose import compose_run
from srbench.experiments.own_code import changed_since, own_code
from tests.builders import record

NET = "from torch import nn\nfrom own_parts import Part\nclass Net(nn.Module):\n    scale = 2\n"


@pytest.fixture
def own_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("own_net", "own_parts"):  # of the test before
        monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / "own_net.py").write_text(NET)
    (tmp_path / "own_parts.py").write_text("class Part:\n    width = 4\n")
    return compose_run(["model._target_=own_net.Net"])


def test_what_srbench_brings_has_no_code_of_ones_own():
    assert own_code(compose_run(["model=carn", "recipe=gan"])) == {}


def test_a_file_that_is_edited_is_told_and_so_is_one_that_it_takes_names_from(own_run, tmp_path):
    trained = own_code(own_run)
    assert list(trained) == ["own_net.Net"]
    known = replace(record(), own_code=trained)
    assert changed_since(own_code(own_run), known) == []
    (tmp_path / "own_parts.py").write_text("class Part:\n    width = 5\n")
    assert changed_since(own_code(own_run), known) == ["own_net.Net"]
    (tmp_path / "own_parts.py").write_text("class Part:\n    width = 4\n")
    assert changed_since(own_code(own_run), known) == []
    (tmp_path / "own_net.py").write_text(NET + "    traits = {}\n")
    assert changed_since(own_code(own_run), known) == ["own_net.Net"]


def test_what_is_installed_is_no_code_of_ones_own_wherever_it_lies(own_run, tmp_path):
    (tmp_path / "own_parts-1.0.dist-info").mkdir()
    own_code_module._holds_packages.cache_clear()
    assert own_code(own_run) == {}


def test_a_record_that_does_not_tell_its_code_is_taken_as_it_is(own_run):
    assert changed_since(own_code(own_run), record()) == []
