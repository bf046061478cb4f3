"""Where files lie, and places that cannot take any."""

import os
import re
from pathlib import Path

import pytest

from srbench.core.errors import UserError
from srbench.core.paths import cache_folder, check_place, weights_folders


def test_what_is_kept_for_the_user_lies_where_the_system_says(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder("pixels") == tmp_path / "srbench/pixels"


def test_where_the_system_says_nothing_it_lies_below_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder("pixels") == tmp_path / ".cache/srbench/pixels"


def test_folders_of_weights_are_separated_as_in_path_and_may_begin_at_home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert weights_folders(os.pathsep.join(["~/w", "", "/b"])) == [Path("/home/me/w"), Path("/b")]


def test_no_folder_of_weights_is_none():
    assert weights_folders("") == []


def test_a_place_that_can_be_made_is_one(tmp_path):
    check_place("runs_dir", tmp_path / "a/b/c")
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("below", ["", "/deeper"])
def test_a_place_in_a_file_is_the_users_mistake(tmp_path, below):
    (tmp_path / "file").touch()
    line = f"runs_dir={tmp_path}/file{below}: {tmp_path}/file is no folder; set runs_dir=DIR"
    with pytest.raises(UserError, match=f"^{re.escape(line)}$"):
        check_place("runs_dir", Path(f"{tmp_path}/file{below}"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_place_that_may_not_be_written_is_the_users_mistake(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match=re.escape(f"{tmp_path} cannot be written; set runs_dir=DIR")):
        check_place("runs_dir", tmp_path / "runs")
