import pytest

from srbench.core.files import in_one_step, remove_partials, write_file


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
    names = ("[a]", "[a].b", "a")
    writes = [in_one_step(tmp_path / name) for name in names]
    partials = [write.__enter__() for write in writes]
    for partial in partials:
        partial.write_bytes(b"half")
    (tmp_path / "[a]").write_bytes(b"whole")
    remove_partials(tmp_path / "[a]")
    assert {path.name for path in tmp_path.iterdir()} == {"[a]", partials[1].name, partials[2].name}
