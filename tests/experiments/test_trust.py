"""What a stored config may name: classes of srbench, and those that the user allows, looked at before any import."""

import sys

import pytest
import yaml

from srbench.core.errors import UserError
from srbench.experiments.compose import compose_run
from srbench.experiments.trust import check_trust, trusted

OWN = """
from os import system
from pathlib import Path

import torch

Path("ran").touch()

class Net(torch.nn.Module):
    pass
"""


@pytest.fixture
def config():
    return yaml.safe_load(yaml.safe_dump(compose_run(["recipe=carn_paper", "data=photos"]).config))


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A package `strange_nets`, whose import leaves a file `ran`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "strange_nets").mkdir()
    (tmp_path / "strange_nets" / "__init__.py").write_text(OWN)
    yield tmp_path / "ran"
    sys.modules.pop("strange_nets", None)


def with_target(config, key, target):
    """The config with another `_target_` in the node of that key, or in a new one."""
    node = config
    for name in key.split("."):
        node = node.setdefault(name, {})
    node["_target_"] = target
    return config


@pytest.mark.parametrize("recipe", ["supervised", "carn_paper", "mdrn_paper", "waifu2x_study", "distillation"])
@pytest.mark.parametrize("model", ["carn", "mossnet", "classsr_carn"])
def test_what_srbench_stores_is_trusted(recipe, model):
    scale = "4" if model == "classsr_carn" else "2"
    check_trust(compose_run([f"recipe={recipe}", f"model={model}", f"scale={scale}", "data=photos"]).config, ())


@pytest.mark.parametrize(
    "key",
    [
        *("model", "model.width", "data", "data.more.and_more", "protocol", "recipe.stages.main", "recipe.loss"),
        *("recipe.stages.main.batches.degrade", "somewhere.else"),
    ],
)
def test_code_of_others_is_named_wherever_it_stands_and_never_imported(config, own, key):
    config["model"]["width"] = {}
    with pytest.raises(UserError, match=rf"^{key}\._target_=strange_nets\.Net: is not built, .*; allow=NAME if you"):
        check_trust(with_target(config, key, "strange_nets.Net"), ())
    assert not own.exists()


@pytest.mark.parametrize(
    "target",
    [
        *("srbench.models.hub.os.system", "srbench.core.download.os.system", "srbench.models.carn.nn.Module"),
        *("srbench.models.hub.fetch", "srbench.models.carn.CARN.forward", "srbench.models.carn.CARN.__class__"),
        *("srbench.models.carn.CARN.__mro__", "srbench.models.carn.CARN.__init__.__globals__", "srbench.models.carn"),
        *(
            "srbench.models",
            "srbench",
            "srbench.models.nothing.Net",
            "srbench.models..carn.CARN",
            "srbenchx.models.Net",
        ),
        *("srbench.experiments.launchers.pool.Job", "os.system", "", 5, None, ["srbench.models.carn.CARN"]),
    ],
)
def test_what_is_no_class_of_srbenchs_models_is_not_built(config, target):
    with pytest.raises(UserError, match=r"^model[.:]"):
        check_trust(with_target(config, "model", target), ())


def test_a_function_of_recipes_is_trusted_only_where_it_waits_for_its_arguments(config):
    config["recipe"]["schedule"] = {"_target_": "srbench.recipes.schedules.constant", "_partial_": True}
    check_trust(config, ())
    config["recipe"]["schedule"]["_partial_"] = False
    with pytest.raises(UserError, match=r"^recipe\.schedule\._target_=srbench\.recipes\.schedules\.constant: is not"):
        check_trust(config, ())


@pytest.mark.parametrize("allow", ["strange_nets", "strange_nets.Net"])
def test_a_class_or_its_package_can_be_allowed(config, own, allow):
    check_trust(with_target(config, "model", "strange_nets.Net"), [allow])


def test_an_allowed_package_is_no_way_to_another(config, own):
    with pytest.raises(UserError, match=r"^model\._target_=strange_nets\.system: is not built"):
        check_trust(with_target(config, "model", "strange_nets.system"), ["strange_nets"])
    with pytest.raises(UserError, match=r"is not built, as it \(torch\.\S+Linear\) is no class of strange_nets$"):
        check_trust(with_target(config, "model", "strange_nets.torch.nn.Linear"), ["strange_nets"])
    with pytest.raises(UserError, match="is not built"):
        check_trust(with_target(config, "model", "strange_nets_too.Net"), ["strange_nets"])


@pytest.mark.parametrize(
    "text", ["${oc.env:TOKEN}", "a${oc.env:TOKEN,b}", "${hydra:runtime.cwd}", "${seed}", "${${a}:TOKEN}"]
)
def test_nothing_is_looked_up_for_a_stored_config(config, monkeypatch, text):
    monkeypatch.setenv("TOKEN", "hunter22")
    config["weights_dir"] = text
    with pytest.raises(UserError) as error:
        trusted(config, ())
    assert str(error.value).startswith(f"weights_dir={text}: is not looked up for a stored run; allow=NAME")


def test_a_variable_of_the_environment_can_be_allowed(config, monkeypatch):
    monkeypatch.setenv("PLACE", "/here")
    config["weights_dir"] = "${oc.env:PLACE}/a:${oc.env:ELSE, 'there'}"
    assert trusted(config, ["PLACE", "ELSE"])["weights_dir"] == "/here/a:there"
    config["data_root"] = "${oc.env:ELSE}"
    with pytest.raises(UserError, match=r"^data_root: \$ELSE is not set"):
        trusted(config, ["PLACE", "ELSE"])
    config["data_root"] = "${oc.env:ELSE}${seed}"
    with pytest.raises(UserError, match="is not looked up"):
        trusted(config, ["ELSE"])


def test_a_logger_is_never_built_from_a_stored_config(config):
    assert trusted(with_target(config, "logger", "strange_nets.Logger"), ())["logger"] == {"_target_": None}
