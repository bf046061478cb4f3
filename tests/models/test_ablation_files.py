"""Every file of conf/ablation names networks that can be built, each of them once."""

from pathlib import Path

import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

CONF = Path(__file__).parents[2] / "conf"
FILES = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((CONF / "ablation").glob("*.yaml"))}
STUDIES = [(file, model, FILES[file]["applies_to"][model]) for file in FILES for model in FILES[file]["applies_to"]]


def preset(name: str) -> DictConfig:
    with initialize_config_dir(str(CONF), version_base=None):
        return compose(overrides=[f"+model={name}", "+scale=2"])


PRESETS = {path.stem: preset(path.stem) for path in sorted((CONF / "model").glob("*.yaml")) if path.stem != "custom"}


def presets_of(model: str) -> dict[str, DictConfig]:
    return {name: c for name, c in PRESETS.items() if model in ("any", c.model._target_.rpartition(".")[2])}


def varied(config: DictConfig, factors: dict) -> DictConfig:
    """The preset with the variant's model factors; a factor that the preset does not list is an error."""
    config = config.copy()
    for key, value in factors.items():
        if key.startswith("model."):
            assert OmegaConf.select(config, key, default="absent") != "absent", f"no such factor: {key}"
            OmegaConf.update(config, key, value)
    return config


@pytest.mark.parametrize("file", FILES)
def test_a_file_says_what_it_asks_and_where_the_answer_was_published(file):
    assert list(FILES[file]) == ["title", "question", "source", "applies_to"]
    assert all(FILES[file].values())


@pytest.mark.parametrize(("file", "model", "study"), STUDIES)
def test_the_baseline_is_a_variant_and_no_two_variants_are_the_same(file, model, study):
    assert all(isinstance(name, str) for name in study["variants"])  # `on` and 64 need their quotes
    assert study["baseline"] in study["variants"]
    assert len({str(sorted(factors.items())) for factors in study["variants"].values()}) == len(study["variants"])
    for name, config in presets_of(model).items():
        resolved = [varied(config, factors) for factors in study["variants"].values()]
        outside_the_model = any(not key.startswith("model.") for f in study["variants"].values() for key in f)
        assert outside_the_model or all(c not in resolved[:n] for n, c in enumerate(resolved)), name


@pytest.mark.parametrize(("file", "model", "study"), STUDIES)
def test_every_variant_of_every_preset_can_be_built(file, model, study):
    assert presets_of(model), f"{file} applies to {model}, which no preset of conf/model names"
    for config in presets_of(model).values():
        for factors in study["variants"].values():
            with torch.device("meta"):
                instantiate(varied(config, factors).model)


def test_ablations_share_their_baseline():
    """So that a union of ablations trains it once: CARN's is the preset, with gates where the ablation is of gates."""
    for file, model, study in STUDIES:
        if model not in ("CARN", "MossNet"):
            continue
        config = PRESETS[model.lower()]
        gates = {"model.se": "scse"} if file in ("se_position", "se_hidden", "wiring") else {}
        assert varied(config, study["variants"][study["baseline"]]) == varied(config, gates), file
