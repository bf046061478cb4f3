"""Grids through the real command line: what they run, skip, survive and leave."""

import json
import os
import signal
import time
from pathlib import Path

import pandas as pd
import pytest
from safetensors.torch import load_file

from srbench.core import hardware
from tests.cli.conftest import TINY

SMALL = ["model.width=4", "model.units=1"]
LONG = ["budget.steps=400", "budget.val_every=20"]


def test_an_ablation_leaves_a_study_and_its_report(srbench):
    done = srbench("-m", *srbench.data, *SMALL, "ablation=atrous")
    assert done.returncode == 0, done.stderr
    records = srbench.records("carn_atrous")
    variants = ["1-1-1", "1-2-1", "2-4-1", "4-2-1", "1-2-4-2-1"]
    assert sorted(r["variant"] for r in records.values()) == sorted([*variants, "default"])
    assert {record["status"] for record in records.values()} == {"done"}
    for name, record in records.items():
        assert record["run"] == name
        assert record["scores"]["val"]["psnr"] > 5
        assert record["threads"] == 1
    (plan,) = (json.loads(path.read_text()) for path in (srbench.folder / "runs/carn_atrous/plans").glob("*.json"))
    assert plan["runs"].keys() == records.keys()
    assert plan["ablations"]["atrous"]["applies_to"]["CARN"]["baseline"] == "1-1-1"
    report = srbench.folder / "reports/carn_atrous"
    assert {path.name for path in report.iterdir()} == {
        "table.csv",
        "table.md",
        "table.tex",
        "curves.png",
        "curves.svg",
    }
    table = pd.read_csv(report / "table.csv", dtype={"variant": str}).set_index("variant")
    assert table.loc["1-1-1", "val.psnr.delta"] == 0
    delta = table.loc["1-2-1", "val.psnr"] - table.loc["1-1-1", "val.psnr"]
    assert table.loc["1-2-1", "val.psnr.delta"] == pytest.approx(delta)
    assert (table.loc["default", "model"], table.loc["default", "params"]) == ("bicubic", 0)
    assert "1-2-4-2-1" in done.stdout
    assert "\x1b" not in done.stderr

    weights = {path: path.stat().st_mtime_ns for path in srbench.folder.rglob("weights.safetensors")}
    assert len(weights) == 5
    again = srbench("-m", *srbench.data, *SMALL, "ablation=atrous")
    assert "6 runs, 6 done already, 0 to do" in again.stderr
    more = srbench("-m", *srbench.data, *SMALL, "ablation=atrous", "eval.metrics=[psnr,rmse]", "protocol=rgb")
    assert more.returncode == 0, more.stderr
    assert all(
        record["certificates"]["val"]["protocol"]["name"] == "rgb" and "rmse" in record["scores"]["val"]
        for record in srbench.records("carn_atrous").values()
    )
    assert {path: path.stat().st_mtime_ns for path in weights} == weights


def test_several_ablations_are_a_union_and_seeds_multiply(srbench):
    done = srbench("-m", *srbench.data, "ablation=atrous,se", "seed=0,1", "dry_run=true")
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("carn-")]
    assert len(lines) == 2 * (5 + 4 - 1)
    assert sum("atrous: 1-1-1 (baseline), se: none (baseline)" in line for line in lines) == 2
    assert not (srbench.folder / "runs").exists()


def test_what_does_not_apply_is_skipped_with_a_line(srbench):
    done = srbench("-m", "model=carn,mossnet", "ablation=atrous,context", "scale=2,4", "dry_run=true")
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


def wait_for(found, seconds=90):
    """What `found()` returns once it is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := found():
            return result
        time.sleep(0.05)
    raise AssertionError("waited in vain")


def process_of(log: Path) -> int | None:
    """The process whose output goes to `log`."""
    for link in Path("/proc").glob("[0-9]*/fd/1"):
        try:
            if link.resolve() == log:
                return int(link.parts[2])
        except OSError:
            continue
    return None


def checkpointed(folder: Path) -> list[Path]:
    return sorted(folder.glob("runs/carn/carn-*/last.ckpt"))


def weights_of(folder: Path) -> dict:
    return {path.parent.name: load_file(path) for path in folder.rglob("weights.safetensors")}


@pytest.fixture
def words(srbench) -> list[str]:
    return ["-m", *srbench.data, *TINY, *LONG, "seed=0,1"]


def test_what_was_killed_or_interrupted_goes_on_to_the_same_weights(srbench, words):
    assert srbench(*words, "runs_dir=whole/runs").returncode == 0
    whole = weights_of(srbench.folder / "whole")

    process = srbench.start(*words, "runs_dir=killed/runs")
    killed = wait_for(lambda: checkpointed(srbench.folder / "killed"))[0].parent
    os.kill(wait_for(lambda: process_of(killed / "run.log")), signal.SIGKILL)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 1, err
    assert "killed by SIGKILL (out of memory?)" in err
    statuses = [json.loads(path.read_text())["status"] for path in killed.parent.glob("*/result.json")]
    assert sorted(statuses) == ["done", "done", "failed"]

    process = srbench.start(*words, "runs_dir=stopped/runs")
    stopped = wait_for(lambda: checkpointed(srbench.folder / "stopped"))[0].parent
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert (stopped / "last.ckpt").is_file()
    assert not process_of(stopped / "run.log")
    assert all('"failed"' not in path.read_text() for path in stopped.parent.glob("*/result.json"))

    for folder, run in (("killed", killed), ("stopped", stopped)):
        assert srbench(*words, f"runs_dir={folder}/runs").returncode == 0
        assert "going on from step" in (run / "run.log").read_text()
        ours = weights_of(srbench.folder / folder)
        assert ours.keys() == whole.keys()
        assert all((ours[name][key] == tensor).all() for name in whole for key, tensor in whole[name].items())


def test_runs_stop_when_their_launcher_is_killed(srbench, words):
    process = srbench.start(*words, "budget.steps=20000")
    log = wait_for(lambda: checkpointed(srbench.folder))[0].parent / "run.log"
    process.kill()
    process.communicate(timeout=30)
    wait_for(lambda: process_of(log) is None, seconds=30)


def test_latency_is_measured_alone_with_all_cores(srbench):
    words = [word for word in srbench.data if not word.startswith("eval.latency")]
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
