"""table.tex."""

import re

import pytest

from srbench.experiments.store.record import Membership
from srbench.reports.latex import to_latex
from tests.reports.conftest import BASE, BASE_WORDS, OTHER, OTHER_WORDS, Outcome, failed, scored


@pytest.fixture
def body(build) -> str:
    """The lines of an ablation of three runs, one of which failed; without comments."""
    name = r"a_b&c%d#e$f{g}h~i^j\k[l]"
    build.run("carn", BASE, words=BASE_WORDS, hashed="0", left=scored(37.0))
    build.run("carn", OTHER, words=OTHER_WORDS, hashed="1", left=scored(36.5))
    build.run("carn", Membership("atrous", "1-4-1", False), hashed="2", left=failed(name))
    return "\n".join(line for line in to_latex(build.report()).splitlines() if not line.startswith("%"))


def test_every_special_sign_is_escaped(body):
    escaped = r"a\_b\&c\%d\#e\$f\{g\}h\textasciitilde{}i\textasciicircum{}j\textbackslash{}k{[}l{]}"
    assert rf"\textsuperscript{{3}} failed: {escaped}." in body
    assert body.isascii()
    plain = re.sub(r"\\[{}]", "", body)
    assert plain.count("{") == plain.count("}")


def test_best_is_bold_and_second_underlined(body):
    assert r"\textbf{37.00} & +0.000 \\" in body
    assert r"\underline{36.50} & $-$0.500\textsuperscript{2} \\" in body


def test_the_caption_holds_the_facts_as_sentences(body):
    assert r"help? Source: Waifu2x CARN study. Baseline: carn 1-1-1.}" in body


def test_it_is_one_table_an_ablation_with_the_rules_of_booktabs(body):
    assert body.count(r"\begin{table}") == body.count(r"\end{table}") == 1
    assert [line for line in body.splitlines() if line.endswith("rule")] == [r"\toprule", r"\midrule", r"\bottomrule"]


def test_every_row_has_as_many_cells_as_there_are_columns(body):
    (columns,) = re.findall(r"\\begin{tabular}{(\w+)}", body)
    rows = [line for line in body.splitlines() if line.endswith(r"\\")]
    assert {len(re.findall(r"(?<!\\)&", row)) + 1 for row in rows} == {len(columns)}


def test_what_all_tables_share_stands_in_comments(build):
    build.run("carn", left=scored(37.0).with_facts(git="0a1b2c3d4e5f"))
    lines = to_latex(build.report()).splitlines()
    assert "% study: mine" in lines
    assert "% git: 0a1b2c3d4e5f" in lines


def test_what_a_metrics_name_does_not_tell_is_a_footnote_of_its_title(build):
    build.run("carn", left=Outcome({"set5": {"rmse_pirm": 5.0}}))
    text = to_latex(build.report())
    assert r"& set5 RMSE\_PIRM (unverified)\textsuperscript{1} \\" in text
    assert "inferred from the description of PIRM 2018" in text
