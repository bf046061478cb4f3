"""Grids through the real command line: what they run, skip, survive and leave."""

import json
import os
import shlex
import shutil
import signal
from pathlib import Path

import pandas as pd
import pytest

from srbench.core import hardware
from tests.builders import REPORT_FILES
from tests.cli.conftest import TINY, Done, Shell, shell_in
from tests.cli.held import checkpointed, held_in, process_of, wait_for, weights_of, with_held_network, words_of

SMALL = ["model.width=4", "model.units=1"]


ABLATION = ["ablation=atrous", *SMALL]
VARIANTS = ["1-1-1", "1-2-1", "2-4-1", "4-2-1", "1-2-4-2-1"]


@pytest.fixture(scope="module")
def ablated(tmp_path_factory) -> tuple[Shell, Done]:
    """A folder in which an ablation has been done, and what its command printed."""
    shell = shell_in(tmp_path_factory.mktemp("ablated"))
    done = shell("-m", *shell.data, *ABLATION)
    assert done.returncode == 0, done.stderr
    return shell, done


@pytest.fixture
def again(ablated, srbench) -> Shell:
    """A copy of that folder, to be changed; it has a cache of its own."""
    shutil.copytree(ablated[0].folder, srbench.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("cache"))
    return srbench


def test_every_variant_of_an_ablation_and_bicubic_have_a_record(ablated):
    records = ablated[0].records("carn_atrous")
    assert sorted(record["variant"] for record in records.values()) == sorted([*VARIANTS, "default"])
    assert {record["status"] for record in records.values()} == {"done"}
    assert {record["threads"] for record in records.values()} == {1}
    assert all(record["run"] == name for name, record in records.items())
    assert all(record["scores"]["val"]["psnr"] > 5 for record in records.values())


def test_the_plan_of_an_ablation_has_its_runs_and_the_ablation_in_full(ablated):
    shell, _ = ablated
    (plan,) = (json.loads(path.read_text()) for path in (shell.folder / "runs/carn_atrous/plans").glob("*.json"))
    assert plan["runs"].keys() == shell.records("carn_atrous").keys()
    assert plan["ablations"]["atrous"]["applies_to"]["CARN"]["baseline"] == "1-1-1"


def test_an_ablation_leaves_tables_and_curves(ablated):
    report = ablated[0].folder / "reports/carn_atrous"
    assert {path.name for path in report.iterdir()} == REPORT_FILES | {"tradeoff.png", "tradeoff.svg", "crops"}


def test_the_table_compares_each_variant_with_the_baseline(ablated):
    table = pd.read_csv(ablated[0].folder / "reports/carn_atrous/table.csv", dtype={"variant": str})
    table = table.set_index("variant")
    assert table.loc["1-1-1", "val.psnr.delta"] == 0
    delta = table.loc["1-2-1", "val.psnr"] - table.loc["1-1-1", "val.psnr"]
    assert table.loc["1-2-1", "val.psnr.delta"] == pytest.approx(delta)
    assert (table.loc["default", "model"], table.loc["default", "params"]) == ("bicubic", 0)


def test_the_table_is_printed_and_nothing_is_coloured_without_a_terminal(ablated):
    _, done = ablated
    assert "1-2-4-2-1" in done.stdout
    assert "\x1b" not in done.stderr


def test_the_same_command_has_nothing_to_do(again):
    done = again("-m", *again.data, *ABLATION)
    assert "6 runs, 6 done already, 0 to do" in done.stderr


def test_another_metric_and_protocol_leave_the_weights(again):
    weights = {path: path.stat().st_mtime_ns for path in again.folder.rglob("weights.safetensors")}
    assert len(weights) == len(VARIANTS)
    done = again("-m", *again.data, *ABLATION, "eval.metrics=[psnr,rmse]", "protocol=rgb")
    assert done.returncode == 0, done.stderr
    for record in again.records("carn_atrous").values():
        assert record["certificates"]["val"]["protocol"]["name"] == "rgb"
        assert "rmse" in record["scores"]["val"]
    assert {path: path.stat().st_mtime_ns for path in weights} == weights


def test_several_ablations_are_a_union_and_seeds_multiply(srbench):
    done = srbench("-m", *srbench.data, "ablation=atrous,se", "seed=0,1", "dry_run=true")
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("carn-")]
    assert len(lines) == 2 * (5 + 4 - 1)
    assert sum("atrous: 1-1-1 (baseline), se: none (baseline)" in line for line in lines) == 2
    assert not (srbench.folder / "runs").exists()


def test_zipped_keys_run_in_pairs_each_of_which_its_log_repeats_alone(srbench):
    pairs = ["model=fsrcnn,nearest", "seed=3,4", "budget.steps=1,0", "zip=[model,seed,budget.steps]"]
    words = ["-m", *[word for word in srbench.data if not word.startswith("budget.steps")], *pairs]
    assert [line.split()[0][:-9] for line in srbench(*words, "dry_run=true").stdout.splitlines()[1:4]] == [
        "bicubic-default-x2-s0",
        "fsrcnn-default-x2-s3",
        "nearest-default-x2-s4",
    ]
    done = srbench(*words)
    assert done.returncode == 0, done.stderr
    records = srbench.records("fsrcnn-nearest")
    assert {(one["model"], one["seed"]) for one in records.values()} == {("bicubic", 0), ("fsrcnn", 3), ("nearest", 4)}
    (name,) = (name for name in records if name.startswith("fsrcnn"))
    log = (srbench.folder / "runs/fsrcnn-nearest" / name / "run.log").read_text()
    (command,) = (line.partition("python -m srbench ")[2] for line in log.splitlines() if "-m srbench" in line)
    alone = srbench(*shlex.split(command))
    assert alone.returncode == 0, alone.stderr
    assert srbench.records("fsrcnn-nearest") == records
    assert "zip" not in command


def test_what_does_not_apply_is_skipped_with_a_line(srbench):
    done = srbench("-m", "model=carn,mossnet", "ablation=atrous,context", "scale=2,4", "budget.steps=1", "dry_run=true")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("skipped: mossnet at scale=4") == 1
    assert "ablation=context: applies to MossNet only" in done.stderr
    assert "mossnet-1-1-x2" in done.stdout
    assert "mossnet-1-1-x4" not in done.stdout
    assert "bicubic-default-x4" in done.stdout


def test_several_seeds_give_a_mean_and_a_deviation(srbench):
    done = srbench("-m", *srbench.data, *TINY, "seed=0,1")
    assert done.returncode == 0, done.stderr
    scores = [r["scores"]["val"]["psnr"] for r in srbench.records("carn").values() if r["model"] == "carn"]
    table = pd.read_csv(srbench.folder / "reports/carn/table.csv").set_index("model")
    assert table.loc["carn", "seeds"] == 2
    assert table.loc["carn", "val.psnr"] == pytest.approx(sum(scores) / 2)
    assert table.loc["carn", "val.psnr.std"] == pytest.approx(abs(scores[0] - scores[1]) / 2**0.5)


@pytest.mark.parametrize("launcher", ["local", "basic", "joblib", "submitit_local"])
def test_a_failing_run_is_told_and_the_grid_goes_on(srbench, launcher):
    words = [*srbench.data, *TINY, "recipe.optimizer.lr=1e-3,1e20", f"hydra/launcher={launcher}"]
    done = srbench("-m", *words, "precision=32")
    assert done.returncode == 1, done.stderr
    records = srbench.records("carn")
    failed = [record for record in records.values() if record["status"] == "failed"]
    assert len(failed) == 1
    assert len(records) == 3
    assert failed[0]["error"].startswith("the loss is ")
    assert "Traceback" in (srbench.folder / "runs/carn" / failed[0]["run"] / "run.log").read_text()
    assert f"{failed[0]['run']}: failed: the loss is " in done.stdout
    assert done.stderr.endswith("srbench: 1 of 3 runs did not end well; the same command tries them again\n")
    if launcher == "local":
        assert f"{failed[0]['run']}: failed: the loss is " in done.stderr
        status = srbench("status", "runs/carn")
        assert "2 done, 1 failed" in status.stdout


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict:
    """The weights of runs that nothing stopped."""
    shell = with_held_network(shell_in(tmp_path_factory.mktemp("undisturbed")))
    assert shell(*words_of(shell)).returncode == 0
    return weights_of(shell.folder)


def assert_goes_on(shell: Shell, stopped: Path, undisturbed: dict) -> None:
    """The same command goes on with a run that was stopped, to the weights of one that was not."""
    assert shell(*words_of(shell)).returncode == 0
    assert "going on from step" in (stopped / "run.log").read_text()
    ours = weights_of(shell.folder)
    assert ours.keys() == undisturbed.keys()
    assert all((ours[run][key] == tensor).all() for run in undisturbed for key, tensor in undisturbed[run].items())


def test_a_run_that_was_killed_is_one_failed_run_and_goes_on(srbench, undisturbed):
    hold = held_in(with_held_network(srbench))
    process = srbench.start(*words_of(srbench))
    killed = wait_for(lambda: checkpointed(srbench.folder))[0].parent
    os.kill(wait_for(lambda: process_of(killed / "run.log")), signal.SIGKILL)
    hold.unlink()
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1, err
    assert "killed by SIGKILL (out of memory?)" in err
    statuses = [record["status"] for record in srbench.records("held").values()]
    assert sorted(statuses) == ["done", "done", "failed"]
    assert_goes_on(srbench, killed, undisturbed)


def test_a_grid_that_was_interrupted_leaves_no_process_and_no_failure_and_goes_on(srbench, undisturbed):
    hold = held_in(with_held_network(srbench))
    process = srbench.start(*words_of(srbench), "force=true")
    stopped = wait_for(lambda: checkpointed(srbench.folder))[0].parent
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err.endswith("srbench: interrupted; the same command without force=true goes on from here\n")
    assert "Traceback" not in err
    assert (stopped / "last.ckpt").is_file()
    assert not process_of(stopped / "run.log")
    assert not [record["error"] for record in srbench.records("held").values() if record["error"]]
    hold.unlink()
    assert_goes_on(srbench, stopped, undisturbed)


def test_runs_stop_when_their_launcher_is_killed(srbench):
    process = srbench.start(*words_of(with_held_network(srbench)), "budget.steps=20000")
    log = wait_for(lambda: checkpointed(srbench.folder))[0].parent / "run.log"
    process.kill()
    process.communicate(timeout=30)
    wait_for(lambda: process_of(log) is None, seconds=30)


def test_latency_is_measured_alone_with_all_cores(srbench):
    words = [word for word in srbench.data if not word.startswith("eval.latency")]
    del srbench.environment["OMP_NUM_THREADS"]
    done = srbench("-m", *words, *TINY, "seed=0,1")
    assert done.returncode == 0, done.stderr
    for record in srbench.records("carn").values():
        (latency,) = record["latency"]
        assert latency["threads"] == hardware.cores()
        assert latency["q10_ms"] <= latency["median_ms"] <= latency["q90_ms"]
        assert record["threads"] == 1


def test_a_sweep_runs_its_named_runs(srbench):
    (srbench.folder / "sweeps").mkdir()
    sweep = "title: Two\noverrides: {model: carn}\nruns:\n  thin: {model.width: 4}\n  wide: {model.width: 8}\n"
    (srbench.folder / "sweeps/two.yaml").write_text(sweep)
    done = srbench("-m", *srbench.data, "model.blocks=1", "model.atrous=[1]", "model.units=1", "sweep=two")
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(srbench.folder / "reports/two/table.csv").set_index("variant")
    assert table.loc["thin", "val.psnr.delta"] == 0
    assert table.loc["wide", "val.psnr.delta"] != 0


def test_published_weights_reach_their_published_scores(srbench, shared):
    weights = srbench.folder / "weights"
    weights.mkdir()
    for name in ("safmn_x2", "gfmn_x4"):
        (weights / f"{name}.safetensors").symlink_to(shared / f"reference/checkpoints/{name}.safetensors")
    done = srbench("-m", "sweep=published", f"weights_dir={weights}", f"data_root={shared / 'data'}")
    assert done.returncode == 0, done.stderr
    assert "skipped, as their weights are not in weights_dir: carn_m ×2, carn_m ×3" in done.stderr
    table = pd.read_csv(srbench.folder / "reports/published/published.csv").set_index(["network", "source"])
    safmn = table.loc[("SAFMN", "Sun et al., ICCV 2023")]
    assert safmn.measured_psnr == pytest.approx(38.005, abs=0.005)
    assert safmn.verdict == "within 0.01 dB"
    assert table.loc["GFMN"].measured_psnr.item() == pytest.approx(32.118, abs=0.005)
    assert set(table.loc["Bicubic"].verdict) == {"within 0.05 dB"}
    (bicubic,) = (name for name in srbench.records("published") if name.startswith("bicubic-default-x2"))
    assert srbench("explain", "runs/published", f"run={bicubic}").returncode == 0
    table = pd.read_csv(srbench.folder / "reports/published/published.csv").set_index(["network", "scale"])
    assert "bicubic of luma alone (SRCNN's code): 33.66 and SSIM 0.9299, as published" in table.loc["Bicubic", 2].reason


def test_a_users_own_models_and_ablations_need_no_change_of_the_package(srbench):
    conf = srbench.folder / "conf"
    for group in ("model", "ablation"):
        (conf / group).mkdir(parents=True)
    target = "_target_: srbench.models.carn.CARN\nscale: ${scale}\nblocks: 1\natrous: [1]\nunits: 1\nwidth: 4\n"
    (conf / "model/mine.yaml").write_text(target)
    (conf / "ablation/width.yaml").write_text(
        "applies_to: {CARN: {baseline: a, variants: {a: {model.width: 4}, b: {model.width: 6}}}}\n"
    )
    done = srbench("-m", *srbench.data, "model=mine", "ablation=width")
    assert done.returncode == 0, done.stderr
    assert {record["variant"] for record in srbench.records("mine_width").values()} == {"a", "b", "default"}
    conf.rename(srbench.folder / "elsewhere")
    found = srbench("--config-dir", "elsewhere", "-m", *srbench.data, "model=mine", "ablation=width")
    assert "3 runs, 3 done already, 0 to do" in found.stderr
