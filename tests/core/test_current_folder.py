"""Whose modules a command finds."""

import sys

import pytest

from srbench.core.current_folder import find_own_modules


@pytest.fixture
def path(tmp_path, monkeypatch):
    """sys.path after a command: before it, it begins with `first`."""
    monkeypatch.chdir(tmp_path)

    def after(first, *words):
        monkeypatch.setattr(sys, "path", [first, "/installed"])
        find_own_modules([*words])
        return [one.replace(str(tmp_path), "HERE") for one in sys.path]

    return lambda first, *words: after(str(tmp_path) if first == "HERE" else first, *words)


@pytest.mark.parametrize("words", [["model._target_=mynet.Net"], ["-m", "model=carn"], ["upscale", "in", "out"], []])
def test_a_run_finds_ones_own_modules_by_either_name_of_the_command(path, words):
    assert path("HERE", *words) == ["HERE", "/installed"]  # python -m srbench
    assert path("/bin", *words) == ["HERE", "/bin", "/installed"]  # srbench


@pytest.mark.parametrize("verb", ["report", "status", "verify", "explain", "score", "resize", "data"])
def test_a_verb_that_reads_what_others_made_finds_no_modules_beside_it(path, verb):
    assert path("HERE", verb, "runs/x") == ["/installed"]
    assert path("/bin", verb, "runs/x") == ["/bin", "/installed"]


def test_classes_that_are_allowed_are_looked_for_after_what_is_installed(path):
    assert path("HERE", "verify", "runs/x", "allow=mynet") == ["/installed", "HERE"]
