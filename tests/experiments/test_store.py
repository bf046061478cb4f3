import json
import subprocess
import sys
from math import inf, isinf, nan
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from srbench.core.errors import UserError
from srbench.experiments.store.results import (
    add_to_plan,
    read_losses,
    read_record,
    read_study,
    write_file,
    write_record,
)

RECORD = {
    "status": "done",
    "config_hash": "0a1b2c3d4e",
    "model": "carn",
    "variant": "1-2-1",
    "scale": 2,
    "seed": 3,
    "overrides": ["model=carn"],
    "memberships": [],
    "protocol": {"name": "y", "channels": "luma", "border": 4},
    "versions": {"python": "3.11.7", "srbench": "0.1.0", "torch": "2.8.0"},
    "git": "0a1b2c3d4e5f+changes",
    "checksums": {"set5": {"hr": "5eeecb039e98", "lr": "4355cdb7bcc0"}},
    "lr_made_by": {"set5": "matlab-replicate"},
    "inference": {"tile": "auto", "tiled": ["b100"]},
    "train": {"steps": 3000, "final_loss": 0.02},
    "cost": {"params": 412000, "params_dead": 96, "flops_720p": 223_100_000_000},
    "latency": [
        {"batch": 1, "height": 64, "width": 64, "median_ms": 3.0, "threads": 1, "device": "cpu"},
        {"batch": 1, "height": 256, "width": 256, "median_ms": 38.5, "threads": 1, "device": "cpu"},
        {"batch": 8, "height": 512, "width": 512, "median_ms": 900.0, "threads": 1, "device": "cpu"},
    ],
    "scores": {"set5": {"psnr": 37.5, "ssim": 0.95}, "b100": {"psnr": inf}},
    "missing": {"lpips": "no backbone"},
}


def plan(**runs: dict) -> dict:
    whole = {
        "study": "mine",
        "commands": ["python -m srbench model=carn"],
        "ablations": {},
        "claims": [],
        "published": {},
    }
    return whole | {"runs": runs}


def planned(*ablations: str, **more: object) -> dict:
    places = [{"ablation": name, "variant": "1-2-1", "baseline": False} for name in ablations]
    identity = {"model": "carn", "variant": "1-2-1", "scale": 2, "seed": 0, "config_hash": "0a1b2c3d", "overrides": []}
    return {**identity, "memberships": places, "params": None, **more}


def test_a_record_reads_back_as_written_with_infinity_spelled(tmp_path):
    write_record(tmp_path / "result.json", RECORD)
    record = read_record(tmp_path)
    assert record["scores"]["b100"] == {"psnr": "inf"}
    assert record["scores"]["set5"] == RECORD["scores"]["set5"]
    assert {**record, "scores": None} == {**RECORD, "scores": None}


@pytest.mark.parametrize("number", [nan, -inf])
def test_a_number_that_json_lacks_is_refused_and_the_old_record_stays(tmp_path, number):
    path = tmp_path / "result.json"
    write_record(path, {"psnr": 1.0})
    with pytest.raises(ValueError, match="JSON"):
        write_record(path, {"psnr": number})
    assert json.loads(path.read_text()) == {"psnr": 1.0}
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_of_the_old_record_keeps_the_whole_of_it(tmp_path):
    write_record(tmp_path / "result.json", {"psnr": 1.0})
    with (tmp_path / "result.json").open() as reader:
        write_record(tmp_path / "result.json", {"psnr": 2.0, "ssim": 0.5})
        assert json.load(reader) == {"psnr": 1.0}
    assert json.loads((tmp_path / "result.json").read_text()) == {"psnr": 2.0, "ssim": 0.5}


def test_a_failed_write_raises_and_leaves_nothing_behind(tmp_path):
    (tmp_path / "result.json" / "in the way").mkdir(parents=True)
    with pytest.raises(OSError, match=r"result\.json"):
        write_file(tmp_path / "result.json", b"new")
    with pytest.raises(FileNotFoundError):
        write_record(tmp_path / "nowhere" / "result.json", {})
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_a_second_command_adds_runs_and_unites_memberships(tmp_path):
    add_to_plan(tmp_path / "mine", plan(shared=planned("atrous", params=412000), old=planned()))
    second = plan(shared=planned("se", variant="none"), new=planned())
    add_to_plan(tmp_path / "mine", second | {"commands": ["second"], "ablations": {"se": {"title": "SE"}}})
    add_to_plan(tmp_path / "mine", second | {"commands": ["second"]})
    merged = read_study(tmp_path / "mine").plan
    assert list(merged["runs"]) == ["shared", "old", "new"]
    assert [place["ablation"] for place in merged["runs"]["shared"]["memberships"]] == ["atrous", "se"]
    assert merged["runs"]["shared"]["variant"] == "1-2-1"  # the folder is named after it
    assert merged["runs"]["shared"]["params"] == 412000
    assert merged["commands"] == ["python -m srbench model=carn", "second"]
    assert merged["ablations"] == {"se": {"title": "SE"}}


def test_a_changed_baseline_replaces_the_old_membership(tmp_path):
    old = {"ablation": "atrous", "variant": "1-2-1", "baseline": True}
    add_to_plan(tmp_path / "mine", plan(run=planned(memberships=[old])))
    add_to_plan(tmp_path / "mine", plan(run=planned("atrous")))
    twin = {"ablation": "atrous", "variant": "another name", "baseline": False}
    add_to_plan(tmp_path / "mine", plan(run=planned(memberships=[twin])))
    assert read_study(tmp_path / "mine").plan["runs"]["run"]["memberships"] == [old | {"baseline": False}, twin]


def test_a_study_has_a_row_for_every_planned_run_and_every_one_found(tmp_path):
    add_to_plan(tmp_path, plan(done=planned(), failed=planned(), begun=planned(), waiting=planned(params=7)))
    found = "carn-1-2-1-x2-s3-0a1b2c3d"
    for name, record in {"done": RECORD, "failed": {"status": "failed", "error": "OOM"}, found: RECORD}.items():
        (tmp_path / name).mkdir()
        write_record(tmp_path / name / "result.json", record)
    (tmp_path / "begun").mkdir()
    (tmp_path / "no run").mkdir()
    runs = read_study(tmp_path).runs.set_index("run")
    assert list(runs.index) == ["done", "failed", "begun", "waiting", found]
    assert list(runs.status) == ["done", "failed", "missing", "missing", "done"]
    assert list(runs.error) == ["", "OOM", "begun, not finished", "not run yet", ""]
    assert runs.seed[found] == 3
    assert runs.seed["done"] == 0  # the plan's identity holds
    assert runs.params["waiting"] == 7


def test_a_record_becomes_flat_columns(tmp_path):
    add_to_plan(tmp_path, plan(run=planned(params=1)))
    (tmp_path / "run").mkdir()
    write_record(tmp_path / "run" / "result.json", RECORD)
    header = "dataset,image,psnr,ssim,lpips,niqe,pi,rmse,protocol,resizer\n"
    rows = "set5,a,1,,,,,,y,file\nset5,b,1,,,,,,y,file\nb100,c,1,,,,,,y,matlab-symmetric\n"
    (tmp_path / "run" / "scores.csv").write_text(header + rows)
    row = read_study(tmp_path).runs.iloc[0]
    assert (row.params, row.params_dead, row.flops_720p) == (412000, 96, 223_100_000_000)
    assert (row.latency_ms, row.latency_height, row.latency_device) == (38.5, 256, "cpu")  # batch 1, the largest
    assert (row["set5.psnr"], row["set5.ssim"]) == (37.5, 0.95)
    assert isinf(row["b100.psnr"])
    assert (row.train_steps, row.train_final_loss) == (3000, 0.02)
    assert (row.protocol, row.srbench, row.resizer) == ("y (luma, border 4)", "0.1.0", "file, matlab-symmetric")
    assert row.evaluated_on == {"set5": "2 images (LR: file)", "b100": "1 images (LR: matlab-symmetric)"}
    assert row.lr == {"set5": "file by matlab-replicate", "b100": "matlab-symmetric"}
    assert (row.degradation, row.tiled) == ("", ["b100"])
    assert row.missing == {"lpips": "no backbone"}
    assert (row.versions, row.git) == ("python 3.11.7, torch 2.8.0", "0a1b2c3d4e5f+changes")
    assert row.checksums == RECORD["checksums"]
    assert pd.isna(row.flops_256)


@pytest.mark.parametrize(
    ("asked", "resizers", "degradation"),
    [
        (None, ["file", "matlab-symmetric"], ""),
        ("null", ["file"], ""),
        ("noise", ["file + noise σ=0.1", "matlab-symmetric + noise σ=0.1"], "noise σ=0.1"),
        ("[pil-bicubic,jpeg]", ["pil-bicubic + jpeg q=75"], "pil-bicubic + jpeg q=75"),
        ("matlab-symmetric", ["matlab-symmetric"], "matlab-symmetric"),
        ("noise", [], "noise"),
        ("[]", [], ""),
    ],
)
def test_the_degradation_is_what_was_done_beyond_the_plain_shrinking(asked, resizers, degradation, tmp_path):
    words = [f"data.degradation={asked}"] if asked else []
    add_to_plan(tmp_path, plan(run=planned(overrides=words)))
    (tmp_path / "run").mkdir()
    write_record(tmp_path / "run" / "result.json", RECORD)
    lines = [f"set{number},a,{resizer}\n" for number, resizer in enumerate(resizers)]
    (tmp_path / "run" / "scores.csv").write_text("dataset,image,resizer\n" + "".join(lines))
    assert read_study(tmp_path).runs.degradation.tolist() == [degradation]


def test_a_record_cut_off_anywhere_is_a_failed_run(tmp_path):
    add_to_plan(tmp_path, plan(run=planned()))
    (tmp_path / "run").mkdir()
    path = tmp_path / "run" / "result.json"
    write_record(path, RECORD)
    whole = path.read_bytes().rstrip()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        row = read_study(tmp_path).runs.iloc[0]
        assert (row.status, row.model) == ("failed", "carn")
        assert row.error.startswith("result.json cannot be read (JSONDecodeError")


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"null",
        b'{"status": "running"}',
        b'{"status": "done", "scores": [1]}',
        b'{"status": "done", "scores": {"set5": {"psnr": "high"}}}',
        b'{"status": "done", "latency": [{}]}',
        b'{"status": "done", "cost": {"params": [1]}}',
        b'{"status": "done", "memberships": [{}]}',
    ],
)
def test_a_file_that_is_no_record_is_a_failed_run(tmp_path, content):
    add_to_plan(tmp_path, plan(run=planned()))
    for name in ("run", "unplanned"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "result.json").write_bytes(content)
    runs = read_study(tmp_path).runs
    assert list(runs.status) == ["failed", "failed"]
    assert list(runs.model) == ["carn", "unplanned"]
    assert all(error.startswith("result.json cannot be read") for error in runs.error)


def test_an_empty_plan_is_a_study_without_runs(tmp_path):
    add_to_plan(tmp_path, plan())
    study = read_study(tmp_path)
    assert study.runs.empty
    assert read_losses(study).empty


def test_a_folder_that_is_no_study_is_the_users_mistake(tmp_path):
    add_to_plan(tmp_path / "runs" / "real", plan())
    (tmp_path / "runs" / "other" / "images").mkdir(parents=True)
    with pytest.raises(UserError, match=r"runs/reel: no such study; studies in .*runs: real$"):
        read_study(tmp_path / "runs" / "reel")
    with pytest.raises(UserError, match=r"other: no study.json there \(it holds: images\); studies in .*runs: real$"):
        read_study(tmp_path / "runs" / "other")


@pytest.mark.parametrize("content", ["{", "[]", '{"runs": 3}'])
def test_a_broken_plan_is_named_and_never_overwritten(tmp_path, content):
    (tmp_path / "study.json").write_text(content)
    with pytest.raises(UserError, match=r"study.json: not .*; move it away"):
        read_study(tmp_path)
    with pytest.raises(UserError, match=r"study\.json"):
        add_to_plan(tmp_path, plan())
    assert (tmp_path / "study.json").read_text() == content


def test_losses_come_run_by_run_without_what_was_cut_off(tmp_path):
    files = {
        "parts": "step,epoch,loss,pixel\n10,1,0.5,0.4\n20,1,0.25,0.2\n",
        "cut": "step,epoch,loss\n10,1,0.5\n20,1,0.2",  # the 0.2 may have been 0.25
        "none": None,
        "begun": "step,epo",
        "empty": "step,epoch,loss\n",
        "torn": "step,epoch,loss\n10,1,0.5\n20,1,0.2530,1,0.125\n40,2,nan\n50,2,inf\n\n",
        "plain": "step,epoch,loss\n10,1,0.75\n",
    }
    add_to_plan(tmp_path, plan(**{name: planned() for name in files}))
    for name, text in files.items():
        if text is not None:
            (tmp_path / name).mkdir()
            (tmp_path / name / "losses.csv").write_text(text)
    losses = read_losses(read_study(tmp_path))
    assert list(losses.columns) == ["run", "step", "epoch", "loss"]
    assert list(losses.run) == ["parts", "parts", "cut", "torn", "torn", "torn", "plain"]
    assert list(losses.step) == [10, 20, 10, 10, 40, 50, 10]
    expected = [0.5, 0.25, 0.5, 0.5, nan, inf, 0.75]
    pd.testing.assert_series_equal(losses.loss, pd.Series(expected, name="loss"))


def test_scores_of_single_images_are_read_for_finished_runs_in_ablations(tmp_path):
    files = {
        "plain": "dataset,image,psnr,ssim,protocol,resizer\nset5,001,37.5,,y,file\nset5,NA,inf,nan,y,file\n",
        "more": 'dataset,image,psnr,niqe,protocol,resizer\nb100,"a, b",30,4.5,y,file\nb100,c,torn,5,y,file\nb100,d',
        "cut": 'dataset,image,psnr,niqe,protocol,resizer\nb100,c,1,1,y,file\nb100,"a,',
        "bytes": "dataset,image,psnr,niqe,protocol,resizer\nb100,\udcff,2,2,y,file\n",
        "empty": "dataset,image,psnr,ssim,protocol,resizer\n",
        "foreign": "name,score\na,1\n",
        "none": None,
        "alone": "dataset,image,psnr,ssim,protocol,resizer\nset5,a,1,1,y,file\n",
        "failed": "dataset,image,psnr,ssim,protocol,resizer\nset5,a,1,1,y,file\n",
    }
    add_to_plan(tmp_path, plan(**{name: planned(*["atrous"] * (name != "alone")) for name in files}))
    for name, text in files.items():
        (tmp_path / name).mkdir()
        write_record(tmp_path / name / "result.json", {"status": "failed" if name == "failed" else "done"})
        if text is not None:
            (tmp_path / name / "scores.csv").write_text(text, errors="surrogateescape")
    scores = read_study(tmp_path).scores
    assert list(scores.columns) == ["dataset", "image", "run", "psnr", "ssim", "niqe"]
    assert list(zip(scores.run, scores.dataset, scores.image, strict=True)) == [
        ("plain", "set5", "001"),
        ("plain", "set5", "NA"),
        ("more", "b100", "a, b"),
        ("more", "b100", "c"),
        ("more", "b100", "d"),
        ("bytes", "b100", "\ufffd"),
    ]
    np.testing.assert_equal(scores.psnr.tolist(), [37.5, inf, 30, nan, nan, 2])
    np.testing.assert_equal(scores.niqe.tolist(), [nan, nan, 4.5, 5, nan, 2])
    assert scores.ssim.isna().all()


def test_reading_and_reporting_import_neither_torch_nor_hydra_nor_pyplot():
    code = "import sys, srbench.experiments.store.results, srbench.reports.page; print(*sys.modules)"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    loaded = set(done.stdout.split())
    assert "pandas" in loaded
    assert not loaded & {"torch", "lightning", "hydra", "omegaconf", "matplotlib.pyplot"}
