"""table.md."""

import re

import pytest

from srbench.experiments.store.record import Membership
from srbench.metrics.missing import Missing
from srbench.reports.markdown import to_markdown
from tests.reports.conftest import BASE, COMMAND, OTHER, Outcome, failed, scored


def cells(markdown: str, *start: str) -> list[str]:
    """The cells of the only table row that begins with these cells."""
    rows = [re.split(r" (?<!\\)\| ", line[2:-2]) for line in markdown.splitlines() if line.startswith("| ")]
    (row,) = [row for row in rows if row[: len(start)] == list(start)]
    return row


def notes(markdown: str) -> dict[str, str]:
    return dict(re.findall(r"^<sup>(\d+)</sup> (.*)<br>$", markdown, re.MULTILINE))


def test_it_begins_with_the_studys_name(build):
    assert to_markdown(build.report()).startswith("# mine\n")


def test_best_is_bold_and_second_underlined(build):
    build.run("carn", BASE, hashed="0", left=scored(37.0))
    build.run("carn", OTHER, hashed="1", left=scored(36.5))
    text = to_markdown(build.report())
    assert cells(text, "carn", "1-1-1 (baseline)")[-2:] == ["**37.00**", "+0.000"]
    assert cells(text, "carn", "1-2-1")[-2] == "<u>36.50</u>"


def test_words_stand_to_the_left_and_numbers_to_the_right(build):
    build.run("carn", left=scored(37.0))
    text = to_markdown(build.report())
    assert cells(text, "---")[:3] == ["---", "---", "---:"]
    assert set(cells(text, "---")[3:]) == {"---:"}


def test_it_says_once_what_the_numbers_rest_on(build):
    build.run("carn", BASE, hashed="0", left=scored(37.0))
    build.run("carn", OTHER, hashed="1", left=scored(37.0).with_facts(threads=4))
    lines = to_markdown(build.report()).splitlines()
    expected = ["- protocol: y (luma, border scale)", "- threads: 2 (1 runs), 4 (1 runs)", f"- command: `{COMMAND}`"]
    assert [lines.count(line) for line in expected] == [1, 1, 1]


def test_the_facts_of_an_ablation_stand_above_its_table(build):
    build.run("carn", BASE, hashed="0", left=scored(37.0))
    lines = to_markdown(build.report()).splitlines()
    section = lines[lines.index("## Atrous rates of the residual blocks") :]
    assert section[2:5] == [
        "- Question: does a larger receptive field help?",
        "- Source: Waifu2x CARN study",
        "- Baseline: carn 1-1-1",
    ]


@pytest.fixture
def gaps(build) -> str:
    """The page of four runs, three of which lack something."""
    missing = (Missing("lpips", "weights", "run: python -m srbench data get alexnet"),)
    build.run("carn", BASE, hashed="0", left=scored(37.0).with_facts(missing=missing))
    build.run("carn", OTHER, hashed="1", left=failed("out of\nmemory | <b>"))
    build.run("carn", Membership("atrous", "2-4-2", False), hashed="2")
    build.run("mossnet", Membership("atrous", "2-4", False), hashed="3", left=scored(36.0, set14=33.0))
    return to_markdown(build.report())


@pytest.mark.parametrize(
    ("variant", "title", "reason"),
    [
        ("1-1-1", "set5 LPIPS", "run: python -m srbench data get alexnet"),
        ("1-1-1", "Latency (ms)", "not measured"),
        ("1-1-1", "set14 PSNR", "not evaluated"),
        ("1-2-1", "set5 PSNR", r"failed: out of memory \| \<b\>"),
        ("2-4-2", "set5 PSNR", "not run yet"),
        ("2-4", "set5 Δ PSNR", "no baseline with this value to compare with"),
    ],
)
def test_each_gap_has_a_footnote_with_its_reason(gaps, variant, title, reason):
    (row,) = [row for row in gaps.splitlines() if re.match(rf"\| \w+ \| {variant}[ <]", row)]
    cell = re.split(r" (?<!\\)\| ", row[2:-2])[cells(gaps, "Model").index(title)]
    assert notes(gaps)[re.fullmatch(r"–<sup>(\d+)</sup>", cell)[1]] == reason


def test_footnotes_are_numbered_from_1_each_once(gaps):
    numbers = list(notes(gaps))
    assert numbers == [str(number) for number in range(1, len(numbers) + 1)]
    assert len(set(notes(gaps).values())) == len(numbers)


def test_what_a_metrics_name_does_not_tell_is_a_footnote_of_its_title(build):
    build.run("carn", left=Outcome({"set5": {"niqe": 5.0}}))
    text = to_markdown(build.report())
    assert "set5 NIQE<sup>1</sup> |" in text
    assert "BasicSR's convention" in notes(text)["1"]


def test_an_absent_seed_is_a_footnote_of_its_variant(build):
    build.run("carn", seed=0, hashed="0", left=scored(37.0))
    build.run("carn", seed=2, hashed="2", left=failed("out of memory"))
    text = to_markdown(build.report())
    assert cells(text, "carn")[1] == "default<sup>1</sup>"
    assert notes(text)["1"] == "seed 2: failed: out of memory"
