"""What a command line expands into, what is written down of it, and what is launched."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hydra.types import RunMode

from srbench.core.errors import UserError
from srbench.core.heartbeat import heartbeat
from srbench.data.images import write_image
from srbench.data.lr_source import DegradationStep
from srbench.experiments.compose import Composer, whole_spec
from srbench.experiments.grid import carry_out, expand, plan_of
from srbench.experiments.request import read_request
from srbench.experiments.run_folder import claim_folder
from srbench.experiments.store.plans import united
from srbench.experiments.store.record import Membership, write_record
from tests.builders import read_plans, record


@pytest.fixture
def compose(loader):
    return Composer(loader, loader.load_configuration("config", [], RunMode.MULTIRUN))


@pytest.fixture
def runs(loader, compose):
    """runs("model=carn", "ablation=se"): the runs of these words."""
    return lambda *words: expand(read_request([*words], loader), compose)


@pytest.fixture
def tried(loader, compose, tmp_path, monkeypatch):
    """tried("model=carn", "seed=0,1"): what is launched of these words."""
    monkeypatch.chdir(tmp_path)

    def carry(*words):
        request = read_request([*words], loader)
        found, launched = expand(request, compose), []
        carry_out(found, plan_of(request, found, "the command"), launched.extend, compose.scales)
        return launched

    return carry


def test_ablations_are_a_union_in_which_the_shared_baseline_is_once(runs):
    found = runs("model=carn", "ablation=atrous,se")
    baselines = [run for run in found if len(run.memberships) == 2]
    (baseline,) = baselines
    assert {(one.ablation, one.baseline) for one in baseline.memberships} == {("atrous", True), ("se", True)}
    assert len({run.config_hash for run in found}) == len(found)


def test_other_keys_multiply(runs):
    found = runs("model=carn", "ablation=se", "seed=0,1", "scale=2,4")
    assert len(found) == 4 * len(runs("model=carn", "ablation=se"))


def test_a_runs_words_describe_it_with_its_memberships(runs, compose):
    for run in runs("model=carn,mossnet", "ablation=atrous"):
        assert compose(run.overrides) == run


def test_a_model_that_the_ablation_does_not_apply_to_is_skipped_with_a_line(runs, capsys):
    assert {run.name for run in runs("model=carn,mossnet", "ablation=context")} == {"mossnet"}
    assert "skipped for other models: ablation=context: applies to MossNet only" in capsys.readouterr().err
    with pytest.raises(UserError, match="applies to MossNet only, none of which is CARN"):
        runs("model=carn", "ablation=context")


def test_runs_that_differ_in_how_they_are_evaluated_alone_are_refused(runs):
    for key, words in (("protocol", "protocol=y,rgb"), ("eval.metrics", "eval.metrics=[psnr],[ssim]")):
        with pytest.raises(UserError, match=f"^{key}: runs that differ in nothing else are one run"):
            runs("model=carn", words)


@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("data_root=A,B", "data_root"),
        ("threads=1,2", "threads"),
        ("device=cpu,auto", "device"),
        ("weights_dir=A,B", "weights_dir"),
        ("jobs=1,2", "jobs"),
        ("study=a,b", "study"),
        ("logger=csv,tensorboard", "logger"),
        ("eval.self_ensemble=false,true", "eval.self_ensemble"),
        ("eval.datasets=[val],[set5]", "eval.datasets"),
        ("protocol=y,rgb", "protocol"),
        ("budget.val_every=1,2", "budget.val_every"),
        ("model._target_=mynet.Net,other.Net", "model._target_"),
    ],
)
def test_a_swept_key_outside_of_a_runs_identity_is_two_studies_work(runs, word, key):
    with pytest.raises(
        UserError, match=f"^{key}: runs that differ in nothing else are one run; give each value a study"
    ):
        runs("seed=0,1", word)


def test_the_same_value_twice_is_one_run(runs):
    assert len(runs("model=carn,carn", "seed=1,1", "threads=1,1")) == 1


def test_a_factor_of_an_ablation_is_not_taken_from_the_command_line(runs):
    with pytest.raises(UserError, match=r"^model\.atrous: is varied by ablation=atrous; take it off"):
        runs("model=carn", "ablation=atrous", "model.atrous=[1,1,1]")


def test_the_bicubic_run_stands_beside_and_is_evaluated_on_what_the_runs_are(tried, tmp_path):
    """With recipe=carn_paper the networks are validated on DIV2K, and so must bicubic be."""
    for part in ("train", "valid"):
        for number in (1, 2):
            folder = tmp_path / f"data/DIV2K/DIV2K_{part}_HR"
            folder.mkdir(parents=True, exist_ok=True)
            write_image(folder / f"{number:04}.png", np.full((64, 64, 3), number, np.uint8))
    bicubic, *others = tried("model=carn,mossnet", "recipe=carn_paper")
    assert [run.name for run in (bicubic, *others)] == ["bicubic", "carn", "mossnet"]
    assert {run.data for run in others} == {bicubic.data}
    assert bicubic.data.name == "div2k"
    assert {run.evaluation for run in others} == {bicubic.evaluation}


def test_there_is_one_bicubic_run_for_each_scale_and_data(tried):
    launched = tried("model=carn", "scale=2,4", "seed=0,1", "data.degradation=null,noise")
    assert len([run for run in launched if run.name == "bicubic"]) == 4
    assert len(launched) == 4 + 8


@pytest.fixture
def two_folders(tmp_path):
    """Training images are the same, those to validate on are not."""
    for name, value in (("A", 50), ("B", 90)):
        for part, pixel in (("", 7), ("valid/", value)):
            for number in range(2):
                file = tmp_path / f"{name}/{part}{number}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                write_image(file, np.full((64, 64, 3), pixel + number, np.uint8))


@pytest.mark.usefixtures("two_folders")
def test_there_is_a_bicubic_run_for_each_set_of_validation_images(tried):
    launched = tried("model=fsrcnn", "data=folder", "data.root=A")
    launched += tried("model=fsrcnn", "data=folder", "data.root=B")
    assert len({run.folder.name for run in launched if run.name == "bicubic"}) == 2


def test_the_bicubic_run_is_evaluated_on_all_that_the_runs_beside_it_are(tried):
    Path("sweeps").mkdir()
    Path("sweeps/two.yaml").write_text(
        "overrides: {model: fsrcnn, data_root: data}\n"
        "runs:\n  a: {seed: 0, eval.datasets: [val], eval.metrics: [psnr]}\n"
        "  b: {seed: 1, eval.datasets: [set5], eval.metrics: [ssim]}\n"
    )
    for number in range(5):
        file = Path(f"data/benchmark/Set5/HR/{number}.png")
        file.parent.mkdir(parents=True, exist_ok=True)
        write_image(file, np.full((64, 64, 3), number, np.uint8))
    bicubic, *others = tried("sweep=two")
    assert len(others) == 2
    assert (bicubic.evaluation.datasets, bicubic.evaluation.metrics) == (("val", "set5"), ("psnr", "ssim"))
    assert {"eval.datasets=[val,set5]", "eval.metrics=[psnr,ssim]"} <= set(bicubic.overrides)


# Folders


def test_a_run_has_one_folder_whatever_the_variant_that_it_was_planned_as(tried):
    baseline = next(run for run in tried("model=carn", "ablation=se", "study=s") if run.variant == "none")
    (alone,) = (run for run in tried("model=carn", "study=s") if run.name == "carn")
    assert baseline.config_hash == alone.config_hash
    assert alone.folder == baseline.folder
    runs = united(read_plans(Path("runs/s")), [])
    assert [name for name, run in runs.items() if run.config_hash == alone.config_hash] == [alone.folder.name]


def test_a_folder_of_a_run_whose_hash_begins_alike_is_left_alone(tried):
    run = tried("model=carn")[1]
    other = replace(record(), run=run.folder.name, config_hash=f"{run.config_hash[:8]}{'0' * 56}")
    write_record(run.folder, other)
    again = tried("model=carn")[1]
    assert again.folder.name == f"{run.folder.name}{run.config_hash[8:16]}"
    assert tried("model=carn")[1].folder == again.folder


def test_a_copy_of_a_runs_folder_is_not_taken_for_the_run(tried):
    run = tried("model=carn")[1]
    write_record(run.folder, replace(record(), run=run.folder.name, config_hash=run.config_hash))
    shutil.copytree(run.folder, run.folder.with_name(run.folder.name.replace("default", "a-copy")))
    assert tried("model=carn")[1].folder == run.folder


def test_two_processes_that_claim_the_folders_of_one_run_have_one(tried):
    run = tried("model=carn")[1]
    shutil.rmtree("runs")
    names = [replace(run, memberships=(Membership("se", f"v{number}", False),)) for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(claim_folder, names))
    assert len({one.folder for one in names}) == 1
    assert len(list(Path("runs/carn").iterdir())) == 1


def test_a_file_where_the_study_should_lie_is_told(tried):
    Path("runs").mkdir()
    Path("runs/carn").write_text("mine")
    with pytest.raises(
        UserError, match=r"^runs/carn/bicubic\S+: is no folder, or lies in none; move what is there away"
    ):
        tried("model=carn")


# Again


def test_a_forced_run_begins_anew_and_goes_on_without_the_word(tried):
    run = tried("model=carn")[1]
    write_record(run.folder, replace(record(), run=run.folder.name, config_hash=run.config_hash))
    (run.folder / "weights.safetensors").touch()
    forced = tried("model=carn", "force=true")[1]
    assert (forced.force, forced.config["force"]) == (False, False)
    assert "force=true" not in forced.overrides
    assert not (run.folder / "result.json").exists()
    assert not (run.folder / "weights.safetensors").exists()


def test_a_run_that_another_process_works_on_is_not_forced(tried):
    run = tried("model=carn")[1]
    refused = pytest.raises(UserError, match=r"^force=true: .*: process \d+ on .* works on it; end that first")
    with heartbeat(run.folder, lambda worker: None), refused:
        tried("model=carn", "force=true")


def test_what_is_done_is_not_launched_again(tried):
    first, *others = tried("model=carn", "seed=0,1")
    killed = replace(record(), run=first.folder.name, config_hash=first.config_hash, status="failed", error="killed")
    write_record(first.folder, killed)
    assert [run.folder for run in tried("model=carn", "seed=0,1")] == [first.folder, *(run.folder for run in others)]
    (plan,) = read_plans(Path("runs/carn"))
    assert set(plan.runs) == {run.folder.name for run in (first, *others)}


def test_the_plan_says_what_each_run_is_before_it_runs(tried):
    launched = tried("model=carn", "ablation=se", "study=mine", "data.degradation={noise: {sigma: 0.2}}")
    (plan,) = read_plans(Path("runs/mine"))
    assert (plan.study, plan.command) == ("mine", "the command")
    assert plan.ablations["se"]["applies_to"]["CARN"]["baseline"] == "none"
    assert list(plan.runs) == [run.folder.name for run in launched]
    planned = plan.runs[launched[1].folder.name]
    assert planned.memberships == (Membership("se", "none", True),)
    assert planned.params == 964_163
    assert planned.degradation == (DegradationStep("noise", {"sigma": 0.2}),)
    assert planned.wanted.train == planned.config_hash == launched[1].config_hash


@pytest.mark.parametrize(
    "words", [["data=photos"], ["recipe.optimizer.lr=5e-4"], ["recipe.optimizer.lr=0.0005"], ["data_root=elsewhere"]]
)
def test_runs_that_are_compared_have_a_context_in_common_however_it_is_spelled(tried, words):
    plain = tried("model=carn", "ablation=se", "study=s", "recipe.optimizer.lr=0.00050")
    spelled = tried("model=carn", "ablation=se", "study=t", "recipe.optimizer.lr=0.00050", *words)
    contexts = {
        context for study in ("s", "t") for run in united(read_plans(Path("runs") / study), []).values()
        if run.model == "carn" for context in run.contexts.values()
    }  # fmt: skip
    assert len(plain) == len(spelled)
    assert len(contexts) == 1


@pytest.mark.parametrize("word", ["model.width=32", "recipe.optimizer.lr=2e-3", "budget.steps=7", "scale=3"])
def test_a_setting_outside_the_ablation_is_another_context(runs, word):
    assert runs("model=carn", word)[0].context(["model.se"]) != runs("model=carn")[0].context(["model.se"])


def test_seeds_and_factors_are_no_context(runs):
    one, other = runs("model=carn", "model.se=scse", "seed=1")[0], runs("model=carn")[0]
    assert one.context(["model.se"]) == other.context(["model.se"])
    assert one.context([]) != other.context([])


def test_a_model_at_a_scale_that_it_lacks_is_skipped_with_a_line(tried, capsys):
    assert {(run.name, run.scale) for run in tried("model=mossnet", "scale=2,3")} >= {("mossnet", 2), ("bicubic", 2)}
    assert "skipped: mossnet at scale=3: model=mossnet: MossNet exists for scale 2" in capsys.readouterr().err
    with pytest.raises(UserError, match="nothing is left to run; skipped: mossnet at scale=3"):
        tried("model=mossnet", "scale=3,4")


def test_a_dry_run_writes_nothing(tried, capsys):
    assert tried("model=carn", "ablation=se", "budget.steps=1", "dry_run=true") == []
    assert not Path("runs").exists()
    assert "carn-none-x2-s0-" in capsys.readouterr().out


def test_one_run_is_a_grid_of_one(loader, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = whole_spec(loader.load_configuration("config", ["study=mine"], RunMode.RUN))
    launched = []
    carry_out([run], plan_of(None, [run], "the command"), launched.extend, lambda one: [])
    assert [one.name for one in launched] == ["bicubic", "carn"]
    (plan,) = read_plans(Path("runs/mine"))
    assert list(plan.runs) == [one.folder.name for one in launched]
