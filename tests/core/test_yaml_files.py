"""YAML that somebody else wrote: plain values, no more of them than the file shows."""

import os

import pytest

from srbench.core.errors import UserError
from srbench.core.yaml_files import MOST_VALUES, read_yaml

BOMB = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
)


def test_plain_values_and_some_aliases_are_read(tmp_path):
    (tmp_path / "a.yaml").write_text("a: &x {b: 1, c: [1.5, true, null, ü]}\nd: *x\n1: yes\n")
    assert read_yaml(tmp_path / "a.yaml")["d"] == {"b": 1, "c": [1.5, True, None, "ü"]}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (BOMB, f"its aliases (*name) stand for more than {MOST_VALUES:,} values"),
        ("a: &a [*a]", "its aliases (*name) stand for more than"),
        ("a: &a {b: *a}", "its aliases (*name) stand for more than"),
        ("[" * 20_000, "it is nested too deeply, or holds itself"),
        ("a: 2026-11-26", "2026-11-26 is a date; put quotation marks around it"),
        ("a: !!binary aGk=", "b'hi' is a bytes"),
        ("a: !!python/object/apply:os.system [id]", "could not determine a constructor for the tag"),
        ("a: " + "9" * 5000, "Exceeds the limit"),
        ('a: "\\uD800"', "'utf-8' codec can't encode character"),
        (b"\xff\xfe", "'utf-8' codec can't decode byte"),
        (b"a: \0", "unacceptable character"),
    ],
)
def test_everything_else_is_one_line(tmp_path, content, reason):
    path = tmp_path / "a.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError) as error:
        read_yaml(path)
    assert str(error.value).startswith(f"{path}: cannot be read: {reason}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_not_waited_for(tmp_path, make):
    make(tmp_path / "a.yaml")
    with pytest.raises(UserError, match=r"a\.yaml: cannot be read: (is no file|Is a directory)"):
        read_yaml(tmp_path / "a.yaml")
