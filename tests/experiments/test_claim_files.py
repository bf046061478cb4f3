"""The claims of sweeps and ablation files, and what a sweep says is published, as they are read."""

from pathlib import Path

import pytest
import yaml
from hydra.types import RunMode

from srbench.core.errors import UserError
from srbench.core.paths import sweep_folders
from srbench.experiments.ablations import load_sweep, parse_ablation
from srbench.experiments.claim_files import check_rows, parse_claims
from srbench.experiments.compose import Composer
from srbench.experiments.grid import expand, plan_of
from srbench.experiments.published_files import parse_published
from srbench.experiments.request import read_request
from srbench.experiments.store.published_figures import PublishedCurves, PublishedRun, PublishedRuns
from srbench.experiments.store.record import Membership
from srbench.experiments.store.stated_claims import StatedClaim, StatedComparison

COMPARED = {"rows": ["wide", "narrow"], "metric": "val.psnr", "direction": "higher", "margin": 0.05}


def claim(**changes) -> dict:
    return {"text": "Width helps", "source": "a paper", "decides": [{**COMPARED, **changes}]}


def test_a_claim_is_read_as_it_stands():
    (found,) = parse_claims("sweep", "mine", {"width": claim()})
    compared = StatedComparison(("wide", "narrow"), "val.psnr", "higher", 0.05)
    assert found == StatedClaim("width", "mine", True, "Width helps", "a paper", (compared,))
    assert found.rows == ("wide", "narrow")


@pytest.mark.parametrize("content", [None, {}])
def test_a_file_may_claim_nothing(content):
    assert parse_claims("ablation", "mine", content) == ()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (["Width helps"], "sweep=s: claims must map the name of each"),
        ({"width": "Width helps"}, "claims.width: needs text, source and decides"),
        ({"width": {"text": "t", "source": "s", "decides": []}}, "claims.width: needs text, source and decides"),
        ({"width": claim() | {"texts": 1}}, "claims.width: no such key texts, did you mean text"),
        ({"width": claim(margins=1)}, "claims.width: no such key margins, did you mean margin"),
        ({"width": {"text": "t", "decides": [COMPARED]}}, "claims.width: source is missing"),
        ({"width": claim(rows=["wide"])}, "claims.width: decides: 0: rows: two or more that differ"),
        ({"width": claim(rows=["wide", "wide"])}, "claims.width: decides: 0: rows: two or more that differ"),
        ({"width": claim(metric="val.psnrr")}, "claims.width: decides: 0: no such metric val.psnrr: final_loss, "),
        ({"width": claim(metric="flops")}, "claims.width: decides: 0: no such metric flops: "),
        ({"width": claim(direction="less")}, 'claims.width: decides: 0: direction: lower or higher or equal .*"less"'),
        ({"width": claim(margin=-1)}, "claims.width: decides: 0: a margin is a number from 0 on"),
        ({"width": claim(relative=0.1)}, "claims.width: decides: 0: margin or relative, not both"),
        ({"width": claim(direction="equal", margin=None)}, "claims.width: decides: 0: direction equal needs a margin"),
    ],
)
def test_what_is_no_claim_is_told_in_a_line_that_names_it(content, reason):
    with pytest.raises(UserError, match=reason) as refused:
        parse_claims("sweep", "s", content)
    assert "\n" not in str(refused.value)


def test_an_ablation_claims_something_of_its_variants():
    variants = {"wide": {"model.width": 64}, "narrow": {"model.width": 8}}
    file = {"applies_to": {"CARN": {"baseline": "wide", "variants": variants}}}
    rows = ["wide", "carn:narrow"]
    (found,) = parse_ablation("width", {**file, "claims": {"c": claim(rows=rows)}}).claims
    assert (found.ablation, found.of_sweep, found.rows) == ("width", False, ("wide", "carn:narrow"))
    with pytest.raises(UserError, match=r"ablation=width: claims\.c: no such variant narow, did you mean narrow"):
        parse_ablation("width", {**file, "claims": {"c": claim(rows=["wide", "narow"])}})


# In a grid

NUMBERS = """
runs: {64: {model.width: 64}, 1e1: {model.width: 10}, off: {model.width: 8}}
claims:
  c: {text: t, source: s, decides: [{rows: [64, 1e1, off], metric: flops_routed, direction: higher}]}
"""
SWEEP = """
overrides: {model: [carn, mossnet], budget: none}
runs: {}
claims:
  which: {text: t, source: s, decides: [{rows: [ROWS], metric: params, direction: lower}]}
"""
ABLATION = """
applies_to:
  CARN: {baseline: a, variants: {a: {model.width: 8}, b: {model.width: 16}}}
  MossNet: {baseline: c, variants: {c: {model.atrous: [1, 1]}, d: {model.atrous: [2, 2]}}}
claims:
  of_carn: {text: t, source: s, decides: [{rows: [a, b], metric: params, direction: lower}]}
  of_mossnet: {text: t, source: s, decides: [{rows: [c, d], metric: params, direction: equal}]}
"""


@pytest.fixture
def planned(loader, tmp_path, monkeypatch):
    """planned("model=carn", "ablation=mine"): the names of the claims in the plan."""
    monkeypatch.chdir(tmp_path)
    compose = Composer(loader, loader.load_configuration("config", [], RunMode.MULTIRUN))

    def plan(*words):
        request = read_request([*words], loader)
        runs = expand(request, compose)
        return [claim.name for claim in plan_of(request, runs, "the command").claims]

    return plan


@pytest.mark.parametrize("rows", ["mossnet, carn", "'carn:default', mossnet", "'mossnet:default', 'carn:default'"])
def test_a_sweep_may_be_about_models(planned, tmp_path, rows):
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps/mine.yaml").write_text(SWEEP.replace("ROWS", rows))
    assert planned("sweep=mine") == ["which"]


def test_a_sweeps_claim_about_a_row_that_it_lacks_is_refused_before_anything_runs(planned, tmp_path):
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps/mine.yaml").write_text(SWEEP.replace("ROWS", "mosnet, carn"))
    with pytest.raises(UserError, match=r"^sweep=mine: claims\.which: no such row mosnet, did you mean mossnet"):
        planned("sweep=mine")


def test_claims_of_an_ablation_about_other_models_are_left_out(planned, tmp_path, monkeypatch):
    ablation = parse_ablation("mine", yaml.safe_load(ABLATION))
    monkeypatch.setattr("srbench.experiments.request._ablation", lambda name, loader: ablation)
    assert planned("model=carn", "ablation=mine") == ["of_carn"]
    assert planned("model=carn,mossnet", "ablation=mine") == ["of_carn", "of_mossnet"]


SWEEPS = sorted(path.stem for path in (Path(__file__).parents[2] / "sweeps").glob("*.yaml"))


@pytest.mark.parametrize("name", SWEEPS)
def test_every_saved_sweep_is_read_and_claims_something_of_its_rows(name, loader):
    sweep = load_sweep(name, sweep_folders())
    ablations = read_request([f"sweep={name}"], loader).ablations
    variants = [one for found in ablations for part in found.applies_to.values() for one in part["variants"]]
    rows = [*sweep.runs, *variants]
    check_rows(sweep.claims, {("any", Membership(name, row, False)) for row in rows})


def test_names_that_look_like_numbers_are_names(tmp_path):
    (tmp_path / "width.yaml").write_text(NUMBERS)
    sweep = load_sweep("width", [tmp_path])
    assert sweep.claims[0].rows == ("64", "1e1", "off")
    check_rows(sweep.claims, {("carn", Membership("width", run, False)) for run in sweep.runs})


def test_variants_that_are_numbers_are_compared_as_texts():
    variants = {64: {"model.width": 64}, 32: {"model.width": 32}}
    file = {"applies_to": {"CARN": {"baseline": 64, "variants": variants}}}
    (found,) = parse_ablation("width", {**file, "claims": {"c": claim(rows=["64", "carn:32"])}}).claims
    assert found.rows == ("64", "carn:32")


# What is published


def test_figures_notes_and_curves_of_runs_are_read(tmp_path):
    (tmp_path / "curves.csv").write_text("# a source\nstep,a,b\n40,.5,0.25\n80,.4,\n")
    runs = {"a": {"final_loss": 0.4, "params": 964163, "note": "printed otherwise"}, "b": {}}
    content = {"source": "a page", "runs": runs, "curves": "curves.csv"}
    curves = PublishedCurves((40, 80), {"a": (0.5, 0.4), "b": (0.25,)})
    figures = {"a": PublishedRun({"final_loss": 0.4, "params": 964163}, "printed otherwise"), "b": PublishedRun({})}
    assert parse_published("sweep=s", content, ["a", "b"], tmp_path) == PublishedRuns("a page", figures, curves)
    assert parse_published("sweep=s", None, [], tmp_path) is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (["a"], "needs source, and runs"),
        ({"runs": {}}, "text is needed, not null"),
        ({"source": "x", "run": {}}, "no such key run, did you mean runs"),
        ({"source": "x", "runs": {"aa": {}}}, "no such run aa, did you mean a"),
        ({"source": "x", "runs": {"a": 3}}, "runs: a: figures by name are needed"),
        ({"source": "x", "runs": {"a": {"final_loss": "low"}}}, "runs: a: final_loss: a number is needed"),
        ({"source": "x", "curves": "no.csv"}, r"curves: .*no\.csv: cannot be read as losses by step: No such file"),
        ({"source": "x", "curves": "words.csv"}, "curves: .*cannot be read as losses by step"),
        ({"source": "x", "curves": "empty.csv"}, "curves: .*cannot be read as losses by step"),
        ({"source": "x", "curves": "gap.csv"}, "curves: .*cannot be read as losses by step: a: a loss follows a blank"),
        ({"source": "x", "curves": "nan.csv"}, "curves: .*cannot be read as losses by step: a: a loss is not finite"),
        ({"source": "x", "curves": "inf.csv"}, "curves: .*cannot be read as losses by step: a: a loss is not finite"),
    ],
)
def test_what_nobody_can_have_published_is_told(tmp_path, content, reason):
    (tmp_path / "words.csv").write_text("step,a\n40,low\n")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "gap.csv").write_text("step,a\n40,.5\n80,\n120,.4\n")
    (tmp_path / "nan.csv").write_text("step,a\n40,nan\n")
    (tmp_path / "inf.csv").write_text("step,a\n40,inf\n")
    with pytest.raises(UserError, match=f"^sweep=s: published: .*{reason}"):
        parse_published("sweep=s", content, ["a"], tmp_path)
