"""Terminals and locales that know fewer characters than srbench prints, reads and writes."""

from dataclasses import replace

import pytest
from PIL import Image

from tests.cli.conftest import TINY


def under(srbench, **environment):
    return replace(srbench, environment=srbench.environment | environment)


@pytest.mark.parametrize("encoding", ["ascii", "cp437", "cp1252"])
def test_a_character_that_the_output_lacks_is_replaced(srbench, encoding):
    Image.new("RGB", (8, 8)).save(srbench.folder / "Δ.png")
    shell = under(srbench, PYTHONIOENCODING=encoding)
    process = shell.start("resize", "Δ.png", "out/Δ.png", "scale=1/2", encoding=encoding)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert out.startswith("out/?.png: 4") or out.startswith("out/Δ.png: 4")


@pytest.mark.parametrize(("encoding", "times"), [("ascii", "x"), ("cp1252", "×")])
def test_the_sign_of_a_number_is_shown_where_the_output_lacks_its_character(srbench, encoding, times):
    shell = under(srbench, PYTHONIOENCODING=encoding)
    words = ("profile", "model=mdrn_s", "scale=4", "cost=fvcore,ntire", "latency=false")
    out, err = shell.start(*words, encoding=encoding).communicate(timeout=120)
    table, _, notes = out.partition("\n\n")
    assert "-0.78 %" in table, err
    assert f"{times}4 95,396" in table
    assert "?" not in table
    assert "LR" in notes


def test_a_grid_with_names_beyond_ascii_ends_well_on_a_terminal_of_ascii(srbench):
    (srbench.folder / "hr/valid").mkdir()
    (srbench.folder / "hr/0.png").rename(srbench.folder / "hr/valid/ü Δ.png")
    shell = under(srbench, PYTHONIOENCODING="ascii")
    done = shell("-m", *shell.data, *TINY, "study=naïve", "seed=0,1")
    assert done.returncode == 0, done.stderr
    for run in srbench.records("naïve"):
        assert "ü Δ" in (srbench.folder / "runs/naïve" / run / "scores.csv").read_text(encoding="utf-8")


def test_a_locale_of_ascii_reads_and_writes_the_same_files(srbench):
    shell = under(srbench, LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")
    for words in (["data", "list"], [*shell.data, *TINY], ["report", "runs/single"], ["status", "runs/single"]):
        done = shell(*words)
        assert done.returncode == 0, done.stderr
    assert "×" in (srbench.folder / "reports/single/table.md").read_text(encoding="utf-8")
