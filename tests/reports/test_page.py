import json
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from srbench.core.errors import UserError
from srbench.reports.page import summary, write_report

FILES = ["curves.png", "curves.svg", "table.csv", "table.md", "table.tex"]


def eight_runs(build, scored) -> None:
    noise = np.random.default_rng(0)
    for model, rates in (("carn", ["1-1-1", "1-2-1", "2-4-2", "1-3-1"]), ("mossnet", ["1-1", "2-4", "1-2", "4-4"])):
        for place, variant in enumerate(rates):
            losses = list((0.02 + 0.1 * np.exp(-np.arange(3000) / 300)) * noise.lognormal(0, 0.2, 3000))
            member = ("atrous", variant, place == 0)
            build.run(model, member, hashed=f"{place}", record=scored(37.0 + place / 10), losses=losses)


def test_a_report_is_tables_and_curves_small_enough_to_mail(build, scored, tmp_path):
    eight_runs(build, scored)
    folder = write_report(build.folder, tmp_path / "reports")
    assert folder == tmp_path / "reports" / "mine"
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "curves.svg").stat().st_size < 400_000
    ET.parse(folder / "curves.svg")
    table = pd.read_csv(folder / "table.csv")
    assert table.variant.tolist() == ["1-1-1", "1-2-1", "2-4-2", "1-3-1", "1-1", "2-4", "1-2", "4-4"]
    assert table["set5.psnr.delta"].round(6).tolist() == [0, 0.1, 0.2, 0.3] * 2


def test_equal_runs_give_equal_bytes(build, scored, tmp_path):
    eight_runs(build, scored)
    first, second = (write_report(build.folder, tmp_path / name) for name in ("one", "two"))
    for name in FILES:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_a_study_without_training_has_no_curves_not_even_old_ones(build, scored, tmp_path):
    name = build.run("carn", record=scored(37.0), losses=[1.0, 0.5])
    folder = write_report(build.folder, tmp_path)
    assert (folder / "curves.svg").exists()
    (build.folder / name / "losses.csv").unlink()
    write_report(build.folder, tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["table.csv", "table.md", "table.tex"]


def test_no_study_is_the_users_mistake_and_leaves_no_folder(tmp_path):
    with pytest.raises(UserError, match="no such study"):
        write_report(tmp_path / "runs" / "mine", tmp_path / "reports")
    assert not (tmp_path / "reports").exists()


def test_a_half_written_record_does_not_stop_the_report(build, scored, tmp_path):
    build.run("carn", ("atrous", "1-1-1", True), hashed="0", record=scored(37.0))
    name = build.run("carn", ("atrous", "1-2-1", False), hashed="1", record=scored(37.5))
    path = build.folder / name / "result.json"
    path.write_bytes(path.read_bytes()[:40])
    text = (write_report(build.folder, tmp_path) / "table.md").read_text()
    assert "failed: result.json cannot be read (JSONDecodeError" in text
    assert json.loads((build.folder / "study.json").read_text())["runs"][name]["variant"] == "1-2-1"


def test_the_summary_is_a_table_an_ablation_and_the_reasons_for_its_gaps(build, scored):
    missing = {"missing": {"lpips": "no backbone"}, "cost": {"params": 412_000}}
    build.run("bicubic", hashed="0", record=scored(33.66, 0.93) | {"missing": {"flops": "no network"}})
    build.run("carn", ("atrous", "1-1-1", True), hashed="1", record=scored(37.0, 0.95, set14=33.0) | missing)
    build.run("carn", ("atrous", "1-2-1", False), hashed="2", record=scored(37.5, 0.951, set14=33.1) | missing)
    build.run("carn", ("atrous", "2-4-2", False), hashed="3", record={"status": "failed", "error": "out of memory"})
    build.run("carn", ("se", "none", True), hashed="4")
    lines = summary(build.study()).splitlines()
    assert lines == [
        "mine: 3 done, 1 failed, 1 missing",
        "",
        "Atrous rates of the residual blocks",
        "Model    Variant           Scale  Params (K)  set5 PSNR  set5 SSIM  set5 LPIPS  set5 Δ PSNR  Latency (ms)",
        "bicubic  default              ×2                  33.66     0.9300           –",
        "carn     1-1-1 (baseline)     ×2         412      37.00     0.9500           –       +0.000             –",
        "carn     1-2-1                ×2         412      37.50     0.9510           –       +0.500             –",
        "carn     2-4-2                ×2           –          –          –           –            –             –",
        "",
        "Squeeze and excitation",
        "Model    Variant          Scale  Params (K)  set5 PSNR  set5 SSIM  set5 LPIPS  set5 Δ PSNR  Latency (ms)",
        "bicubic  default             ×2                  33.66     0.9300           –",
        "carn     none (baseline)     ×2           –          –          –           –            –             –",
        "",
        "also evaluated: set14 (in the report)",
        "",
        "carn-2-4-2-x2-s0-3: failed: out of memory",
        "carn-none-x2-s0-4: not run yet",
        "lpips: no backbone",
    ]


def test_the_summary_of_a_study_without_runs_says_so(build):
    assert summary(build.study()) == "mine: no runs\n"


def test_the_summary_tells_rows_apart_by_what_was_swept(build, scored):
    for width in (8, 16):
        words = ("model=carn", f"model.width={width}")
        build.run(overrides=words, hashed=f"{width:08x}", record=scored(30.0 + width))
    lines = summary(build.study()).splitlines()
    assert any("model.width" in line for line in lines)
    assert [line.split()[3] for line in lines if line.startswith("carn ")] == ["8", "16"]
