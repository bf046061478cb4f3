"""The schemas of docs/ by which editors check YAML: what the code makes, what they take, and what they refuse."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from srbench.core.paths import conf_folder
from srbench.core.yaml_files import read_yaml
from srbench.experiments.compose import compose_run
from srbench.experiments.editor_schemas import editor_schemas
from srbench.experiments.study_files import read_study_file

ROOT = Path(__file__).parents[2]
NAMES = ("config", "option", "recipe", "budget", "ablation", "sweep")
FILES = sorted([*conf_folder().rglob("*.yaml"), *(ROOT / "sweeps").glob("*.yaml")])


@pytest.fixture(scope="module")
def schemas() -> dict[str, dict[str, Any]]:
    return {name: json.loads((ROOT / f"docs/{name}.schema.json").read_text()) for name in NAMES}


@pytest.fixture(scope="module")
def mistakes(schemas):
    """mistakes("sweep", content): where the schema refuses it."""
    validators = {name: Draft7Validator(schema) for name, schema in schemas.items()}
    return lambda name, content: [error.json_path for error in validators[name].iter_errors(_as_json(content))]


def _as_json(value: Any) -> Any:
    """As an editor sees it: with keys that are texts."""
    if isinstance(value, dict):
        return {str(key): _as_json(entry) for key, entry in value.items()}
    return [_as_json(entry) for entry in value] if isinstance(value, list) else value


def _kind(file: Path) -> str:
    group = file.parent.name
    if group == "conf":
        return "config"
    return {"sweeps": "sweep"}.get(group, group if group in NAMES else "option")


def test_the_schemas_in_the_docs_are_those_of_the_code(schemas):
    assert schemas == json.loads(json.dumps(editor_schemas())), "renew them: python -m srbench schema docs"


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_one(schemas, name):
    Draft7Validator.check_schema(schemas[name])


@pytest.mark.parametrize("file", FILES, ids=[str(file.relative_to(ROOT)) for file in FILES])
def test_every_file_that_is_shipped_fits(mistakes, file):
    kind = _kind(file)
    read = read_study_file if kind in ("ablation", "sweep") else read_yaml
    assert not mistakes(kind, read(file))


WORDS = ["model=mdrn recipe=mdrn_paper", "model=mesrgan scale=4 recipe=mesrgan_poster", "recipe=gan logger=wandb"]


@pytest.mark.parametrize("words", ["", *WORDS, "model=classsr scale=4 recipe=classsr data.degradation=noise"])
def test_the_config_of_a_run_fits(mistakes, words):
    assert not mistakes("config", compose_run(words.split()).config)


WRONG = [
    # kind, file, and where it is wrong
    ("config", "sede: 1", "$"),
    ("config", "seed: one", "$.seed"),
    ("config", "seed: -1", "$.seed"),
    ("config", "scale: 1.5", "$.scale"),
    ("config", "capture: maybe", "$.capture"),
    ("config", "eval: {metrics: [1.5, psnr], overlapp: 3}", "$.eval"),
    ("config", "eval: {memory_gb: 0}", "$.eval.memory_gb"),
    ("config", "eval: {tile: none}", "$.eval.tile"),
    ("config", "zip: [model, seed]", "$.zip"),
    ("config", "report: {crops: {chelsea: [1, 2, 3]}}", "$.report.crops"),
    ("config", "model: {_target_: srbench.models.carn.CARN, widht: 3}", "$.model"),
    ("budget", "length: long", "$.length"),
    ("budget", "step: 3", "$"),
    ("option", "{_target_: srbench.models.carn.CARN, width: many}", "$.width"),
    ("option", "{_target_: srbench.models.carn.CARN, widht: 3}", "$"),
    ("option", "{_target_: srbench.models.carn.CARN, unit: plane}", "$.unit"),
    ("option", "{_target_: CARN}", "$['_target_']"),
    ("option", "l1: {_target_: srbench.recipes.losses.L1, weihgt: 1}", "$.l1"),
    ("option", "{_target_: srbench.metrics.protocol.Protocol, name: y, channels: gray}", "$.channels"),
    ("recipe", "stages: {pixel: {_target_: srbench.recipes.supervised.Supervised, quik: {}}}", "$.stages.pixel"),
    ("recipe", "stages: {pixel: {full: {steps: many}}}", "$.stages.pixel.full.steps"),
    ("recipe", "stages: {pixel: {full: {stepps: 3}}}", "$.stages.pixel.full"),
    ("recipe", "stages: [pixel]", "$.stages"),
    ("ablation", "title: no variants", "$"),
    ("ablation", "applies_to: {CARN: {variants: {a: {model.width: 3}}}}", "$.applies_to.CARN"),
    ("ablation", "applies_to: {CARN: {baseline: a, variants: {a: {sede: 3}}}}", "$.applies_to.CARN.variants.a"),
    (
        "ablation",
        "applies_to: {CARN: {baseline: a, variants: {a: {model.width: wide}}}}",
        "$.applies_to.CARN.variants.a['model.width']",
    ),
    ("ablation", "{applies_to: {}, claims: {c: {text: t, source: s, decides: []}}}", "$.claims.c.decides"),
    ("sweep", "override: {}", "$"),
    ("sweep", "overrides: {seed: [0, one]}", "$.overrides.seed"),
    ("sweep", "overrides: {budget.stps: 3}", "$.overrides"),
    ("sweep", "overrides: {zip: model}", "$.overrides.zip"),
    ("sweep", "overrides: {model: [carn, 3]}", "$.overrides.model"),
    ("sweep", "runs: {a: {modell: carn}}", "$.runs.a"),
    ("sweep", "runs: {a: {zip: [model, seed]}}", "$.runs.a"),
    ("sweep", "runs: {a: {seed: [0, 1]}}", "$.runs.a.seed"),
    (
        "sweep",
        "claims: {c: {text: t, source: s, decides: [{rows: [a, b], metric: params, direction: up}]}}",
        "$.claims.c.decides[0].direction",
    ),
    ("sweep", "claims: {c: {text: t, decides: [{rows: [a, b], metric: params, direction: lower}]}}", "$.claims.c"),
    ("sweep", "published: {source: s, runs: {a: {psnr: high}}}", "$.published.runs.a.psnr"),
]


@pytest.mark.parametrize(("kind", "text", "place"), WRONG, ids=[f"{kind}: {text}" for kind, text, _ in WRONG])
def test_what_is_wrong_is_refused_where_it_stands(mistakes, kind, text, place):
    assert set(mistakes(kind, yaml.safe_load(text))) == {place}


RIGHT = [
    ("option", "{_target_: my_package.MyNet, anything: {deep: [1, 2]}, scale: '${scale}'}"),
    ("option", "{defaults: [carn], width: 48}"),
    ("sweep", "runs: {a: {model: my_own, recipe: mine, data.root: x, model@recipe.teacher: edsr, model.a: null}}"),
    ("recipe", "{defaults: [supervised], stages: {pixel: {quick: {steps: 5, hr_patch: {2: 96, 3: 144}}}, gan: null}}"),
    ("ablation", "applies_to: {any: {baseline: 1, variants: {1: {+model.extra: [1]}, 2: {recipe/loss: l2, seed: 3}}}}"),
    ("sweep", "overrides: {model: [a, b], checkpoint: [a, b], zip: [model, checkpoint], eval.metrics: [[psnr, ssim]]}"),
    ("sweep", "overrides: {zip: [[model, checkpoint], [scale, data]], ~recipe.ema: null, hydra/launcher: basic}"),
]


@pytest.mark.parametrize(("kind", "text"), RIGHT)
def test_what_users_may_write_fits(mistakes, kind, text):
    assert not mistakes(kind, yaml.safe_load(text))
