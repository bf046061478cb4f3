"""Names and titles of others in every form of a report: they say what they say, and do nothing."""

import csv
import re
import warnings
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from srbench.experiments.store.plans import new_plan, write_plan
from srbench.experiments.store.record import Membership
from srbench.experiments.store.study import open_study
from srbench.reports.markups import LONGEST, as_code, in_latex, in_markdown, in_picture
from srbench.reports.report import build_report
from srbench.reports.terminal import summary
from srbench.reports.write import write_report
from tests.builders import REPORT_FILES, planned
from tests.reports.conftest import Builder, Outcome, failed

HOSTILE = (
    "![t](http://127.0.0.1/t.png)",
    "[x](javascript:alert(1))",
    "<img src=x onerror=alert(1)>",
    "&#x202e;&lt;b&gt;",
    "a | b",
    "`code` ``more``",
    "**bold** ~~gone~~ $x$",
    r"$\alpa$ and $",
    r"\input{/etc/passwd} % & # _ ^ ~",
    "=cmd|'/C calc'!A0",
    "evil\u202egnp.exe\x1b[2J",
    "[red]mine[/red]",
    "two\nlines\r\n- item\n# head",
    "x" * 5000,
    "*a",
    "日本語 naïve",
)
MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def plain(markdown: str) -> tuple[str, set[str]]:
    """The text that a page shows, and the kinds of its parts."""
    tokens = [child for token in MARKDOWN.parse(markdown) for child in token.children or []]
    return "".join(token.content for token in tokens if token.type in ("text", "text_special", "code_inline")), {
        token.type for token in tokens
    }


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_shows_the_text_and_nothing_else(text):
    shown, kinds = plain(f"- title: {in_markdown(text)}")
    assert shown == f"title: {' '.join(text.split())}".replace("\u202e", r"\u202e").replace("\x1b", r"\x1b")
    assert kinds <= {"text", "text_special"}


@pytest.mark.parametrize("text", [*HOSTILE, "`", "``", "a`", "`a", " ", "```\n<b>"])
def test_a_command_stays_in_its_code_span(text):
    shown, kinds = plain(f"- command: {as_code(text)} end")
    assert kinds <= {"text", "code_inline"}
    assert shown.endswith(" end")


@pytest.mark.parametrize("text", HOSTILE)
def test_latex_has_no_command_of_the_texts(text):
    left = re.sub(r"\\(text\w+\{\}|ldots\{\}|[&%$#_{}]|\"\{i\})|\{[\[\]*]\}|\$\\?\w+\$", "", in_latex(text))
    assert not set(left) & set("\\{}$%&#_^~|*[]<>")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_picture_has_one_line_that_fits(text):
    assert len(in_picture(text)) <= LONGEST
    assert "\n" not in in_picture(text)


class Addresses(HTMLParser):
    """What a page points at; no element may do anything by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not [name for name, _ in attrs if name.startswith("on")]
        self.found += [value or "" for name, value in attrs if name in ("href", "src")]


@pytest.fixture(params=range(len(HOSTILE)))
def hostile(request, tmp_path) -> Path:
    """A study in which whoever made it has named everything alike."""
    text, build = HOSTILE[request.param], Builder(tmp_path / "runs" / "mine")
    variants = {text: {"model.x": 1}, "other": {"model.x": 2}}
    about = {"title": text, "question": text, "source": text}
    ablation = about | {"applies_to": {"any": {"baseline": text, "variants": variants}}}
    runs = {}
    for number, variant in enumerate((text, "other", "third")):
        place, name = Membership(text, variant, number == 0), f"run-{number}"
        words = ("model=carn", f"model.name={text}{number % 2}")
        runs[name] = planned(
            model=text, variant=variant, memberships=(place,), overrides=words, config_hash=str(number)
        )
        facts = {"device": text, "git": text, "versions": {"srbench": text, text: text}, "own_code": {text: text}}
        left = Outcome({text: {"psnr": 30.0 + number}}, losses=[1.0, 0.5, 0.2]).with_facts(**facts)
        build.leave(name, runs[name], failed(text) if variant == "third" else left)
    write_plan(build.folder, replace(new_plan(text, text, {text: ablation}, [text], {}), runs=runs))
    return build.folder


def test_a_study_named_by_others_is_reported_harmless(hostile, tmp_path):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # of a font without Japanese
        out = write_report(hostile, tmp_path / "reports")
    assert out == tmp_path / "reports" / "mine"
    assert {path.name for path in out.iterdir()} == REPORT_FILES
    parsed = MARKDOWN.parse((out / "table.md").read_text())
    parts = [part for token in parsed for part in token.children or []]
    assert not {part.type for part in parts} & {"image", "link_open"}
    tags = {part.content for part in parts if part.type == "html_inline"}
    assert {re.sub(r"\d|,", "", tag) for tag in tags} <= {"<sup>", "</sup>", "<u>", "</u>", "<br>"}
    ElementTree.parse(out / "curves.svg")
    printed = summary(build_report(open_study(hostile)))
    for shown in [
        printed,
        *((out / name).read_text() for name in ("table.csv", "table.md", "table.tex", "curves.svg", "index.html")),
    ]:
        assert not set(shown) & set("\u202e\x1b\r")
    page = Addresses()
    page.feed((out / "index.html").read_text())
    assert all(one.startswith(("#", "data:image/")) for one in page.found)
    cells = [cell for line in csv.reader(StringIO((out / "table.csv").read_text())) for cell in line]
    assert not [
        cell for cell in cells if cell.startswith(("=", "@", "+", "-")) and not re.fullmatch(r"[-+.\de]+", cell)
    ]


def test_the_dollars_of_a_name_are_dollars_in_the_picture(build):
    run = planned(variant="$\\alpa$", memberships=(Membership("atrous", "$\\alpa$", False),))
    build.plan({"run": run})
    build.leave("run", run, Outcome({"set5": {"psnr": 30.0}}, losses=[1.0, 0.5]))
    assert "$\\alpa$" in (write_report(build.folder, build.folder / "reports") / "curves.svg").read_text()
