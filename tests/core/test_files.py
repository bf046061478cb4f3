import os
from pathlib import Path

import pytest

from srbench.core.files import in_one_step, remove_partials, set_aside, write_file


def test_a_file_is_replaced_and_nothing_lies_beside_it(tmp_path):
    for content in (b"old", b"new"):
        write_file(tmp_path / "a", content)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"new"}


def fail(path):
    with in_one_step(path) as partial:
        partial.write_bytes(b"half")
        raise ZeroDivisionError


def test_what_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    write_file(tmp_path / "a", b"old")
    with pytest.raises(ZeroDivisionError):
        fail(tmp_path / "a")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"old"}


def test_what_a_killed_process_left_is_removed_and_no_other_file(tmp_path):
    for write in [in_one_step(tmp_path / name) for name in ("[a]", "a.b", "ü")]:
        write.__enter__().write_bytes(b"half")
    others = {"[a]", ".hidden", f".a.{'g' * 32}", f".a.{'0' * 31}", f"a.{'0' * 32}"}
    for name in others:
        (tmp_path / name).write_bytes(b"whole")
    remove_partials(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == others


def test_content_is_on_the_disk_before_its_name_is(tmp_path, monkeypatch):
    done = []
    replace = Path.replace
    monkeypatch.setattr(os, "fsync", lambda opened: done.append(Path(f"/proc/self/fd/{opened}").readlink().name))
    monkeypatch.setattr(Path, "replace", lambda old, new: (done.append("renamed"), replace(old, new)))
    write_file(tmp_path / "a", b"new")
    assert (done[0][:3], done[1:]) == (".a.", ["renamed", tmp_path.name])


def test_what_is_set_aside_keeps_its_content_under_a_free_name(tmp_path):
    (tmp_path / "a.set-aside-1").symlink_to("nowhere")
    (tmp_path / "a").mkdir()
    assert set_aside(tmp_path / "a") == tmp_path / "a.set-aside-2"
    assert (tmp_path / "a.set-aside-2").is_dir()
