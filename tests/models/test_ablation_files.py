"""Every file of conf/ablation names networks that can be built, each of them once."""

from pathlib import Path

import pytest
import torch
import yaml

from srbench.experiments.ablations import as_override
from srbench.experiments.component import Component
from tests.presets import preset

CONF = Path(__file__).parents[2] / "conf"
FILES = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((CONF / "ablation").glob("*.yaml"))}
STUDIES = [(file, model, FILES[file]["applies_to"][model]) for file in FILES for model in FILES[file]["applies_to"]]


PRESETS = {p.stem: preset(p.stem, 2) for p in sorted((CONF / "model").glob("*.yaml")) if p.stem != "custom"}


def presets_of(model: str) -> list[str]:
    return [name for name, found in PRESETS.items() if model in ("any", found.class_name)]


def varied(name: str, factors: dict) -> Component:
    """The preset, ×2 where it has that scale, with the variant's model factors, each of which it must list."""
    return preset(
        name,
        4 if "srgan" in name else 2,
        *(as_override(key, value) for key, value in factors.items() if key.startswith("model.")),
    )


@pytest.mark.parametrize("file", FILES)
def test_a_file_says_what_it_asks_and_where_the_answer_was_published(file):
    assert list(FILES[file]) in (required := ["title", "question", "source", "applies_to"], [*required, "claims"])
    assert all(FILES[file].values())


@pytest.mark.parametrize(("file", "model", "study"), STUDIES)
def test_the_baseline_is_a_variant_and_no_two_variants_are_the_same(file, model, study):
    assert all(isinstance(name, str) for name in study["variants"])  # `on` and 64 need their quotes
    assert study["baseline"] in study["variants"]
    assert len({str(sorted(factors.items())) for factors in study["variants"].values()}) == len(study["variants"])
    for name in presets_of(model):
        resolved = [varied(name, factors) for factors in study["variants"].values()]
        outside_the_model = any(not key.startswith("model.") for f in study["variants"].values() for key in f)
        assert outside_the_model or all(c not in resolved[:n] for n, c in enumerate(resolved)), name


@pytest.mark.parametrize(("file", "model", "study"), STUDIES)
def test_every_variant_of_every_preset_can_be_built(file, model, study):
    assert presets_of(model), f"{file} applies to {model}, which no preset of conf/model names"
    for name in presets_of(model):
        for factors in study["variants"].values():
            if not any(key.startswith("model.") for key in factors):
                continue  # of a recipe's ablation, which no network refuses
            with torch.device("meta"):
                varied(name, factors).build("model")


def test_ablations_share_their_baseline():
    """So that a union of ablations trains it once: CARN's is the preset, with gates where the ablation is of gates."""
    for file, model, study in STUDIES:
        if model not in ("CARN", "MossNet"):
            continue
        gates = {"model.se": "scse"} if file in ("se_position", "se_hidden", "wiring") else {}
        baseline = study["variants"][study["baseline"]]
        assert varied(model.lower(), baseline) == varied(model.lower(), gates), file
