import re
from math import inf

import pandas as pd
import pytest

from srbench.reports.comparison import comparison
from srbench.reports.markup import to_latex, to_markdown
from srbench.reports.page import summary
from srbench.reports.tables import sections
from tests.reports.conftest import RGB

COLUMNS = [
    "ablation",
    "model",
    "variant",
    "baseline",
    "scale",
    "seeds",
    "params",
    "params_dead",
    "flops_720p",
    "flops_256",
]
COLUMNS += ["activations_720p", "latency_ms"]
BASE, OTHER = ("atrous", "1-1-1", True), ("atrous", "1-2-1", False)
BASE_ARGS, OTHER_ARGS = ("model=carn", "model.atrous=[1,1,1]"), ("model=carn", "model.atrous=[1,2,1]")


def cells(markdown: str, *start: str) -> list[str]:
    """The cells of the only table row that begins with these cells."""
    rows = [re.split(r" (?<!\\)\| ", line[2:-2]) for line in markdown.splitlines() if line.startswith("| ")]
    (row,) = [row for row in rows if row[: len(start)] == list(start)]
    return row


def test_columns_stand_in_the_order_that_scripts_rely_on(build, scored):
    build.run("carn", BASE, record=scored(37.0, 0.95, set14=33.0))
    table = comparison(build.study())
    scores = ["set5.psnr", "set5.psnr.delta", "set5.ssim", "set5.ssim.delta"]
    # SSIM is a column of every set as soon as one set has it.
    assert list(table.columns[:16]) == COLUMNS + scores
    assert list(table.columns[-3:]) == ["protocol", "resizer", "final_loss"]
    assert "set14.psnr" in table
    assert "set5.psnr.std" not in table


def test_costs_stay_whole_numbers(build, scored):
    cost = {"cost": {"params": 411_971, "flops_720p": 223_099_999_999}, "train": {"steps": 9, "final_loss": 0.02}}
    build.run("carn", record=scored(37.0) | cost)
    text = comparison(build.study()).to_csv(index=False)
    assert text.splitlines()[1] == ',carn,default,False,2,1,411971,,223099999999,,,,37.0,"y (luma, border scale)",,0.02'


def test_a_score_is_the_mean_over_seeds_and_a_delta_pairs_each_seed_with_its_own_baseline(build, scored):
    for seed, base, other in [(0, 37.0, 37.5), (1, 37.2, 37.3), (2, None, 38.0)]:
        build.run("carn", BASE, seed=seed, overrides=BASE_ARGS, hashed=f"{seed}0", record=base and scored(base))
        build.run("carn", OTHER, seed=seed, overrides=OTHER_ARGS, hashed=f"{seed}1", record=scored(other))
    base, other = comparison(build.study()).to_dict("records")
    assert (base["variant"], base["seeds"], other["variant"], other["seeds"]) == ("1-1-1", 2, "1-2-1", 3)
    assert base["set5.psnr"] == pytest.approx(37.1)
    assert other["set5.psnr"] == pytest.approx(37.6)
    assert base["set5.psnr.std"] == pytest.approx(0.2 / 2**0.5)  # two values 0.2 apart
    assert base["set5.psnr.delta"] == 0
    assert other["set5.psnr.delta"] == pytest.approx((0.5 + 0.1) / 2)  # seed 2 has no baseline to compare with


def test_a_delta_stays_within_scale_model_and_swept_overrides(build, scored):
    for scale, width, base, other in [(2, 32, 37.0, 37.5), (2, 64, 38.0, 38.1), (4, 32, 31.0, 30.0)]:
        swept, hashed = (f"model.width={width}",), f"{scale}{width}"
        place = {"scale": scale}
        build.run("carn", BASE, overrides=BASE_ARGS + swept, hashed=hashed + "0", record=scored(base), **place)
        build.run("carn", OTHER, overrides=OTHER_ARGS + swept, hashed=hashed + "1", record=scored(other), **place)
    table = comparison(build.study())
    found = table.set_index(["scale", "model.width", "variant"])["set5.psnr.delta"].round(6).to_dict()
    assert found == {
        (2, "32", "1-1-1"): 0.0,
        (2, "32", "1-2-1"): 0.5,
        (2, "64", "1-1-1"): 0.0,
        (2, "64", "1-2-1"): 0.1,
        (4, "32", "1-1-1"): 0.0,
        (4, "32", "1-2-1"): -1.0,
    }
    assert table.columns[-1] == "model.width"


def test_keys_outside_the_weights_do_not_part_a_run_from_its_baseline(build, scored):
    build.run("carn", BASE, overrides=(*BASE_ARGS, "labels=[a]", "jobs=2"), hashed="0", record=scored(37.0))
    more = ("labels=[b]", "data_root=/x", "data.root=/y", "hydra/launcher=ray", "+eval.datasets=[set5]", "device=cuda")
    build.run("carn", OTHER, overrides=OTHER_ARGS + more, hashed="1", record=scored(37.5))
    table = comparison(build.study())
    assert list(table["set5.psnr.delta"]) == [0, 0.5]
    assert table.columns[-1] == "final_loss"


def test_a_shared_baseline_stands_in_both_ablations_and_serves_both(build, scored):
    both = (BASE, ("se", "none", True))
    build.run("carn", *both, overrides=(*BASE_ARGS, "model.se=false"), hashed="0", record=scored(37.0))
    build.run("carn", OTHER, overrides=OTHER_ARGS, hashed="1", record=scored(37.5))
    build.run("carn", ("se", "se", False), overrides=("model=carn", "model.se=true"), hashed="2", record=scored(36.0))
    table = comparison(build.study())
    found = table[["ablation", "variant", "set5.psnr.delta"]].to_numpy().tolist()
    assert found == [["atrous", "1-1-1", 0], ["atrous", "1-2-1", 0.5], ["se", "none", 0], ["se", "se", -1]]
    assert table.columns[-1] == "final_loss"


def test_the_baseline_leads_its_group_and_runs_in_no_ablation_lead_the_table(build, scored):
    build.run("mossnet", ("atrous", "2-4", False), record=scored(36.0))
    build.run("carn", OTHER, scale=4, record=scored(30.0))
    build.run("carn", OTHER, record=scored(37.0))
    build.run("carn", BASE, record=scored(37.0))
    build.run("mossnet", ("atrous", "1-1", True), record=scored(36.0))
    build.run("espcn", record=scored(35.0))
    build.run("bicubic", record=scored(33.0))
    found = comparison(build.study())[["model", "scale", "variant"]].to_numpy().tolist()
    assert found == [
        ["bicubic", 2, "default"],
        ["espcn", 2, "default"],
        ["mossnet", 2, "1-1"],
        ["mossnet", 2, "2-4"],
        ["carn", 2, "1-1-1"],
        ["carn", 2, "1-2-1"],
        ["carn", 4, "1-2-1"],
    ]


def test_runs_of_an_edited_config_stay_apart_and_without_delta(build, scored):
    for hashed, psnr in (("aaaa", 37.0), ("bbbb", 39.0)):
        build.run("carn", BASE, overrides=BASE_ARGS, hashed=hashed, record=scored(psnr))
    build.run("carn", OTHER, overrides=OTHER_ARGS, hashed="cccc", record=scored(37.5))
    table = comparison(build.study())
    assert list(table["set5.psnr"]) == [37.0, 39.0, 37.5]
    assert list(table["config_hash"]) == ["aaaa", "bbbb", ""]
    assert pd.isna(table["set5.psnr.delta"].iloc[2])


def test_a_baseline_that_an_edited_ablation_has_moved_is_not_guessed(build, scored):
    build.run("carn", BASE, overrides=BASE_ARGS, hashed="0", record=scored(37.0))
    build.run("carn", ("atrous", "1-2-1", True), overrides=OTHER_ARGS, hashed="1", record=scored(37.5))
    assert "set5.psnr.delta" not in comparison(build.study())


def test_scores_under_another_protocol_are_neither_averaged_nor_compared(build, scored):
    build.run("carn", BASE, overrides=BASE_ARGS, hashed="0", record=scored(37.0))
    build.run("carn", OTHER, overrides=OTHER_ARGS, hashed="1", record=scored(35.0) | {"protocol": RGB})
    build.run("espcn", seed=0, hashed="2", record=scored(36.0))
    build.run("espcn", seed=1, hashed="3", record=scored(34.0) | {"protocol": RGB})
    study = build.study()
    table = comparison(study)
    assert table.set_index(["model", "variant"])["set5.psnr"].isna().to_dict() == {
        ("espcn", "default"): True,
        ("carn", "1-1-1"): False,  # the first of two protocols that as many runs have
        ("carn", "1-2-1"): True,
    }
    text = to_markdown(table, study)
    assert "- protocol: rgb (rgb, border scale) (2 runs), y (luma, border scale) (2 runs)" in text
    luma, rgb = (f"{name}, border scale), images not recorded" for name in ("y (luma", "rgb (rgb"))
    assert f"scored by {rgb}; this column holds {luma}<br>" in text
    assert f"scored by {luma} and {rgb}; this column holds {luma}<br>" in text


def test_scores_on_lr_of_another_resizer_do_not_share_a_column(build):
    for seed in (0, 1):
        build.run(
            "carn", BASE, overrides=BASE_ARGS, seed=seed, hashed=f"0{seed}", images={"set5": [37.0], "b100": [31.0]}
        )
    odd = {"images": {"set5": [38.0], "b100": [32.0]}, "overrides": OTHER_ARGS}
    build.run("carn", OTHER, hashed="2", resizer="matlab-symmetric", **odd)
    build.run("carn", OTHER, hashed="3", resizer="matlab-symmetric", scale=4, **odd)  # alone at its scale
    study = build.study()
    table = comparison(study)
    assert table["set5.psnr"].fillna(0).tolist() == [37, 0, 38]
    assert table["set5.psnr.delta"].fillna(9).tolist() == [0, 9, 9]
    own, held = (f"y (luma, border scale), 1 images (LR: {resizer})" for resizer in ("matlab-symmetric", "file"))
    assert f"scored by {own}; this column holds {held}<br>" in to_markdown(table, study)
    assert f"set5: scored by {own}; this column holds {held}" in summary(study).splitlines()


def test_a_delta_to_a_refused_baseline_names_the_baselines_reason(build):
    three = {"images": {"set5": [37.0, 38.0, 39.0]}}
    build.run("carn", BASE, overrides=BASE_ARGS, hashed="0", images={"set5": [37.0, 38.0]})
    build.run("carn", OTHER, overrides=OTHER_ARGS, hashed="1", **three)
    build.run("mossnet", ("atrous", "1-1", True), overrides=("model.atrous=[1,1]",), hashed="2", **three)
    build.run("mossnet", ("atrous", "2-4", False), overrides=("model.atrous=[2,4]",), hashed="3", **three)
    study = build.study()
    own, held = (f"y (luma, border scale), {count} images (LR: file)" for count in (2, 3))
    text = to_markdown(comparison(study), study)
    (number,) = re.findall(
        rf"<sup>(.)</sup> {re.escape(f'its baseline: scored by {own}; this column holds {held}')}", text
    )
    assert cells(text, "carn", "1-2-1")[-2:] == ["38.00", f"–<sup>{number}</sup>"]
    assert cells(text, "mossnet", "2-4")[-1] == "≈ +0.000 [+0.000, +0.000]"


def test_a_failed_run_keeps_its_row_but_none_of_its_old_scores(build, scored):
    build.run("carn", BASE, hashed="0", record=scored(37.0))
    build.run("carn", OTHER, hashed="1", record=scored(36.0) | {"status": "failed", "error": "out of memory"})
    table = comparison(build.study())
    assert list(table.seeds) == [1, 0]
    assert pd.isna(table["set5.psnr"].iloc[1])


def test_an_infinite_score_is_kept_and_has_no_delta(build, scored):
    build.run("carn", BASE, overrides=BASE_ARGS, hashed="0", record=scored(inf))
    build.run("carn", OTHER, overrides=OTHER_ARGS, hashed="1", record=scored(inf))
    study = build.study()
    table = comparison(study)
    assert list(table["set5.psnr"]) == [inf, inf]
    assert "set5.psnr.delta" not in table
    assert cells(to_markdown(table, study), "carn", "1-2-1")[-1] == "∞"


def test_a_study_without_runs_has_a_table_without_rows(build):
    study = build.study()
    table = comparison(study)
    assert list(table.columns) == [*COLUMNS, "protocol", "resizer", "final_loss"]
    assert table.empty
    assert to_markdown(table, study).startswith("# mine\n")


def test_markdown_rounds_with_units_and_marks_best_and_second(build, scored):
    cost = {"params": 411_971, "flops_720p": 91_200_000_000, "flops_256": 25_940_000_000, "activations_720p": 4_321_000}
    latency = [{"batch": 1, "height": 256, "width": 256, "median_ms": 38.27, "threads": 1, "device": "cpu"}]
    record = {"cost": cost | {"params_dead": 0}, "latency": latency}
    scores = {"1-1-1": (37.004, 0.9501, 0.04), "1-2-1": (37.496, 0.9500, 0.06), "2-4-2": (37.5, 0.94, 0.05)}
    for number, (variant, values) in enumerate(scores.items()):
        arguments = ("model=carn", f"model.atrous={variant}")
        place = ("atrous", variant, number == 0)
        build.run("carn", place, overrides=arguments, hashed=str(number), record=scored(*values) | record)
    study = build.study()
    text = to_markdown(comparison(study), study)
    shared = ["×2", "412", "91.2", "25.9", "4.32", "38.3"]
    # 37.496 and 37.5 are printed alike, so both are best.
    assert cells(text, "carn", "1-1-1 (baseline)")[2:] == [
        *shared,
        "<u>37.00</u>",
        "+0.000",
        "**0.9501**",
        "**0.0400**",
    ]
    assert cells(text, "carn", "1-2-1")[2:] == [*shared, "**37.50**", "+0.492<sup>1</sup>", "<u>0.9500</u>", "0.0600"]
    assert cells(text, "carn", "2-4-2")[2:] == [*shared, "**37.50**", "+0.496<sup>1</sup>", "0.9400", "<u>0.0500</u>"]
    header = ["Model", "Variant", "Scale", "Params (K)", "FLOPs 720p (G)", "FLOPs 256² (G)", "Act. 720p (M)"]
    header += ["Latency (ms)", "set5 PSNR", "set5 Δ PSNR", "set5 SSIM", "set5 LPIPS"]
    assert cells(text, "Model") == header


def test_markdown_says_once_what_the_numbers_rest_on(build, scored):
    setting = {"device": "cpu", "threads": 2, "precision": "bf16", "versions": {"srbench": "0.1.0"}}
    build.run("carn", BASE, hashed="0", record=scored(37.0) | setting)
    build.run("carn", OTHER, hashed="1", record=scored(37.0) | setting | {"threads": 4})
    study = build.study()
    lines = to_markdown(comparison(study), study).splitlines()
    expected = [
        "- protocol: y (luma, border scale)",
        "- device: cpu",
        "- threads: 2 (1 runs), 4 (1 runs)",
        "- training precision: bf16",
        "- evaluation: float32",
        "- srbench: 0.1.0",
    ]
    for line in ["- command: `python -m srbench -m model=carn ablation=atrous`", *expected]:
        assert lines.count(line) == 1
    section = lines[lines.index("## Atrous rates of the residual blocks") :]
    assert "- Question: does a larger receptive field help?" in section
    assert "- Source: Waifu2x CARN study" in section
    assert "- Baseline: carn 1-1-1" in section


def test_each_gap_has_a_footnote_with_its_reason(build, scored):
    reasons = {"lpips": "run: python -m srbench data get alexnet", "flops": "unknown operators"}
    build.run("carn", BASE, hashed="0", record=scored(37.0) | {"missing": reasons})
    build.run("carn", OTHER, hashed="1", record=scored(37.0) | {"status": "failed", "error": "out of\nmemory | <b>"})
    build.run("carn", ("atrous", "2-4-2", False), hashed="2")
    build.run("mossnet", ("atrous", "2-4", False), hashed="3", record=scored(36.0, set14=33.0))
    study = build.study()
    table = comparison(study)
    text = to_markdown(table, study)
    notes = dict(re.findall(r"^<sup>(\d+)</sup> (.*)<br>$", text, re.MULTILINE))

    def reason(variant: str, title: str) -> str:
        (row,) = [row for row in text.splitlines() if re.match(rf"\| \w+ \| {variant}[ <]", row)]
        cell = re.split(r" (?<!\\)\| ", row[2:-2])[cells(text, "Model").index(title)]
        return notes[re.fullmatch(r"–<sup>(\d+)</sup>", cell)[1]]

    assert reason("1-1-1", "set5 LPIPS") == "run: python -m srbench data get alexnet"
    assert reason("1-1-1", "FLOPs 720p (G)") == "unknown operators"
    assert reason("1-1-1", "Act. 720p (M)") == "unknown operators"
    assert reason("1-1-1", "Latency (ms)") == "not measured"
    assert reason("1-1-1", "set14 PSNR") == "not evaluated"
    assert reason("1-2-1", "set5 PSNR") == r"failed: out of memory \| \<b>"
    assert reason("2-4-2", "set5 PSNR") == "not run yet"
    assert reason("2-4", "set5 Δ PSNR") == "no baseline with this value to compare with"
    assert sorted(notes) == [str(number) for number in range(1, len(notes) + 1)]
    assert len(set(notes.values())) == len(notes)


def test_a_gap_of_one_set_has_the_reason_of_that_set_before_the_metrics_own(build, scored):
    record = scored(37.0, set14=33.0, b100=30.0)
    record["scores"]["b100"]["niqe"] = 4.0
    for seed, missing in enumerate(
        ({"niqe": "no parameters"}, {"set14.niqe": "less than two blocks", "val.pi": "none"})
    ):
        build.run("carn", seed=seed, hashed=f"{seed}", record=record | {"missing": missing})
    build.run("bicubic", hashed="2", record=scored(33.0) | {"missing": {"set5.niqe": "flat", "flops": "no network"}})
    study = build.study()
    (section,) = sections(comparison(study), study)
    ((bicubic,), (carn,)) = section.groups
    notes = {name: carn[name].notes for name in ("set14.niqe", "set5.niqe", "val.pi", "val.psnr")}
    assert notes == {
        "set14.niqe": ("less than two blocks",),
        "set5.niqe": ("no parameters",),
        "val.pi": ("none",),
        "val.psnr": ("not evaluated",),
    }
    assert bicubic["set5.niqe"].notes == ("flat",)
    assert "set5.niqe: flat" in summary(study).splitlines()
    assert "flops: no network" not in summary(study).splitlines()


def test_what_a_metrics_name_does_not_tell_stands_below_where_it_is_shown(build, scored):
    told = {
        "niqe": ("set5 NIQE", "BasicSR's convention"),
        "pi": ("set5 PI", "Ma's score comes from pyiqa, under a non-commercial licence"),
        "rmse_pirm": ("set5 RMSE_PIRM (unverified)", "inferred from the description of PIRM 2018"),
        "ssim_global": ("set5 SSIM_GLOBAL", "not comparable with SSIM"),
    }
    for metric, (title, caveat) in told.items():
        record = scored(37.0)
        record["scores"]["set5"][metric] = 5.0
        build.run("carn", hashed="0", record=record)
        study = build.study()
        text, tex = to_markdown(comparison(study), study), to_latex(comparison(study), study)
        assert f"{title}<sup>1</sup> |" in text
        (line,) = [line for line in text.splitlines() if line.startswith("<sup>1</sup> ")]
        assert caveat in line
        escaped = title.replace("_", r"\_")
        assert rf"& {escaped}\textsuperscript{{1}} \\" in tex
        assert caveat in tex


def test_a_seed_that_is_absent_is_named_at_its_row(build, scored):
    build.run("carn", seed=0, hashed="0", record=scored(37.0))
    build.run("carn", seed=1, hashed="1", record=scored(37.2))
    build.run("carn", seed=2, hashed="2", record={"status": "failed", "error": "out of memory"})
    study = build.study()
    text = to_markdown(comparison(study), study)
    row = cells(text, "carn")
    assert row[1] == "default<sup>1</sup>"
    assert "37.10 ± 0.14" in row[-1]
    assert "<sup>1</sup> seed 2: failed: out of memory<br>" in text


def test_bicubic_tops_every_ablation_of_its_scale_and_is_never_marked(build, scored):
    build.run("bicubic", hashed="0", record=scored(99.0) | {"cost": {"params": 0}})
    build.run("bicubic", scale=4, hashed="1", record=scored(28.0))
    build.run("carn", BASE, hashed="2", record=scored(37.0))
    build.run("carn", OTHER, hashed="3", record=scored(36.0))
    build.run("carn", ("se", "none", True), ("se", "se", False), hashed="4", record=scored(37.0))
    study = build.study()
    table = comparison(study)
    assert list(table.model[table.model == "bicubic"]) == ["bicubic", "bicubic"]
    parts = sections(table, study)
    assert [part.title for part in parts] == ["Atrous rates of the residual blocks", "Squeeze and excitation"]
    for part in parts:
        (top,) = part.groups[0]
        assert (top["model"].text, top["scale"].text, top["set5.psnr"].text) == ("bicubic", "×2", "99.00")
        assert top["set5.psnr"].mark == ""
        assert (top["params"].text, top["flops_720p"].text) == ("0", "")
    assert [row["set5.psnr"].mark for row in parts[0].groups[1]] == ["best", "second"]


def test_latex_is_booktabs_with_every_special_sign_escaped(build, scored):
    name = r"a_b&c%d#e$f{g}h~i^j\k[l]"
    build.run("carn", BASE, overrides=BASE_ARGS, hashed="0", record=scored(37.0))
    build.run("carn", OTHER, overrides=OTHER_ARGS, hashed="1", record=scored(36.5))
    build.run("carn", ("atrous", "1-4-1", False), hashed="2", record={"status": "failed", "error": name})
    study = build.study()
    text = to_latex(comparison(study), study)
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    escaped = r"a\_b\&c\%d\#e\$f\{g\}h\textasciitilde{}i\textasciicircum{}j\textbackslash{}k{[}l{]}"
    assert rf"\textsuperscript{{3}} failed: {escaped}." in body
    assert r"\textbf{37.00} & +0.000 \\" in body
    assert r"\underline{36.50} & $-$0.500\textsuperscript{2} \\" in body
    assert r"help? Source: Waifu2x CARN study. Baseline: carn 1-1-1.}" in body
    assert body.count(r"\begin{table}") == body.count(r"\end{table}") == 1
    assert [line for line in body.splitlines() if line.endswith("rule")] == [r"\toprule", r"\midrule", r"\bottomrule"]
    assert body.isascii()
    (columns,) = re.findall(r"\\begin{tabular}{(\w+)}", body)
    rows = [line for line in body.splitlines() if line.endswith(r"\\")]
    assert {len(re.findall(r"(?<!\\)&", row)) + 1 for row in rows} == {len(columns)}
    plain = re.sub(r"\\[{}]", "", body)
    assert plain.count("{") == plain.count("}")
