"""Files of ablations and sweeps that hold anything: what they ask for, or one line that says what is wrong."""

from pathlib import Path

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis.strategies import (
    booleans,
    deferred,
    dictionaries,
    floats,
    integers,
    lists,
    none,
    one_of,
    sampled_from,
    text,
)

from srbench.core.errors import UserError
from srbench.experiments.ablations import as_override, load_sweep, parse_ablation
from srbench.experiments.messages import one_line
from srbench.experiments.study_files import read_study_file
from tests.faults.fuzzing import breaks, broken, tries

ABLATION = """title: Width
question: does it help?
source: mine
applies_to:
  CARN: &part
    baseline: "64"
    variants:
      "64": {model.width: 64}
      "48": &less {model.width: 48}
  any: *part
claims:
  helps:
    text: More help
    decides: [{rows: ["64", "48"], metric: val.psnr, direction: higher}]
"""
SWEEP = """title: Study
overrides: {model: carn, seed: [0, 1]}
baseline: a
runs:
  a: {model.width: 64}
  b: {model.width: 48, recipe.optimizer.lr: 1.0e-3}
claims: {helps: {text: More, decides: [{rows: [a, b], metric: val.psnr, direction: higher}]}}
"""
KEYS = (
    "title",
    "applies_to",
    "CARN",
    "any",
    "baseline",
    "variants",
    "claims",
    "overrides",
    "runs",
    "published",
    "at_hand",
)
scalars = one_of(none(), booleans(), integers(), floats(), text(max_size=8), sampled_from(KEYS))
anything = deferred(
    lambda: one_of(
        scalars,
        lists(anything, max_size=3),
        dictionaries(one_of(sampled_from(KEYS), text(max_size=5)), anything, max_size=3),
    )
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("yaml")


def understood(path: Path) -> None:
    """Reads the file as an ablation and as a sweep; what is refused is refused in a line."""
    parser = OverridesParser.create()
    for read in (_ablation, _sweep):
        told = ""
        try:
            words = read(path)
        except UserError as error:
            told, words = str(error), []
        assert "Traceback" not in told
        for word in words:
            assert _hydras_answer(parser, word) is not None


def _hydras_answer(parser: OverridesParser, word: str) -> object:
    """What Hydra reads in a word, else what is told of it in a line; None for what would be a traceback."""
    try:
        return parser.parse_override(word)
    except Exception as error:
        return one_line(error)


def _ablation(path: Path) -> list[str]:
    found = parse_ablation("mine", read_study_file(path))
    settings = [one for name in ("CARN", "Other") for one in found.variants(name).values()]
    for name in ("CARN", "Other"):
        for variant in found.variants(name):
            assert found.membership(name, variant).variant == variant
    return [as_override(key, value) for one in settings for key, value in one.items()]


def _sweep(path: Path) -> list[str]:
    found = load_sweep(path.stem, [path.parent])
    assert found.baseline is None or found.baseline in found.runs
    return [*found.overrides, *(word for words in found.runs.values() for word in words)]


@tries(120)
@given(whole=sampled_from((ABLATION, SWEEP)), how=lists(breaks, min_size=1, max_size=3))
def test_a_broken_file_is_understood_or_one_line(folder, whole, how):
    content = whole.encode()
    for one in how:
        content = broken(content, one)
    (folder / "a.yaml").write_bytes(content)
    understood(folder / "a.yaml")


@tries(120)
@given(content=dictionaries(sampled_from(KEYS), anything, max_size=5))
def test_a_file_of_other_shapes_is_understood_or_one_line(folder, content):
    (folder / "b.yaml").write_text(yaml.safe_dump(content, allow_unicode=False))
    understood(folder / "b.yaml")


@tries(60)
@given(
    place=sampled_from(("title", "claims", "applies_to", "runs", "overrides", "published", "baseline")), value=anything
)
def test_a_good_file_with_one_strange_value_is_understood_or_one_line(folder, place, value):
    for whole in (ABLATION, SWEEP):
        (folder / "c.yaml").write_text(yaml.safe_dump(yaml.safe_load(whole) | {place: value}))
        understood(folder / "c.yaml")


@pytest.mark.parametrize("depth", [50, 500, 2000])
def test_what_is_nested_deeply_is_understood_or_one_line(folder, depth):
    (folder / "d.yaml").write_text(
        "applies_to: {any: {baseline: a, variants: {a: {model.x: " + "[" * depth + "]" * depth + "}}}}"
    )
    understood(folder / "d.yaml")
