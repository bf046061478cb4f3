import pytest
from hydra.errors import HydraException
from hydra.types import RunMode

from srbench.core.errors import UserError
from srbench.experiments.compose import Composer, build_on_meta, whole_spec


@pytest.fixture
def master(loader):
    return loader.load_configuration("config", [], RunMode.MULTIRUN)


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["model=mossnet", "seed=3"],
        ["model=carn", "model.atrous=[1,2,1]", "labels=[{ablation:a,variant:'1 2',baseline:true}]", "study=s"],
        ["recipe=carn_paper", "recipe/schedule=cosine", "recipe.schedule.eta_min=1e-6", "budget=full", "scale=4"],
        ["recipe=waifu2x_study", "budget=full", "recipe.stages.pixel.full.steps=7", "recipe.patches.count=9"],
        ["+model.extra=1", "++model.width=32", "~model.units", "eval={datasets:[set5]}"],
        ["model=custom", "model._target_=my_package.MyNet", "data=folder", "data.root=/x", "eval.metrics=[psnr]"],
    ],
)
def test_composes_what_hydra_composes(loader, master, overrides):
    compose = Composer(loader, master)
    compose(["model.width=8"])
    config = loader.load_sweep_config(master, overrides)
    expected, found = whole_spec(config), compose(overrides)
    assert found.config == expected.config
    assert found == expected
    assert found.overrides == tuple(overrides)


def test_refuses_keys_that_are_not_what_they_must_be(loader, master):
    compose = Composer(loader, master)
    for overrides, told in (
        (["seed=null"], "seed=null: a whole number from 0 on"),
        (["model=mossnet", "data=null"], "data=null: choose one of df2k, "),
        (["recipe/optimizer=null"], "recipe/optimizer=null: choose one of adam, "),
        (["~protocol"], "protocol: choose one of ntire, "),
    ):
        with pytest.raises(UserError, match=f"^{told}"):
            compose(overrides)
    assert compose(["study=2024"]).places.study == "2024"


def test_refuses_what_hydra_refuses(loader, master):
    compose = Composer(loader, master)
    for overrides in (["model.atros=1"], ["model=crn"], ["model=mossnet", "model.width=3"]):
        with pytest.raises(HydraException):
            compose(overrides)
    assert compose(["model.width=8"]).model.arguments["width"] == 8


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["model=mdrn", "model.blocks=1000000000"], "has more than 30,000 layers and weights"),
        (["model.width=1000000000"], "Storage size calculation overflowed"),
        (["model=mdrn", "model.width=1000000000"], "Storage size calculation overflowed"),
    ],
)
def test_a_network_of_any_size_is_built_or_refused(loader, master, words, told):
    with pytest.raises(UserError, match=rf"^model=\w+: .*{told}"):
        build_on_meta(Composer(loader, master)(words))
