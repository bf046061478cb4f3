"""A name typed on the command line, or written in a file, is that name wherever it goes."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from hypothesis import given
from hypothesis.strategies import characters, sampled_from, text

from srbench.core.errors import UserError
from srbench.experiments.ablations import parse_ablation
from srbench.experiments.compose import Composer, whole_spec
from srbench.experiments.grid import expand
from srbench.experiments.request import Request, read_request
from srbench.experiments.spelling import spelled, spelled_name

NAMES = [
    "2024_11_26",
    "1e3",
    "über",
    "on",
    "off",
    "true",
    "inf",
    "1_0",
    "0x1",
    "a=b",
    "x'y",
    'x"y',
    "a[1]",
    "a b",
    "1.10",
]
HOSTILE = text(characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp", "Zs"]), min_size=1, max_size=8)


def read(word: str) -> object:
    (parsed,) = OverridesParser.create().parse_overrides([word])
    return parsed.value()


@given(HOSTILE.filter(lambda name: not name.endswith("\\")) | sampled_from(NAMES))
def test_any_name_survives_hydras_grammar(name):
    assert read(f"key={spelled_name(name)}") == name


@pytest.mark.parametrize(
    "name", [*NAMES, "/scratch/imgü", "epoch=9-step=100.ckpt", "a,b(1)ü", "photos {2}", "a#b", "ü:x"]
)
@pytest.mark.parametrize("key", ["study", "runs_dir", "data_root", "data.root", "checkpoint", "weights_dir"])
def test_a_name_is_read_as_it_was_typed(key, name):
    (word,) = spelled([f"{key}={name}"])
    assert read(word) == name
    assert spelled([word]) == [word]


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("checkpoint=null", None),
        ("eval.datasets=[1e3,über,set5]", ["1e3", "über", "set5"]),
        ("eval.datasets=2024_11", "2024_11"),
        ("model=1e3", "1e3"),
        ("recipe/optimizer=2", "2"),
        ("seed=1_0", 10),
        ("model.se=true", True),
        ("model.atrous=[1,2]", [1, 2]),
        ("study='1e3'", "1e3"),
        ("model.name=bilder_für", "bilder_für"),
    ],
)
def test_only_names_are_kept_from_being_numbers(word, value):
    assert read(*spelled([word])) == value


def test_lists_are_swept_as_they_are():
    words = ["eval.datasets=[set5],[set14,2024]", "data_root=choice(a,b)", "seed=range(0,3)"]
    assert spelled(words, swept=True) == words


@pytest.mark.parametrize("word", ["checkpoint=a=1.ckpt,ü.ckpt", "study=1e3,über", "model=1e3,carn"])
def test_commas_separate_names_in_a_grid(word):
    (parsed,) = OverridesParser.create().parse_overrides(spelled([word], swept=True))
    values = [read(f"k={value}") for value in parsed.sweep_string_iterator()]
    assert values == word.partition("=")[2].split(",")


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("train", "train: not of the form key=value, as in model=fsrcnn"),
        ("model.width=[1", r"model\.width=\[1: Hydra cannot read it: .*; .* quote it: 'model\.width=.\[1.'$"),
        ("seed=0,1", "seed=0,1: commas separate the values of a grid; add -m, or .*: 'seed=\"0,1\"'$"),
        ("über=1", "über=1: not of the form key=value: "),
    ],
)
def test_a_word_that_cannot_be_meant_is_told_with_its_cure(word, line):
    with pytest.raises(UserError, match=f"^{line}"):
        spelled([word])


@pytest.mark.parametrize("words", [["model._target_=mynet.Net"], ["seed=1", "+model._target_=mynet.Net"]])
def test_a_class_of_ones_own_has_no_arguments_of_a_presets(words):
    assert spelled(words) == ["model=custom", *words]
    assert spelled(["model=carn", *words]) == ["model=carn", *words]


@pytest.fixture
def master(loader):
    return loader.load_configuration("config", [], RunMode.MULTIRUN)


VARIANTS = [*NAMES, "${seed}", "=1+1", "ß×%"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variants_name_survives_the_way_to_any_launcher(loader, master, variant):
    part = {"baseline": variant, "variants": {variant: {"seed": 3}}}
    ablation = parse_ablation("names", {"applies_to": {"any": part}})
    request = Request(read_request(["model=fsrcnn", f"study={spelled_name(variant)}"], loader).given, [ablation], None)
    (run,) = expand(request, Composer(loader, master))
    arrived = whole_spec(loader.load_sweep_config(master, list(run.overrides)))  # as Hydra's launchers do
    assert arrived.memberships[0].variant == variant
    assert arrived.config_hash == run.config_hash
    assert arrived.folder.name == run.folder.name
    if variant != "${seed}":
        assert arrived.places.study == variant


def test_variants_are_called_as_their_file_writes_them(loader, master, tmp_path, monkeypatch):
    (tmp_path / "conf/ablation").mkdir(parents=True)
    variants = "{off: {seed: 0}, on: {seed: 1}, 1.10: {seed: 2}, 1_0: {seed: 3}}"
    content = f"applies_to: {{any: {{baseline: off, variants: {variants}}}}}"
    (tmp_path / "conf/ablation/1e3.yaml").write_text(content)
    loader.repository.get_sources()[1].path = str(tmp_path / "conf")
    request = read_request(spelled(["ablation=1e3"], swept=True), loader)
    assert [arm.membership.variant for arm in request.arms("FSRCNN")] == ["off", "on", "1.10", "1_0"]
    assert [arm.membership.baseline for arm in request.arms("FSRCNN")] == [True, False, False, False]


def test_a_study_is_named_after_the_classes_of_its_runs(loader):
    request = read_request(["model._target_=mynet.Net,other.Own"], loader)
    assert request.given["study"].value() == "Net-Own"
