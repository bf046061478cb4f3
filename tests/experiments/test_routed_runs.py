"""Runs of a ClassSR: the routing in the record, and one training for runs that differ at test alone."""

import numpy as np
import pytest
import torch

from srbench.core.errors import UserError
from srbench.data.images import write_image
from srbench.experiments.checks import check_run
from srbench.experiments.compose import build_on_meta
from srbench.experiments.inputs import left_of_run, wanted
from srbench.experiments.run_folder import forget
from srbench.experiments.store.record import read_record
from srbench.metrics.figures import routed_costs
from srbench.models.weights import read_weights
from tests.tiny_runs import carried_out

TINY = [
    *("model=classsr_fsrcnn", "recipe=classsr", "scale=4", "data=folder", "data.root=hr", "recipe.batches.factors=[1]"),
    *(
        f"model.branches.{name}.{key}={value}"
        for name in ("easy", "medium", "hard")
        for key, value in (("s", 2), ("m", 1))
    ),
    *("budget.steps=2", "budget.batch_size=2", "budget.hr_patch=32", "budget.val_every=0", "precision=32"),
    *("eval.metrics=[psnr]", "eval.latency=false"),
]


@pytest.fixture
def classsr(plan, tmp_path, monkeypatch):
    """classsr("model.routing=soft"): trained for two steps a stage on one image of noise of several strengths."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    noise = np.random.default_rng(0).normal(0, 1, (256, 256, 3)) * np.linspace(0, 60, 256)[:, None]
    for name in ("hr/a", "hr/valid/b"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write_image(tmp_path / f"{name}.png", (128 + noise).clip(0, 255).astype(np.uint8))
    return lambda *words: plan(*TINY, *words)


def test_the_record_tells_the_windows_of_each_branch_by_image(classsr):
    one = classsr()
    record = carried_out(one)
    assert [stage.name for stage in record.train.stages] == ["easy", "medium", "hard", "classifier", "joint"]
    (windows,) = record.routing["val"].windows.values()
    assert sum(windows) == 9  # LR of 64 pixels a side: windows at 0, 28 and 32
    again = read_record(one.folder)
    assert again.routing == record.routing
    assert routed_costs(again.routing.values())["time_routed_share"] > 0
    assert not left_of_run(one, wanted(one))


def test_runs_that_differ_at_test_alone_are_trained_once(classsr):
    hard, full, other = classsr(), classsr("model.routing=full"), classsr("recipe.stages.joint.loss.class.weight=0")
    assert len({hard.config_hash, full.config_hash, other.config_hash}) == 3
    assert wanted(hard).train == wanted(full).train != wanted(other).train
    first, second = carried_out(hard), carried_out(full)
    assert not (full.folder / "stages").exists()
    assert (full.folder / "losses.csv").read_bytes() == (hard.folder / "losses.csv").read_bytes()
    weights, copied = (read_weights(one.folder / "weights.safetensors") for one in (hard, full))
    assert all(torch.equal(copied[name], weight) for name, weight in weights.items())
    assert not (full.folder / "validation.csv").exists()  # which hard routing has made
    assert (second.train, second.weights_sha256) == (first.train, first.weights_sha256)
    assert second.routing["val"].shares == (0, 0, 1)
    carried_out(other)
    assert (other.folder / "stages").exists()


def test_the_best_weights_by_another_routing_are_another_training(classsr):
    best = ["budget.keep=best", "budget.val_every=2"]
    hard, full = classsr(*best), classsr(*best, "model.routing=full")
    assert wanted(hard).train == hard.config_hash != wanted(full).train


@pytest.mark.parametrize("harm", ["losses.csv is missing", "weights are damaged", "the run is forced"])
def test_a_run_trains_itself_where_nothing_can_or_may_be_taken(classsr, harm):
    hard, full = classsr(), classsr("model.routing=full")
    carried_out(hard)
    weights = hard.folder / "weights.safetensors"
    if harm == "losses.csv is missing":
        (hard.folder / "losses.csv").unlink()
    elif harm == "weights are damaged":
        weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    else:
        forget(full.folder)
    assert carried_out(full).status == "done"
    assert list((full.folder / "stages").iterdir())


def test_a_stage_that_is_null_is_left_out(classsr, plan):
    words = [f"recipe.stages.{name}=null" for name in ("easy", "medium", "classifier", "joint")]
    assert [stage.name for stage in classsr(*words).stages] == ["hard"]
    with pytest.raises(UserError, match=r"recipe\.stages: must map"):
        plan("recipe.stages.pixel=null")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["scale=2"], "scale=2: recipe.stages.easy.batches, SubImagePatches, is for scale=4"),
        (
            ["recipe.batches.classes=many"],
            "recipe.stages.easy.batches.classes=many: SubImagePatches takes a whole number",
        ),
        (["model.branches.medium=null"], "recipe.stages.hard.part=net3: no such submodule of the model; it has net1"),
        (["recipe.batches.sub_images=none"], "sub_images=none: holds none of ClassSR's windows"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_it_starts(classsr, words, line):
    with pytest.raises(UserError, match=line):
        refused(classsr(*words))


def refused(run):
    check_run(run, build_on_meta(run))
    wanted(run)


def test_a_check_leaves_the_model_as_it_was_for_the_next_run(classsr):
    run = classsr("recipe.stages.joint.loss.class.weight=0")
    model = build_on_meta(run)
    check_run(run, model)
    assert all(weight.requires_grad for weight in model.parameters())
