"""The summary that a command ends with."""

from srbench.experiments.store.record import Membership
from srbench.metrics.figures import Cost
from srbench.metrics.missing import Missing
from srbench.reports.terminal import summary
from tests.reports.conftest import BASE, OTHER, THIRD, failed, scored


def test_it_is_a_table_an_ablation_and_the_reasons_for_its_gaps(build):
    missing = (Missing("lpips", "weights", "no backbone"),)
    facts = {"missing": missing, "cost": Cost(params=412_000)}
    no_network = (Missing("flops", "network", "no network"),)
    build.run("bicubic", hashed="0", left=scored(33.66, 0.93).with_facts(missing=no_network))
    build.run("carn", BASE, hashed="1", left=scored(37.0, 0.95, set14=33.0).with_facts(**facts))
    build.run("carn", OTHER, hashed="2", left=scored(37.5, 0.951, set14=33.1).with_facts(**facts))
    build.run("carn", THIRD, hashed="3", left=failed("out of memory"))
    build.run("carn", Membership("se", "none", True), hashed="4")
    assert summary(build.report()).splitlines() == [
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


def test_of_bicubic_a_metric_that_is_missing_is_told(build):
    missing = (Missing("set5.niqe", "image", "flat"), Missing("flops", "network", "no network"))
    build.run("bicubic", left=scored(33.0).with_facts(missing=missing))
    assert summary(build.report()).splitlines()[-1] == "set5.niqe: flat"


def test_a_reason_of_several_runs_is_told_once(build):
    for seed in range(2):
        missing = (Missing("lpips", "weights", "no backbone"),)
        build.run("carn", seed=seed, hashed=f"{seed}", left=scored(37.0).with_facts(missing=missing))
    assert summary(build.report()).count("no backbone") == 1


def test_a_study_without_runs_says_so(build):
    assert summary(build.report()) == "mine: no runs\n"


def test_rows_are_told_apart_by_what_was_swept(build):
    for width in (8, 16):
        words = ("model=carn", f"model.width={width}")
        build.run(words=words, hashed=f"{width:08x}", left=scored(30.0 + width))
    lines = summary(build.report()).splitlines()
    assert any("model.width" in line for line in lines)
    assert [line.split()[3] for line in lines if line.startswith("carn ")] == ["8", "16"]
