import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis.strategies import booleans, dictionaries, integers, lists, none, recursive, sampled_from, text

from srbench.core.errors import UserError
from srbench.core.paths import sweep_folders
from srbench.experiments.ablations import as_override, load_sweep, parse_ablation
from srbench.experiments.compose import build_on_meta
from srbench.experiments.store.record import Membership

words = text(sampled_from("aB1-_.,'\\ {}[]=:$\"×%"), min_size=1, max_size=6).filter(lambda w: not w.endswith("\\"))
values = recursive(
    none() | booleans() | integers() | words,
    lambda inner: lists(inner, max_size=3) | dictionaries(text("abc", min_size=1), inner, max_size=2),
    max_leaves=5,
)


@settings(deadline=None)
@given(values)
def test_any_value_survives_hydras_grammar(value):
    (parsed,) = OverridesParser.create().parse_overrides([as_override("key", value)])
    assert parsed.value() == value


def test_a_swept_list_is_a_choice():
    (parsed,) = OverridesParser.create().parse_overrides([as_override("model.atrous", [[1, 2], [2, 4]], swept=True)])
    assert list(parsed.sweep_string_iterator()) == ["[1,2]", "[2,4]"]


FILE = {
    "title": "t",
    "applies_to": {"CARN": {"baseline": "b", "variants": {"a": {"model.width": 8}, "b": {"model.width": 64}}}},
}


def test_the_baseline_comes_first():
    ablation = parse_ablation("width", FILE)
    assert list(ablation.variants("CARN")) == ["b", "a"]
    assert ablation.membership("CARN", "b") == Membership("width", "b", True)
    assert ablation.membership("CARN", "a").baseline is False
    assert ablation.variants("MossNet") == {}


def test_any_applies_to_every_class():
    ablation = parse_ablation("width", {"applies_to": {"any": FILE["applies_to"]["CARN"]}})
    assert list(ablation.variants("MossNet")) == ["b", "a"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({}, "lacks applies_to"),
        ({"applies_to": {"CARN": {"baseline": "b"}}}, "applies_to.CARN.variants must map"),
        ({"applies_to": {"CARN": {"baseline": "c", "variants": {"a": {}}}}}, "applies_to.CARN.baseline is none of a"),
        ({"applies_to": {"CARN": {"baseline": ["a"], "variants": {"a": {}}}}}, "applies_to.CARN.baseline is none of a"),
        (
            {"applies_to": {"CARN": {"baseline": "a", "variants": {"a": {"model": {"width": 4}}}}}},
            "variants.a.model: keys stand with their group's name before them: model.width: …",
        ),
    ],
)
def test_a_file_that_is_no_ablation_says_why(content, reason):
    with pytest.raises(UserError, match=f"ablation=x: .*{reason}"):
        parse_ablation("x", content)


def test_a_users_sweep_comes_before_the_projects(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps/carn_study.yaml").write_text("overrides: {seed: [0, 1], model: carn}")
    sweep = load_sweep("carn_study", sweep_folders())
    assert sweep.overrides == ["seed=0,1", "model=carn"]
    assert sweep.runs == {}


def test_an_unknown_sweep_names_the_nearest():
    with pytest.raises(UserError, match="sweep=can_study: no such sweep, did you mean carn_study"):
        load_sweep("can_study", sweep_folders())


def test_a_sweep_by_its_former_name_names_the_present_one():
    with pytest.raises(UserError, match="sweep=waifu2x_study: is called carn_study now"):
        load_sweep("waifu2x_study", sweep_folders())


@pytest.mark.parametrize(
    "content",
    [
        "- a",
        "overrides: [a=1]",
        "a: [",
        "runs: {a: }",
        "baseline: b\nruns: {a: {seed: 1}}",
        "baseline: [a]\nruns: {a: {}}",
        "overrides: {model: {d: 8}}",
        "runs: {a: {budget: {}}}",
    ],
)
def test_a_file_that_is_no_sweep_is_named(tmp_path, content):
    (tmp_path / "s.yaml").write_text(content)
    of_runs, of_all = r"runs\.a(\.budget: keys| must map)", r"(overrides\.model|not a sweep|cannot be read): "
    with pytest.raises(UserError, match=rf"s\.yaml: ({of_all}|{of_runs}|baseline is none of)"):
        load_sweep("s", [tmp_path])


STUDIES = ["mossnet_teachers", "mossnet_study", "ntire_study"]


@pytest.mark.parametrize("name", STUDIES)
def test_every_run_of_a_study_is_one_and_trains_what_it_says(plan, name):
    sweep = load_sweep(name, sweep_folders())
    runs = {run: plan(*sweep.overrides, *words) for run, words in sweep.runs.items()}
    described = [repr((run.model, run.scale, run.checkpoint, run.data, run.stages)) for run in runs.values()]
    assert len(set(described)) == len(runs)
    for run in runs.values():
        assert build_on_meta(run)
        assert all(stage.length.steps == stage.full_steps for stage in run.stages)


@pytest.mark.parametrize("name", STUDIES)
def test_what_a_study_compares_and_what_is_published_are_its_runs(name):
    sweep = load_sweep(name, sweep_folders())
    claims = sweep.content.get("claims", {}).values()
    rows = [row for claim in claims for one in claim["decides"] for row in one["rows"]]
    published = sweep.content.get("published", {}).get("runs", {})
    assert {*rows, *published} <= sweep.runs.keys()
