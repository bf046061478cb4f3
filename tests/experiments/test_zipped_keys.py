"""`zip`: which runs a grid has of swept keys whose values go together."""

from pathlib import Path

import pytest
from hydra.types import RunMode

from srbench.core.errors import UserError
from srbench.experiments.compose import Composer, compose_run, whole_spec
from srbench.experiments.grid import expand
from srbench.experiments.request import read_request
from srbench.experiments.spelling import spelled


@pytest.fixture
def master(loader):
    return loader.load_configuration("config", [], RunMode.MULTIRUN)


@pytest.fixture
def bases(loader):
    """bases("seed=0,1"): the words of each run, without its study, joined."""

    def found(*words: str) -> list[str]:
        request = read_request(spelled(words, swept=True), loader)
        return [" ".join(word for word in base if not word.startswith("study=")) for base in request.bases()]

    return found


@pytest.mark.parametrize(
    ("words", "runs"),
    [
        (["model=a,b", "checkpoint=c,d", "zip=[model,checkpoint]"], ["model=a checkpoint=c", "model=b checkpoint=d"]),
        (  # others multiply, wherever they stand
            ["model=a,b", "seed=0,1", "checkpoint=c,d", "zip=[checkpoint,model]"],
            [f"model={m} seed={s} checkpoint={c}" for m, c in ("ac", "bd") for s in (0, 1)],
        ),
        (  # several
            ["model=a,b", "checkpoint=c,d", "scale=2,3,4", "data=x,y,z", "zip=[[model,checkpoint],[scale,data]]"],
            [
                f"model={m} checkpoint={c} scale={s} data={d}"
                for m, c in ("ac", "bd")
                for s, d in (("2", "x"), ("3", "y"), ("4", "z"))
            ],
        ),
        (  # three in one, a range, a list, keys that are added, parts of a recipe
            [
                "seed=range(0,2)",
                "+model.width=8,16",
                "eval.metrics=[psnr],[ssim]",
                "zip=[seed,model.width,eval.metrics]",
            ],
            ["seed=0 +model.width=8 eval.metrics=[psnr]", "seed=1 +model.width=16 eval.metrics=[ssim]"],
        ),
        (
            ["recipe/loss=l1,l2", "recipe.optimizer.lr=0.1,0.2", "zip=[recipe/loss,recipe.optimizer.lr]"],
            ["recipe/loss=l1 recipe.optimizer.lr=0.1", "recipe/loss=l2 recipe.optimizer.lr=0.2"],
        ),
        (["model=a,b", "seed=0,1", "zip=null"], [f"model={m} seed={s}" for m in "ab" for s in (0, 1)]),
        (["model=a,b", "seed=0,1", "zip=[]"], [f"model={m} seed={s}" for m in "ab" for s in (0, 1)]),
    ],
)
def test_zipped_keys_go_together_and_others_multiply(bases, words, runs):
    assert bases(*words) == runs


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["model=a,b", "seed=0,1,2", "zip=[model,seed]"], "model has 2 values, seed has 3"),
        (["model=a,b", "seed=0", "zip=[model,seed]"], r"seed is not swept, it has one value \(seed=0\)"),
        (["model=a,b", "seed=0,1", "zip=[model,sed]"], "sed is not swept, did you mean seed"),
        (["model=a,b", "zip=[model,checkpoint]"], "checkpoint is not swept"),
        (["model=a,b", "seed=0,1", "zip=[model]"], "lists of swept keys are needed"),
        (["model=a,b", "seed=0,1", "zip=model,seed"], "lists of swept keys are needed"),
        (["model=a,b", "seed=0,1", "zip=[[model,seed],scale]"], "lists of swept keys are needed"),
        (["model=a,b", "seed=0,1", "zip=[[model,[seed]]]"], "lists of swept keys are needed"),
        (["model=a,b", "seed=0,1", "zip={model: seed}"], "lists of swept keys are needed"),
        (["model=a,b", "seed=0,1", "zip=[model,model]"], "a key stands there twice"),
        (["model=a,b", "seed=0,1", "scale=2,4", "zip=[[model,seed],[scale,seed]]"], "a key stands there twice"),
        (["seed=0,1", "ablation=atrous,se", "zip=[seed,ablation]"], "ablation cannot be paired"),
        (["seed=interval(0,1)", "model=a,b", "zip=[seed,model]"], "seed is not swept"),
    ],
)
def test_what_cannot_be_zipped_is_told_in_one_line(bases, words, line):
    with pytest.raises(UserError, match=rf"^zip=.*: {line}") as told:
        bases(*words)
    assert "\n" not in str(told.value)


def test_an_ablation_multiplies_with_the_pairs(loader, master):
    words = ["model=carn,mossnet", "seed=1,2", "zip=[model,seed]", "ablation=atrous"]
    found = expand(read_request(words, loader), Composer(loader, master))
    assert {(run.name, run.seed) for run in found} == {("carn", 1), ("mossnet", 2)}
    assert len(found) == sum(
        len(expand(read_request([*alone, "ablation=atrous"], loader), Composer(loader, master)))
        for alone in (["model=carn", "seed=1"], ["model=mossnet", "seed=2"])
    )


def test_zip_is_no_part_of_a_run_which_can_be_repeated_alone(loader, master):
    words = ["model=carn,fsrcnn", "seed=1,2", "zip=[model,seed]"]
    found = expand(read_request(words, loader), Composer(loader, master))
    assert len(found) == 2
    for run in found:
        assert not [word for word in run.overrides if "zip" in word]
        arrived = whole_spec(loader.load_sweep_config(master, list(run.overrides)))  # as Hydra's launchers do
        assert (arrived.config_hash, arrived.folder) == (run.config_hash, run.folder)
        alone = compose_run([f"model={run.name}", f"seed={run.seed}", f"study={run.places.study}"])
        assert (alone.config_hash, alone.folder) == (run.config_hash, run.folder)


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """A sweep of ./sweeps, `pairs`."""
    monkeypatch.chdir(tmp_path)
    Path("sweeps").mkdir()
    Path("sweeps/pairs.yaml").write_text(
        "title: Pairs\noverrides: {model: [carn_m, safmn], checkpoint: [carn_m, safmn], scale: [2, 4],\n"
        "  recipe.optimizer.lr: [0.1, 0.2], zip: [[model, checkpoint], [scale, recipe.optimizer.lr]]}\n"
    )


def test_a_saved_sweep_zips_what_it_overrides(saved, bases):
    pairs = [("carn_m", 2, 0.1), ("carn_m", 4, 0.2), ("safmn", 2, 0.1), ("safmn", 4, 0.2)]
    assert bases("sweep=pairs") == [
        f"model={m} checkpoint={m} scale={s} recipe.optimizer.lr={lr}" for m, s, lr in pairs
    ]


def test_the_command_line_stands_above_a_saved_sweeps_zip(saved, bases):
    assert len(bases("sweep=pairs", "zip=[model,checkpoint]")) == 8
    assert len(bases("sweep=pairs", "zip=null")) == 16
    with pytest.raises(UserError, match=r"scale is not swept, it has one value \(scale=2\); zip=null pairs nothing"):
        bases("sweep=pairs", "scale=2")


def test_a_single_zip_of_a_saved_sweep_is_a_plain_list(saved, bases):
    Path("sweeps/one.yaml").write_text("overrides: {model: [carn, mossnet], seed: [0, 1], zip: [model, seed]}\n")
    assert bases("sweep=one") == ["model=carn seed=0", "model=mossnet seed=1"]


def test_outside_a_grid_zip_is_a_mistake(loader):
    with pytest.raises(UserError, match=r"zip=\[model,seed\]: pairs the swept keys of a grid: it needs -m"):
        compose_run(["model=carn", "zip=[model,seed]"])
