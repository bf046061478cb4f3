"""Text of others, shown: nothing hides, nothing is computed."""

import csv
from io import StringIO

import pytest
from hypothesis import given
from hypothesis.strategies import text

from srbench.core import progress
from srbench.core.harmless import HIDDEN, as_cell, from_cell, in_one_line, visible

NAMES = ("carn", "naïve", "über", "×2 · Δ", "日本語", "a b")


@pytest.mark.parametrize("name", NAMES)
def test_names_stay_as_they_are(name):
    assert in_one_line(name) == visible(name) == as_cell(name) == name


@pytest.mark.parametrize(
    ("hidden", "spelled"),
    [
        ("a\u202eb", r"a\u202eb"),  # what follows would be read from right to left
        ("\x1b[31mred\x1b]0;title\x07", r"\x1b[31mred\x1b]0;title\x07"),
        ("a\x9b2Jb", r"a\x9b2Jb"),
        ("a\u2066b\u200bc\ufeffd", r"a\u2066b\u200bc\ufeffd"),
        ("a\x00\x7f\ud800", r"a\x00\x7f\ud800"),
        ("done\rfailed\n", r"done\rfailed\n"),
    ],
)
def test_what_hides_is_spelled(hidden, spelled):
    assert visible(hidden) == spelled


def test_a_line_stays_one():
    assert in_one_line(" a\nb\tc\u2028d\x85e ") == "a b c d e"


@given(text())
def test_nothing_of_the_kinds_that_hide_is_left(name):
    import unicodedata

    assert not any(unicodedata.category(sign) in HIDDEN for sign in visible(name) + in_one_line(name))
    visible(name).encode()


@pytest.mark.parametrize("name", ["=cmd|'/C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "-", "'=1", "＝1"])
def test_what_a_spreadsheet_would_compute_is_text(name):
    assert as_cell(name) == f"'{name}"
    assert from_cell(as_cell(name)) == name


@pytest.mark.parametrize("number", ["-1", "+0.5", "-1e-5", "-inf"])
def test_numbers_stay_numbers(number):
    assert as_cell(number) == number


@given(text())
def test_a_cell_is_read_back(name):
    assert from_cell(as_cell(name)) == name
    row = next(csv.reader(StringIO(as_cell("=" + name.replace("\0", "")), newline="")), ["'"])
    assert row[0].startswith("'") or '"' in name


def test_markup_of_the_terminal_is_text(capsys):
    progress.console.print("[red]mine[/red] [link=http://x]y[/link] :bomb: \x1b[2J\u202e", "[/nothing]")
    assert capsys.readouterr().err == "[red]mine[/red] [link=http://x]y[/link] :bomb: \\x1b[2J\\u202e [/nothing]\n"


def test_a_bar_shows_its_text_as_it_is():
    with progress.bars() as bars:
        bars.add_task("[red]\x1b[2J[/nothing]")
        (task,) = bars.tasks
        assert progress.Description().render(task).plain == "[red]\\x1b[2J[/nothing]"
